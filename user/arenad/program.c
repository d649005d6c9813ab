// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "program.h"

#include <common/log.h>
#include <common/log_options.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <listen/socket.h>
#include <np/zerocopy.h>
#include <sandbox/sandbox.h>
#include <sp/backend/kind.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls/options.h>
#include <unistd.h>

#include "cpus.h"
#include "options.h"
#include "pairs.h"

/* Room for the options of each export, --listen for each socket, and 64 others. */
#define MAX_ARGUMENTS	(2 * (PROTO_MAX_SPS * (4 + ACCESS_RULES_MAX) + LISTEN_MAX) + 64)

/**
 * struct arguments - a command line under construction
 * @n: used entries of @text
 * @text: the arguments, which are not freed, since an exec follows
 */
struct arguments {
	unsigned int n;
	const char *text[MAX_ARGUMENTS + 1];
};

static void add(struct arguments *a, const char *text)
{
	if (a->n == MAX_ARGUMENTS)
		abort();
	a->text[a->n++] = text;
}

static void add_value(struct arguments *a, const char *option, const char *value)
{
	add(a, option);
	add(a, value);
}

__attribute__((format(printf, 1, 2)))
static char *format(const char *fmt, ...)
{
	va_list ap;
	char *text;
	int ret;

	va_start(ap, fmt);
	ret = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (ret < 0)
		abort();
	return text;
}

int program_path(const struct arenad_options *o, const char *name, char *path)
{
	size_t size = strlen(name) + 1;
	ssize_t folder;

	if (o->bindir)
		return snprintf(path, PROGRAM_PATH_SIZE, "%s/%s", o->bindir, name) <
		       PROGRAM_PATH_SIZE ? 0 : -ENAMETOOLONG;
	/* The folder that arenad itself was started from. */
	folder = readlink("/proc/self/exe", path, PROGRAM_PATH_SIZE - size);
	if (folder < 0)
		return -errno;
	while (folder && path[folder - 1] != '/')
		folder--;
	memcpy(path + folder, name, size);
	return 0;
}

/* Let the program inherit a descriptor; it inherits no other one. */
static int pass(int fd)
{
	if (!fcntl(fd, F_SETFD, 0))
		return 0;
	log_error("cannot pass a descriptor on: %s", log_reason(errno));
	return -errno;
}

static int add_fd(struct arguments *a, const char *option, int fd)
{
	add_value(a, option, format("%d", fd));
	return pass(fd);
}

/* Add the options that both programs have. Return: 0 or -errno. */
static int add_common(struct arguments *a, const struct program *p)
{
	const struct arenad_options *o = p->options;
	int ret = add_fd(a, "--control-fd", p->control_fd);

	add_value(a, "--region", o->region);
	add_value(a, "--transport", proto_transport_words[o->transport]);
	add_value(a, "--wait", proto_wait_words[o->wait]);
	add_value(a, "--sandbox", sandbox_words[o->sandbox]);
	add_value(a, "--id", format("%u", p->id));
	if (!ret)
		ret = add_fd(a, "--layout-fd", p->layout_fd);
	if (!ret && p->stats_fd >= 0)
		ret = add_fd(a, "--stats-fd", p->stats_fd);
	return ret;
}

static void become(const struct arenad_options *o, const struct cpu_set *cpus, struct arguments *a)
{
	char path[PROGRAM_PATH_SIZE];
	int ret = program_path(o, a->text[0], path);

	if (ret) {
		log_error("cannot find %s: %s", a->text[0], log_reason(-ret));
		return;
	}
	if (o->verbose)
		add(a, "--verbose");
	/* Left out where it says nothing, as programs of an earlier version do not have it. */
	if (o->log_format != LOG_FORMAT_TEXT)
		add_value(a, "--log-format", log_format_words[o->log_format]);
	if (cpus_bind(cpus))
		return;
	/* execv() promises not to write to them. */
	execv(path, (char *const *)a->text);
	log_error("cannot execute %s: %s", path, errno == ENOENT ?
		  "it is not there; install it beside arenad" : log_reason(errno));
}

/* Pass the descriptors of a channel on. Return: the value that names them; NULL if that failed. */
static char *pass_end(struct arena_channel_end end)
{
	if (pass(end.own.ring) || pass(end.own.memory) || pass(end.peer))
		return NULL;
	return format("%d,%d,%d", end.own.ring, end.own.memory, end.peer);
}

