// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "listen.h"

#include <arena/source.h>
#include <common/address.h>
#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "np.h"

/* Do descriptors or memory lack? That lasts until something else gives some of them up. */
static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

static void accept_failed(struct listener *l, int err)
{
	if (is_shortage(err))
		l->retry_at = l->np->now + ACCEPT_PAUSE_SECONDS;
	log_limited(LOG_LEVEL_WARN, "cannot accept %s: %s", is_shortage(err) ?
		    "clients for a while" : "a client", log_reason(-err));
}

/* The other end of a UNIX socket seldom has a name, so the user and the process stand for it. */
static void describe_user(int fd, struct conn_peer *peer)
{
	struct ucred cred = { .uid = (uid_t)-1 };
	socklen_t length = sizeof(cred);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length);
	peer->is_unix = true;
	peer->uid = cred.uid;
	snprintf(peer->text, sizeof(peer->text), "process %d of user %u", cred.pid, cred.uid);
}

void listeners_describe(int fd, socklen_t length, struct conn_peer *peer)
{
	if (peer->address.ss_family == AF_UNIX)
		describe_user(fd, peer);
	else
		address_format(&peer->address, length, peer->text, sizeof(peer->text));
}

static void accept_one(struct listener *l)
{
	struct conn_peer peer = { .address.ss_family = AF_UNSPEC };
	socklen_t length = sizeof(peer.address);
	int fd = accept4(l->fd, (struct sockaddr *)&peer.address, &length, SOCK_CLOEXEC);

	if (fd < 0) {
		/* Whoever made the socket has shut it down. */
		l->is_over = errno == EINVAL;
		if (errno != EAGAIN && !l->is_over)
			accept_failed(l, -errno);
		return;
	}
	listeners_describe(fd, length, &peer);
	conn_new(l->np, fd, &peer);
}

static bool has_room(const struct np *np)
{
	return np->begin.is_over && !np->stop.is_stopping && !handoff_is_begun(&np->handoff) &&
	       conn_table_has_room(&np->conns);
}

static void client_came(struct handler *h, const struct arena_event *e)
{
	struct listener *l = container_of(h, struct listener, handler);

	l->is_polling = false;
	if (e->result < 0)
		return;
	/* Other processes that wait on the socket get the next clients. */
	if (has_room(l->np))
		accept_one(l);
}

static int add_listener(struct np *np, const struct listen_socket *s)
{
	struct listener *l = &np->listener[np->n_listeners];
	char text[ADDRESS_TEXT_SIZE];
	int ret;

	*l = (struct listener){
		.np = np,
		.fd = s->fd,
		.is_inherited = s->is_inherited,
		.handler.happened = client_came,
	};
	listen_format(s->fd, text, sizeof(text));
	ret = arena_ring_add_file(np->ring, s->fd, &l->file);
	if (ret) {
		log_error("cannot listen on %s: %s", text, log_reason(-ret));
		return ret;
	}
	np->n_listeners++;
	log_info("listening on %s", text);
	return 0;
}

/*
 * A client wakes one process. If that is stopped or dies before it accepts the client, nobody is
 * woken again, so each process looks from time to time whether a client is left.
 */
static void looked(struct handler *h, const struct arena_event *e)
{
	struct np *np = container_of(h, struct listen_look, handler)->np;

	if (e->result < 0)
		return;
	for (unsigned int i = 0; i < np->n_listeners && has_room(np); i++)
		if (!np->listener[i].is_over && np->now >= np->listener[i].retry_at)
			accept_one(&np->listener[i]);
}

/* Begin to look, if there are other processes that may have been woken. */
static int look(struct np *np)
{
	const struct arena_timer timer = {
		.size = sizeof(timer),
		.first_ns = LISTEN_LOOK_SECONDS * CLOCK_NS_PER_S,
		.period_ns = LISTEN_LOOK_SECONDS * CLOCK_NS_PER_S,
		.cookie = handler_cookie(&np->look.handler),
	};

	int ret;

	np->look = (struct listen_look){ .np = np, .handler.happened = looked };
	if (proto_nps(arena_layout(np->arena)) < 2)
		return 0;
	ret = arena_ring_add_timer(np->ring, &timer, NULL);
	if (ret)
		log_error("cannot set the timer that looks for clients: %s", log_reason(-ret));
	return ret;
}

int listeners_open(struct np *np)
{
	int ret = listen_open(&np->options->listen, &np->sockets);

	for (unsigned int i = 0; i < np->sockets.n && !ret; i++)
		ret = add_listener(np, &np->sockets.socket[i]);
	return ret ? ret : look(np);
}

void listeners_close(struct np *np)
{
	listen_close(&np->sockets);
}

void listeners_turn(struct np *np)
{
	for (unsigned int i = 0; i < np->n_listeners && has_room(np); i++) {
		struct listener *l = &np->listener[i];

		if (l->is_polling || l->is_over || np->now < l->retry_at)
			continue;
		/*
		 * A client wakes only the process that has waited on the socket for the longest
		 * time, so clients go to all processes in turn.
		 */
		l->is_polling = !arena_ring_poll(np->ring, l->file, POLLIN | EPOLLEXCLUSIVE, false,
						 handler_cookie(&l->handler), &l->poll);
	}
}

bool listeners_need_tick(const struct np *np)
{
	for (unsigned int i = 0; i < np->n_listeners; i++)
		if (!np->listener[i].is_polling && !np->listener[i].is_over && has_room(np))
			return true;
	return false;
}

void listeners_pause(struct np *np)
{
	for (unsigned int i = 0; i < np->n_listeners; i++)
		if (np->listener[i].is_polling)
			arena_ring_cancel(np->ring, np->listener[i].poll);
}

/* To remove a file of the ring shuts a socket down, also for other processes that have it. */
static void stop(struct listener *l)
{
	if (!l->is_inherited)
		arena_ring_remove_file(l->np->ring, l->file);
	else if (l->is_polling)
		arena_ring_cancel(l->np->ring, l->poll);
}

void listeners_stop(struct np *np)
{
	for (unsigned int i = 0; i < np->n_listeners; i++)
		stop(&np->listener[i]);
	listeners_close(np);
}
