// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "listen.h"

#include <common/address.h>
#include <common/log.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "np.h"

static int set_option(int fd, int level, int name)
{
	int one = 1;

	return setsockopt(fd, level, name, &one, sizeof(one));
}

static int make_socket(const struct address *where)
{
	const struct sockaddr *addr = (const struct sockaddr *)&where->storage;
	/* A client may be gone again when it is accepted, and accept(2) must not wait then. */
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		return -errno;
	/* Accepted sockets inherit TCP_NODELAY and SO_KEEPALIVE. */
	if (set_option(fd, SOL_SOCKET, SO_REUSEADDR) ||
	    set_option(fd, SOL_SOCKET, SO_KEEPALIVE) ||
	    set_option(fd, IPPROTO_TCP, TCP_NODELAY) ||
	    (addr->sa_family == AF_INET6 &&
	     set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
	    bind(fd, addr, where->length) || listen(fd, NP_BACKLOG)) {
		err = errno;
		close(fd);
		return -err;
	}
	return fd;
}

void listener_address(const struct listener *l, char *text, size_t size)
{
	struct sockaddr_storage address = { 0 };
	socklen_t length = sizeof(address);

	getsockname(l->fd, (struct sockaddr *)&address, &length);
	address_format(&address, text, size);
}

/* Do descriptors or memory lack? That lasts until something else gives some of them up. */
static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

static void accept_failed(struct listener *l, int err)
{
	if (is_shortage(err))
		l->retry_at = l->np->now + ACCEPT_PAUSE_SECONDS;
	log_limited(LOG_LEVEL_WARN, "cannot accept a client: %s%s", strerror(-err),
		    is_shortage(err) ? "; trying again later" : "");
}

/* Return: false if there is no other client now. */
static bool accept_one(struct listener *l)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(address);
	char text[ADDRESS_TEXT_SIZE];
	int fd = accept4(l->fd, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno != EAGAIN)
			accept_failed(l, -errno);
		return false;
	}
	address_format(&address, text, sizeof(text));
	conn_new(l->np, fd, text);
	return true;
}

static bool has_room(const struct np *np)
{
	return !np->stop.is_stopping && np->conns.n < np->conns.max;
}

static void client_came(struct handler *h, const struct arena_event *e)
{
	struct listener *l = container_of(h, struct listener, handler);

	l->is_polling = false;
	if (e->result < 0)
		return;
	while (has_room(l->np) && accept_one(l))
		;
}

int listener_open(struct np *np, const struct address *where)
{
	struct listener *l = &np->listener[np->n_listeners];
	char text[ADDRESS_TEXT_SIZE];
	int ret;

	*l = (struct listener){ .np = np, .handler.happened = client_came };
	l->fd = make_socket(where);
	ret = l->fd < 0 ? l->fd : arena_ring_add_file(np->ring, l->fd, &l->file);
	if (ret) {
		address_format(&where->storage, text, sizeof(text));
		log_error("cannot listen on %s: %s", text, strerror(-ret));
		listener_close(l);
		return ret;
	}
	np->n_listeners++;
	listener_address(l, text, sizeof(text));
	log_info("listening on %s", text);
	return 0;
}

void listener_close(struct listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

void listeners_turn(struct np *np)
{
	for (unsigned int i = 0; i < np->n_listeners && has_room(np); i++) {
		struct listener *l = &np->listener[i];

		if (l->is_polling || np->now < l->retry_at)
			continue;
		l->is_polling = !arena_ring_poll(np->ring, l->file, POLLIN, false,
						 handler_cookie(&l->handler), NULL);
	}
}

bool listeners_need_tick(const struct np *np)
{
	for (unsigned int i = 0; i < np->n_listeners; i++)
		if (!np->listener[i].is_polling && has_room(np))
			return true;
	return false;
}

void listeners_stop(struct np *np)
{
	for (unsigned int i = 0; i < np->n_listeners; i++) {
		arena_ring_remove_file(np->ring, np->listener[i].file);
		listener_close(&np->listener[i]);
	}
}
