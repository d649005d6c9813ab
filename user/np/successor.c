// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "successor.h"

#include <common/address.h>
#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <exports/access.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <proto/record.h>
#include <proto/region.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tls/kernel.h>
#include <unistd.h>

#include "np.h"

/* Bytes that all connections together may have left. */
#define LEFT_MAX	(256ULL << 20)

/*
 * The checks
 */

static int option_of(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &length) ? -1 : value;
}

/* A blocking mode that is wrong would end each operation at once, or not at all. */
static bool is_connection(int fd)
{
	int domain = option_of(fd, SO_DOMAIN), flags = fcntl(fd, F_GETFL);

	if (option_of(fd, SO_TYPE) != SOCK_STREAM || option_of(fd, SO_ACCEPTCONN) ||
	    flags < 0 || flags & (O_NONBLOCK | O_ASYNC))
		return false;
	if (domain == AF_UNIX)
		return true;
	return (domain == AF_INET || domain == AF_INET6) &&
	       option_of(fd, SO_PROTOCOL) == IPPROTO_TCP;
}

/* Return: false if the socket is not connected any more. */
static bool look_at_peer(int fd, struct conn_peer *peer)
{
	socklen_t length = sizeof(peer->address);

	*peer = (struct conn_peer){ .address.ss_family = AF_UNSPEC };
	if (getpeername(fd, (struct sockaddr *)&peer->address, &length))
		return false;
	listeners_describe(fd, length, peer);
	return true;
}

static bool find_export(const struct np *np, struct taken *t, const uint8_t *name)
{
	const struct export_set *s = &np->offered.set;

	for (t->sp = 0; t->sp < s->n; t->sp++)
		if (t->conn.name_length && strlen(s->export[t->sp].name) == t->conn.name_length &&
		    !memcmp(s->export[t->sp].name, name, t->conn.name_length))
			return true;
	return false;
}

/* What was agreed on when the client came has to be what would be agreed on now. */
static bool may_use(const struct np *np, const struct taken *t)
{
	bool is_kernel = t->conn.tls == HANDOFF_KERNEL;

	if (np->options->tls == NEGOTIATION_TLS_REQUIRE && !is_kernel)
		return false;
	if (np->options->tls == NEGOTIATION_TLS_OFF && is_kernel)
		return false;
	return access_check(&np->offered.set.export[t->sp].access, &t->peer.address, t->identity) ==
	       ACCESS_GRANTED;
}

static const char *fault_of(const struct np *np, struct taken *t, const struct handoff_message *m)
{
	const struct handoff_conn *c = &t->conn;
	bool has_keys = tls_kernel_look(t->fd), is_secret = c->tls == HANDOFF_KERNEL;

	if (c->name_length > HANDOFF_TEXT_MAX || c->identity_length > HANDOFF_TEXT_MAX ||
	    (size_t)c->name_length + c->identity_length != m->n_more)
		return "its texts have other lengths";
	memcpy(t->identity, m->more + c->name_length, c->identity_length);
	if (strlen(t->identity) != c->identity_length)
		return "its identity is no text";
	if (!is_connection(t->fd))
		return "it is no connection";
	if (!look_at_peer(t->fd, &t->peer))
		return "its client has gone";
	if (c->style > NBD_EXTENDED || c->has_allocation > 1 || c->tls > HANDOFF_KERNEL ||
	    is_secret != has_keys || (!has_keys && c->identity_length))
		return "its state makes no sense";
	if (!find_export(np, t, m->more))
		return "there is no such export";
	return may_use(np, t) ? NULL : "its client may not use the export";
}

/*
 * What comes
 */

static void drop(struct taken *t)
{
	close(t->fd);
	free(t->left);
	free(t);
}

static void drop_all(struct successor *s)
{
	struct taken *t;

	while ((t = s->newest)) {
		s->newest = t->next;
		drop(t);
	}
	s->incoming = NULL;
	s->n = 0;
}

static void refuse(struct np *np, struct taken *t, const char *why)
{
	log_limited(LOG_LEVEL_WARN, "a connection that was handed over is closed: %s; its client "
		    "can connect again", why);
	np->successor.refused++;
	np->counters.handoff_cut++;
	drop(t);
}

static bool has_room(const struct successor *s, const struct taken *t)
{
	return t->conn.left <= HANDOFF_LEFT_MAX && s->left + t->conn.left <= LEFT_MAX;
}

static void take_conn(struct np *np, const struct handoff_message *m)
{
	struct successor *s = &np->successor;
	struct taken *t = calloc(1, sizeof(*t));
	const char *fault;

	s->incoming = NULL;
	if (!t) {
		close(m->passed);
		return;
	}
	t->conn = m->any.conn;
	t->fd = m->passed;
	fault = fault_of(np, t, m);
	if (!fault && (s->n == np->options->connections_max || !has_room(s, t)))
		fault = "there is no room for it";
	if (!fault)
		t->left = malloc(t->conn.left ? t->conn.left : 1);
	if (!t->left) {
		refuse(np, t, fault ? fault : "there is no memory for it");
		return;
	}
	s->left += t->conn.left;
	s->n++;
	t->next = s->newest;
	s->newest = t;
	s->incoming = t;
}

/* They belong to the last connection that came, which may have been refused. */
static void take_bytes(struct taken *t, const struct handoff_message *m)
{
	if (!t || m->n_more > t->conn.left - t->n_left)
		return;
	memcpy(t->left + t->n_left, m->more, m->n_more);
	t->n_left += (uint32_t)m->n_more;
}

