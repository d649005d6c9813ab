// SPDX-License-Identifier: MIT
#include "reload.h"

#include <common/clock.h>
#include <common/log.h>
#include <control/socket.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <tls/bundle.h>
#include <tls/credentials.h>
#include <tls/texts.h>
#include <unistd.h>

#include "np.h"

/* Clients that have come keep what their sessions began with. */
static int use(struct np *np, const struct tls_texts *texts)
{
	struct tls_credentials *t;
	int ret = tls_credentials_new(texts, &t);

	if (ret)
		return ret;
	tls_credentials_put(np->credentials);
	np->credentials = t;
	return 0;
}

static int use_bundle(struct np *np, int fd)
{
	struct tls_texts texts;
	int ret = tls_bundle_read(fd, &texts);

	if (ret) {
		log_error("TLS: cannot read what arenad has handed over: %s", log_reason(-ret));
		return ret;
	}
	ret = use(np, &texts);
	tls_texts_free(&texts);
	return ret;
}

static int use_files(struct np *np)
{
	struct tls_texts texts;
	int ret = tls_texts_read(&texts, &np->options->tls_files);

	if (ret)
		return ret;
	ret = use(np, &texts);
	tls_texts_free(&texts);
	return ret;
}

/* arenad sends the first message before it starts the process. */
static int use_first(struct np *np)
{
	struct control_message m;
	int fd, ret = control_socket_receive(np->options->control_fd, &m, &fd);

	if (!ret && m.type != CONTROL_TLS)
		ret = -EPROTO;
	if (ret) {
		log_error("TLS: nothing has come by the control socket: %s", log_reason(-ret));
		return ret;
	}
	ret = use_bundle(np, fd);
	close(fd);
	return ret;
}

int reload_credentials(struct np *np)
{
	const struct tls_files *files = &np->options->tls_files;

	if (np->options->tls == NEGOTIATION_TLS_OFF)
		return 0;
	return files->folder || files->psk ? use_files(np) : use_first(np);
}

static void take_bundle(struct np *np, int fd)
{
	if (!use_bundle(np, fd))
		log_info("TLS: new clients are served with the files that arenad has read now");
	else
		log_error("TLS: new clients are served with the files as they were before; correct "
			  "what the line before names, and reload again");
}

/*
 * Another export, or none, comes in the place of one. Its SP has ended, or is about to; arenad
 * starts no other one in its place before it has said that (CONTROL_GONE).
 */
static void change_export(struct np *np, unsigned int i, const struct export_options *to)
{
	if (!strcmp(np->offered.set.export[i].name, to->name))
		return;
	/* A successor would take its connections over for the other export. */
	if (handoff_is_sending(&np->handoff))
		handoff_give_up(np, "other exports have come");
	conn_kill_export(np, i);
	stats_clear_export(np->stats, i);
}

/* Clients stay, unless their export is removed. */
static void take_exports(struct np *np, int fd)
{
	static struct export_copy copy;
	int ret;

	/* A successor has the connections by now, and is told of the exports, too. */
	if (np->is_ending)
		return;
	ret = export_copy_read(&copy, fd, np->options->exports.n);
	if (ret) {
		/* arenad takes it that they are in use. A successor begins with them. */
		log_error("the exports that arenad has handed over cannot be used, so this process "
			  "ends: %s", log_reason(-ret));
		np->is_ending = true;
		return;
	}
	for (unsigned int i = 0; i < copy.set.n; i++) {
		change_export(np, i, &copy.set.export[i]);
		export_show_as(&np->exports.export[i], &copy.set.export[i]);
	}
	np->exports.by_default = export_set_default(&copy.set);
	export_copy_free(&np->offered);
	np->offered = copy;
	conn_admit_all(np);
	log_info("new clients are admitted by the options that arenad has read now");
}

static void obey(struct np *np, const struct control_message *m, int fd)
{
	if (m->type == CONTROL_PEER) {
		peer_told(np, m, fd);
		return;
	}
	if (m->type == CONTROL_HANDOFF) {
		handoff_begin(np, fd);
		return;
	}
	if (m->type == CONTROL_KILL)
		conn_kill_one(np, m->connection);
	else if (m->type == CONTROL_EXPORTS)
		take_exports(np, fd);
	else if (m->type == CONTROL_GONE)
		peer_gone(np, m->role, m->epoch);
	else if (m->type == CONTROL_TLS && np->options->tls != NEGOTIATION_TLS_OFF)
		take_bundle(np, fd);
	else
		log_warn("arenad sent a message of an unknown type: %u; 'arenactl upgrade' makes "
			 "them one version", m->type);
	if (fd >= 0)
		close(fd);
}

/* Before the process starts to serve, arenad may send messages about TLS, too. */
int reload_peers(struct np *np)
{
	int64_t deadline = clock_deadline(HELLO_SECONDS * 1000LL);
	struct control_message m;
	int ret = 0, fd;

	for (unsigned int i = 0; i < np->n_peers && !ret; ) {
		if (np->peer[i].process.epoch) {
			i++;
			continue;
		}
		ret = control_socket_await(np->options->control_fd, &m, &fd,
					   clock_left_ms(deadline));
		if (!ret)
			obey(np, &m, fd);
		else if (ret == -EINTR)
			ret = 0;
	}
	if (ret)
		log_error("arenad does not say who the storage processes are: %s",
			  log_reason(-ret));
	return ret;
}

/* Return: 0 if more messages may come, or -errno. */
static int take_one(struct np *np)
{
	struct control_message m;
	int fd, ret = control_socket_receive(np->options->control_fd, &m, &fd);

	if (!ret) {
		obey(np, &m, fd);
		return 0;
	}
	if (ret == -EPROTO)
		log_warn("arenad said what this process does not understand; 'arenactl upgrade' "
			 "makes them one version");
	return ret == -EAGAIN || ret == -EPROTO ? 0 : ret;
}

static int wait_for_message(struct np *np)
{
	struct reload *r = &np->reload;

	return arena_ring_poll(np->ring, r->file, POLLIN, false, handler_cookie(&r->handler),
			       NULL);
}

/* Go on after an error, or 0. */
static void go_on(struct np *np, int ret)
{
	if (!ret)
		ret = wait_for_message(np);
	np->reload.is_owed = control_socket_passes(ret);
	/* arenad's end ends this process anyway, where arenad has started it. */
	if (ret && ret != -EPIPE && !np->reload.is_owed)
		log_error("the control socket is of no use any more: %s", log_reason(-ret));
}

static void message_came(struct handler *h, const struct arena_event *e)
{
	struct np *np = container_of(h, struct reload, handler)->np;

	go_on(np, e->result < 0 ? e->result : take_one(np));
}

void reload_tick(struct np *np)
{
	if (np->reload.is_owed)
		go_on(np, 0);
}

int reload_init(struct np *np)
{
	struct reload *r = &np->reload;
	int ret;

	r->np = np;
	r->handler.happened = message_came;
	ret = arena_ring_add_file(np->ring, np->options->control_fd, &r->file);
	if (!ret)
		ret = wait_for_message(np);
	if (ret)
		log_error("cannot use the control socket: %s", log_reason(-ret));
	return ret;
}
