// SPDX-License-Identifier: MIT
#include "listen.h"

#include <common/log.h>
#include <errno.h>
#include <netinet/tcp.h>
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
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
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

/* Of descriptors or memory: it stays as it is until something else gives some up. */
static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

static void accept_failed(struct listener *l, int err)
{
	if (is_shortage(err))
		l->retry_at = l->np->ring.now + ACCEPT_PAUSE_SECONDS;
	log_limited(LOG_LEVEL_WARN, "cannot accept a client: %s%s", strerror(-err),
		    is_shortage(err) ? "; trying again later" : "");
}

static void accept_done(struct ring_op *op, int res)
{
	struct listener *l = container_of(op, struct listener, op);

	l->is_accepting = false;
	if (res >= 0)
		conn_new(l->np, res);
	else if (res != -ECANCELED)
		accept_failed(l, res);
}

int listener_open(struct np *np, const struct address *where)
{
	struct listener *l = &np->listener[np->n_listeners];
	char text[ADDRESS_TEXT_SIZE];

	*l = (struct listener){ .np = np, .op.done = accept_done };
	l->fd = make_socket(where);
	if (l->fd < 0) {
		address_format(&where->storage, text, sizeof(text));
		log_error("cannot listen on %s: %s", text, strerror(-l->fd));
		return l->fd;
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

static void start_accept(struct listener *l)
{
	struct io_uring_sqe *sqe = ring_sqe(&l->np->ring);

	io_uring_prep_accept(sqe, l->fd, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data(sqe, &l->op);
	l->is_accepting = true;
}

void listeners_turn(struct np *np)
{
	unsigned int room = np->conns.max - np->conns.n;

	if (np->stop.is_stopping)
		return;
	for (unsigned int i = 0; i < np->n_listeners; i++)
		if (np->listener[i].is_accepting && room)
			room--;
	for (unsigned int i = 0; i < np->n_listeners && room; i++) {
		struct listener *l = &np->listener[i];

		if (l->is_accepting || np->ring.now < l->retry_at)
			continue;
		start_accept(l);
		room--;
	}
}

void listeners_stop(struct np *np)
{
	for (unsigned int i = 0; i < np->n_listeners; i++) {
		struct listener *l = &np->listener[i];
		struct io_uring_sqe *sqe;

		if (!l->is_accepting)
			continue;
		sqe = ring_sqe(&np->ring);
		io_uring_prep_cancel(sqe, &l->op, 0);
		io_uring_sqe_set_data(sqe, NULL);
	}
}
