// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "shape.h"

#include <common/log.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static const char *backend_text(enum arenad_backend backend)
{
	if (backend == ARENAD_BACKEND_AUTO)
		return "auto";
	return backend == ARENAD_BACKEND_MODULE ? "module" : "memfd";
}

static void write_region(FILE *f, const struct arenad_options *o)
{
	fprintf(f, "--region %s\n--backend %s\n", o->region, backend_text(o->backend));
	fprintf(f, "--size %" PRIu64 "\n--page-size %" PRIu64 "\n", o->size, o->page_size);
	fprintf(f, "--nps %u\n--np-buffers %u\n", o->nps, o->np_buffers);
	fprintf(f, "--np-memory %" PRIu64 "\n", o->np_memory);
	fprintf(f, "--transport %s\n", proto_transport_words[o->transport]);
	fprintf(f, "--np-user %s\n", o->np_user.name ? o->np_user.name : "none");
	fprintf(f, "--sp-user %s\n", o->sp_user.name ? o->sp_user.name : "none");
}

char *shape_text(const struct arenad_options *o)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	write_region(f, o);
	fprintf(f, "--tls %s\n", o->tls ? "allow or require" : "off");
	fprintf(f, "--exports-max %u\n", o->exports.n);
	for (unsigned int i = 0; i < o->exports.n; i++) {
		if (export_is_vacant(&o->exports.export[i])) {
			fprintf(f, "--disk\n--disk-memory =%" PRIu64 "\n", o->disk[i].memory);
			continue;
		}
		fprintf(f, "--disk %s=%s\n", o->exports.export[i].label, o->disk[i].path);
		fprintf(f, "--disk-memory %s=%" PRIu64 "\n", o->exports.export[i].label,
			o->disk[i].memory);
	}
	for (unsigned int i = 0; i < o->listen.n; i++)
		fprintf(f, "--listen %s\n", o->listen.place[i].text);
	fprintf(f, "--reuse-port %s\n", o->listen.reuse_port ? "yes" : "no");
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}

bool shape_has_line(const char *text, const char *line, size_t length)
{
	for (const char *at = text; *at; at += strcspn(at, "\n") + 1)
		if (strcspn(at, "\n") == length && !memcmp(at, line, length))
			return true;
	return false;
}

/* Log the lines of @text that @other does not have. Return: is there none? */
static bool log_missing(const char *text, const char *other, const char *what, const char *remedy)
{
	bool is_same = true;

	for (const char *at = text; *at;) {
		size_t length = strcspn(at, "\n");

		if (!shape_has_line(other, at, length)) {
			log_error("%s %.*s; %s", what, (int)length, at, remedy);
			is_same = false;
		}
		at += length + 1;
	}
	return is_same;
}

bool shape_agrees(const char *running, const char *wanted)
{
	bool is_same = log_missing(running, wanted, "the running processes have", "use that, too");

	is_same &= log_missing(wanted, running, "this arenad has", "leave that out");
	if (is_same && strcmp(running, wanted) != 0) {
		log_error("this arenad has --listen in another order than the running processes; "
			  "use theirs");
		is_same = false;
	}
	return is_same;
}