void program_exec_sp(void *context)
{
	const struct program *p = context;
	const struct arenad_options *o = p->options;
	struct arguments a = { 0 };
	char limit[LIMIT_TEXT_SIZE];

	add(&a, "arena-sp");
	if (add_common(&a, p))
		return;
	add_value(&a, "--disk", o->disk[p->id].path);
	add_value(&a, "--backend", backend_names[o->disk_backend]);
	if (o->disk[p->id].is_readonly)
		add(&a, "--read-only");
	limit_format(&o->disk[p->id].limit, limit);
	if (*limit)
		add_value(&a, "--limit", limit);
	for (unsigned int i = 0; i < o->nps; i++) {
		const char *end = pass_end(pairs_end_of_sp(p->pairs, i, p->id));

		if (!end)
			return;
		add_value(&a, "--np", end);
	}
	if (!o->fixed_buffers)
		add(&a, "--no-fixed-buffers");
	if (o->iopoll)
		add(&a, "--iopoll");
	add_value(&a, "--disk-timeout", format("%u", o->disk_timeout));
	if (o->hold_seconds)
		add(&a, "--end-when-gone");
	if (p->awaited[0])
		add_value(&a, "--await", p->awaited);
	become(o, &p->cpus->sp[p->id], &a);
}

static int add_sockets(struct arguments *a, const struct program *p)
{
	int ret = 0;

	for (unsigned int i = 0; i < p->sockets->n && !ret; i++) {
		add_value(a, "--listen", format("fd:%d", p->sockets->socket[i].fd));
		ret = pass(p->sockets->socket[i].fd);
	}
	add_value(a, "--unreachable-timeout", format("%u", p->options->listen.unreachable_seconds));
	return ret;
}

/* Each option has the name of the export in front of its value. */
static void add_for(struct arguments *a, const char *option, const struct export_options *e,
		    const char *value)
{
	add_value(a, option, format("%s=%s", e->name, value));
}

static void add_export(struct arguments *a, const struct export_options *e, const char *end)
{
	add_for(a, "--sp", e, end);
	if (e->description)
		add_for(a, "--description", e, e->description);
	if (e->no_disk != EXPORT_STOP)
		add_for(a, "--no-disk", e, export_no_disk_words[e->no_disk]);
	for (unsigned int i = 0; i < e->access.n; i++)
		add_for(a, "--allow", e, e->access.rule[i].text);
}

void program_exec_np(void *context)
{
	const struct program *p = context;
	const struct arenad_options *o = p->options;
	struct arguments a = { 0 };

	add(&a, "arena-np");
	if (add_common(&a, p) || add_sockets(&a, p))
		return;
	for (unsigned int i = 0; i < o->exports.n; i++) {
		const char *end = pass_end(pairs_end_of_np(p->pairs, p->id, i));

		if (!end)
			return;
		add_export(&a, &o->exports.export[i], end);
	}
	if (o->exports.chosen)
		add_value(&a, "--default-export", o->exports.chosen);
	add_value(&a, "--tls", tls_words[o->tls]);
	add_value(&a, "--ktls", tls_kernel_words[o->ktls]);
	add_value(&a, "--tls-key-limit", format("%" PRIu64, o->tls_key_bytes));
	add_value(&a, "--max-connections", format("%u", o->connections_max));
	add_value(&a, "--max-connections-per-client", format("%u", o->client_connections_max));
	add_value(&a, "--idle-timeout", format("%u", o->idle_seconds));
	add_value(&a, "--handshake-timeout", format("%u", o->handshake_seconds));
	add_value(&a, "--stall-timeout", format("%u", o->stall_seconds));
	add_value(&a, "--hold", format("%u", o->hold_seconds));
	if (o->zerocopy == ZEROCOPY_NEVER)
		add_value(&a, "--zerocopy-threshold", "never");
	else if (o->zerocopy != ZEROCOPY_AUTO)
		add_value(&a, "--zerocopy-threshold", format("%u", o->zerocopy));
	if (p->ready_fd >= 0 && add_fd(&a, "--ready-fd", p->ready_fd))
		return;
	if (p->handoff_fd >= 0 && add_fd(&a, "--handoff-fd", p->handoff_fd))
		return;
	become(o, &p->cpus->np[p->id], &a);
}
