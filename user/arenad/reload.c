// SPDX-License-Identifier: MIT
#include "reload.h"

#include <common/log.h>
#include <errno.h>
#include <exports/copy.h>
#include <string.h>
#include <tls/bundle.h>
#include <tls/credentials.h>
#include <tls/texts.h>
#include <unistd.h>

#include "lines.h"
#include "options.h"

static int seal(const struct tls_texts *texts)
{
	int fd = tls_bundle_make(texts);

	if (fd < 0)
		log_error("TLS: cannot make a memfd of the files: %s", log_reason(-fd));
	return fd;
}

/* What makes credentials here makes them in the NPs, too. Return: a memfd or -errno. */
static int read_files(const struct arenad_options *o)
{
	struct tls_credentials *t;
	struct tls_texts texts;
	int ret = tls_texts_read(&texts, &o->tls_files);

	if (ret)
		return ret;
	ret = tls_credentials_new(&texts, &t);
	if (!ret) {
		tls_credentials_put(t);
		ret = seal(&texts);
	}
	tls_texts_free(&texts);
	return ret;
}

int reload_open(struct reload *r, const struct arenad_options *o)
{
	*r = (struct reload){ .options = o, .bundle = -1, .exports = -1 };
	if (!o->tls)
		return 0;
	r->bundle = read_files(o);
	return r->bundle < 0 ? r->bundle : 0;
}

/* Return: has the NP got it? */
static bool hand_over(struct reload *r, unsigned int np)
{
	const struct control_message m = { .type = CONTROL_TLS };
	int ret = lines_send(r->lines, np, &m, r->bundle);
	bool was_owed = r->is_owed[np];

	r->is_owed[np] = ret == -EAGAIN;
	if (r->is_owed[np] && !was_owed)
		log_warn("arena-np %u does not take new files; it gets them when it does", np);
	/* Whether the time has come, or the files were read once more: what was said ends here. */
	if (!ret && was_owed)
		log_info("arena-np %u has got the new files", np);
	return !ret;
}

/* Without the exports, nothing of them is handed over, and that is tried again. */
static void make_exports(struct reload *r)
{
	static struct export_set set;

	if (r->exports >= 0)
		close(r->exports);
	set = r->options->exports;
	for (unsigned int i = 0; i < set.n; i++)
		set.export[i].is_drained = r->drained >> i & 1;
	r->exports = export_copy_make(&set);
	if (r->exports >= 0)
		return;
	log_limited(LOG_LEVEL_ERROR, "processes that run keep the exports that they have for now: "
		    "%s", log_reason(-r->exports));
	r->exports = -1;
}

static void give_exports(struct reload *r, unsigned int np)
{
	const struct control_message m = { .type = CONTROL_EXPORTS };
	bool was_owed = r->owes_exports[np];

	if (r->exports < 0)
		make_exports(r);
	r->owes_exports[np] = r->exports < 0 ||
			      lines_send(r->lines, np, &m, r->exports) == -EAGAIN;
	if (r->owes_exports[np] && !was_owed && r->exports >= 0)
		log_warn("arena-np %u does not take other exports; it gets them when it does", np);
}

void reload_begin(struct reload *r, unsigned int np)
{
	if (r->bundle >= 0)
		hand_over(r, np);
	/* Its command line does not say which exports are drained. */
	if (r->drained)
		give_exports(r, np);
}

void reload_give(const struct reload *r, int fd)
{
	const struct control_message m = { .type = CONTROL_TLS };

	/* A new socket has room. */
	if (r->bundle >= 0)
		(void)control_socket_send(fd, &m, r->bundle);
}

void reload_owe(struct reload *r, unsigned int np)
{
	r->is_owed[np] = r->bundle >= 0;
}

bool reload_read(struct reload *r)
{
	int bundle;

	if (r->bundle < 0) {
		log_info("reload: no files are in use, as TLS is off");
		return false;
	}
	bundle = read_files(r->options);
	if (bundle < 0) {
		log_warn("reload: the files of TLS stay in use as they were; correct what the "
			 "lines before name, and reload again");
		return false;
	}
	close(r->bundle);
	r->bundle = bundle;
	r->n_bundles++;
	return true;
}

void reload_hand_over(struct reload *r)
{
	const struct tls_files *files = &r->options->tls_files;
	int taken = 0;

	for (unsigned int i = 0; i < r->options->nps; i++)
		taken += hand_over(r, i);
	log_info("reload: %s%s%s read again and handed to %d network processes",
		 files->folder ? files->folder : "", files->folder && files->psk ? " and " : "",
		 files->psk ? files->psk : "", taken);
}

void reload_adopt(struct reload *r, const struct arenad_options *o, int bundle)
{
	*r = (struct reload){ .options = o, .bundle = bundle, .exports = -1 };
}

/* An SP that has ended has a successor, which gets the limits by its command line. */
static void give_limit(struct reload *r, unsigned int sp)
{
	const struct limit *l = &r->options->disk[sp].limit;
	const struct control_message m = {
		.type = CONTROL_LIMIT,
		.connections = l->connections, .iops = l->iops, .bytes = l->bytes,
	};
	bool was_owed = r->owes_limit[sp];

	r->owes_limit[sp] = lines_send(r->lines, r->options->nps + sp, &m, -1) == -EAGAIN;
	if (r->owes_limit[sp] && !was_owed)
		log_warn("arena-sp %u does not take its limits; it gets them when it does", sp);
}

void reload_limits(struct reload *r)
{
	for (unsigned int i = 0; i < r->options->exports.n; i++)
		if (!export_is_vacant(&r->options->exports.export[i]))
			give_limit(r, i);
}

void reload_exports(struct reload *r)
{
	make_exports(r);
	for (unsigned int i = 0; i < r->options->nps; i++)
		give_exports(r, i);
}

void reload_drain(struct reload *r, unsigned int sp, bool is_drained)
{
	if (is_drained)
		r->drained |= 1U << sp;
	else
		r->drained &= ~(1U << sp);
	reload_exports(r);
}

void reload_owe_exports(struct reload *r)
{
	make_exports(r);
	for (unsigned int i = 0; i < r->options->nps; i++)
		r->owes_exports[i] = true;
}

bool reload_owes_exports(const struct reload *r)
{
	for (unsigned int i = 0; i < r->options->nps; i++)
		if (r->owes_exports[i])
			return true;
	return false;
}

bool reload_is_owing(const struct reload *r)
{
	if (reload_owes_exports(r))
		return true;
	for (unsigned int i = 0; i < r->options->nps; i++)
		if (r->is_owed[i])
			return true;
	for (unsigned int i = 0; i < r->options->exports.n; i++)
		if (r->owes_limit[i])
			return true;
	return false;
}

void reload_retry(struct reload *r)
{
	for (unsigned int i = 0; i < r->options->nps; i++)
		if (r->is_owed[i])
			(void)hand_over(r, i);
	for (unsigned int i = 0; i < r->options->nps; i++)
		if (r->owes_exports[i])
			give_exports(r, i);
	for (unsigned int i = 0; i < r->options->exports.n; i++)
		if (r->owes_limit[i])
			give_limit(r, i);
}

void reload_close(struct reload *r)
{
	if (r->bundle >= 0)
		close(r->bundle);
	if (r->exports >= 0)
		close(r->exports);
}