/* Connections whose bytes have not come completely are of no use. */
static void drop_torn(struct np *np)
{
	struct successor *s = &np->successor;
	struct taken **at = &s->newest, *t;

	while ((t = *at)) {
		if (t->n_left == t->conn.left) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		s->n--;
		refuse(np, t, "not all of its bytes have come");
	}
	s->incoming = NULL;
}

/* Return: 1 if more messages are to come; 0 if all have come; or -errno. */
static int take_message(struct np *np, struct handoff_message *m)
{
	switch (m->any.head.type) {
	case HANDOFF_CONN:
		if (m->passed < 0)
			return -EPROTO;
		take_conn(np, m);
		m->passed = -1;
		return 1;
	case HANDOFF_BYTES:
		take_bytes(np->successor.incoming, m);
		return 1;
	case HANDOFF_END:
		return 0;
	case HANDOFF_REFUSED:
		return -ECANCELED;
	default:
		return -EPROTO;
	}
}

/*
 * Without arenad nobody would say who the peers are. Return: 0 if there may be a message; or
 * -errno.
 */
static int wait_for_message(const struct np *np, int fd, int timeout_ms)
{
	struct pollfd ready[] = {
		{ .fd = fd, .events = POLLIN }, { .fd = np->options->control_fd },
	};
	int ret = poll(ready, 2, timeout_ms);

	if (ret <= 0)
		return ret ? -errno : -ETIMEDOUT;
	return ready[1].revents ? -EOWNERDEAD : 0;
}

/* Return: 0; -EPIPE if the predecessor has died or could not say that it goes on; or -errno. */
static int take_all(struct np *np, int fd)
{
	static struct handoff_message m;
	int ret = 1;

	while (ret > 0) {
		ret = wait_for_message(np, fd, -1);
		if (!ret)
			ret = handoff_receive(fd, &m);
		if (ret == -EINTR || ret == -EAGAIN) {
			ret = 1;
			continue;
		}
		if (ret)
			break;
		ret = take_message(np, &m);
		if (m.passed >= 0)
			close(m.passed);
	}
	return ret;
}

/*
 * The exchange
 */

static int say_ready(int fd)
{
	union handoff_any any = { .ready = {
		.head.type = HANDOFF_READY,
		.oldest = HANDOFF_VERSION_OLDEST,
		.newest = HANDOFF_VERSION_NEWEST,
		.hello = PROTO_HELLO,
	} };

	return handoff_send(fd, &any, NULL, 0, -1);
}

static int say_taken(int fd, uint32_t n)
{
	union handoff_any any = { .count = { .head.type = HANDOFF_TAKEN, .n = n } };

	return handoff_send(fd, &any, NULL, 0, -1);
}

/* Return: 0 if a message has come; -EPIPE if none follows; another -errno. */
static int await_message(int fd, struct handoff_message *m)
{
	int64_t deadline = clock_deadline(SUCCESSOR_WAIT_MS);
	int ret = -EAGAIN;

	while (ret == -EAGAIN || ret == -EINTR)
		ret = handoff_await(fd, m, clock_left_ms(deadline));
	if (!ret && m->passed >= 0)
		close(m->passed);
	return ret;
}

/*
 * Until it has said GIVEN the predecessor may go on. When it has ended the role is free, so that
 * nobody has to wait for it. Return: 0; -ECANCELED if it goes on; -EPIPE as take_all(); another
 * -errno.
 */
static int await_end(int fd)
{
	static struct handoff_message m;
	int ret = await_message(fd, &m);

	if (ret)
		return ret;
	if (m.any.head.type != HANDOFF_GIVEN)
		return m.any.head.type == HANDOFF_REFUSED ? -ECANCELED : -EPROTO;
	ret = await_message(fd, &m);
	return ret == -EPIPE ? 0 : ret ? ret : -EPROTO;
}

int successor_hear(struct np *np, int fd)
{
	int ret = take_all(np, fd);

	drop_torn(np);
	if (ret)
		return ret;
	ret = say_taken(fd, np->successor.n);
	/* If the predecessor cannot hear it any more, it has died, or has said why. */
	return ret && ret != -EPIPE ? ret : await_end(fd);
}

static int exchange(struct np *np, int fd)
{
	int ret = say_ready(fd);

	return ret ? ret : successor_hear(np, fd);
}

/* What would fail later is tried while the predecessor still has all. */
static int try_all(const struct np *np)
{
	return proto_try_region(np->options->region, PROTO_ROLE_NP(np->options->id),
				np->options->layout_fd);
}

int successor_take(struct np *np)
{
	int fd = np->options->handoff_fd, ret;

	if (fd < 0)
		return 0;
	ret = try_all(np);
	if (!ret)
		ret = exchange(np, fd);
	close(fd);
	/* If it has not died this process does not get the role. */
	if (ret == -EPIPE) {
		log_warn("the process whose place this one takes has not given its connections; "
			 "their clients can connect again");
		drop_all(&np->successor);
		ret = 0;
	}
	if (!ret)
		log_info("takes the place of a process with %u connections", np->successor.n);
	else
		log_error("does not take the place of the process that runs: %s",
			  ret == -ECANCELED ? "it goes on; its log says why" : log_reason(-ret));
	return ret;
}

void successor_begin(struct np *np)
{
	struct successor *s = &np->successor;

	struct taken *t;

	while ((t = s->newest)) {
		s->newest = t->next;
		conn_adopt(np, t);
		free(t);
	}
	successor_exit(np);
}

void successor_exit(struct np *np)
{
	drop_all(&np->successor);
}
