// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "socket.h"

#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Probes that an idle client's machine may leave unanswered. */
#define KEEPALIVE_PROBES	3

/* How long and how often an address in use is tried again. */
#define IN_USE_SECONDS		3
#define IN_USE_TRIES		(4 * IN_USE_SECONDS)
#define IN_USE_PAUSE_NS		250000000L

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static int get_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, level, name, &value, &length) ? -1 : value;
}

/*
 * A connection without data that is under way is found dead by probes: the first one comes after
 * half of the time. One with such data is found dead by TCP_USER_TIMEOUT.
 */
static int set_patience(int fd, uint32_t seconds)
{
	int idle = (int)(seconds / 2), pause = (int)(seconds / 2 / KEEPALIVE_PROBES);
	int ret;

	if (!seconds)
		return 0;
	ret = set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)seconds * 1000);
	if (!ret)
		ret = set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle ? idle : 1);
	if (!ret)
		ret = set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, pause ? pause : 1);
	if (!ret)
		ret = set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
	return ret;
}

static int set_tcp(int fd, const struct listen_options *o)
{
	int ret = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);

	if (!ret)
		ret = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	return ret ? ret : set_patience(fd, o->unreachable_seconds);
}

static int put_guard(int fd, const struct listen_options *o, bool is_inherited)
{
	return o->guard.put ? o->guard.put(o->guard.context, fd, is_inherited) : 0;
}

static int bind_tcp(int fd, const struct listen_options *o, const struct address *where)
{
	const struct sockaddr *addr = (const struct sockaddr *)&where->storage;
	int ret = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (!ret && o->reuse_port)
		ret = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!ret)
		ret = set_tcp(fd, o);
	if (!ret && addr->sa_family == AF_INET6)
		ret = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !where->is_dual);
	if (!ret && bind(fd, addr, where->length))
		ret = -errno;
	if (!ret)
		ret = put_guard(fd, o, false);
	return !ret && listen(fd, (int)o->backlog) ? -errno : ret;
}

static int bind_unix(struct listen_socket *s, const struct listen_options *o,
		     const struct address *where)
{
	const struct listen_access access = { .mode = o->mode, .uid = o->uid, .gid = o->gid };

	return listen_file_open(s->fd, (const struct sockaddr_un *)&where->storage, &access,
				(int)o->backlog, &s->file);
}

/* A client may be gone again when it is accepted, and accept(2) must not wait then. */
static int make(struct listen_socket *s, const struct listen_options *o,
		const struct address *where)
{
	int family = where->storage.ss_family;

	s->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	s->is_reused = o->reuse_port && family != AF_UNIX;
	return family == AF_UNIX ? bind_unix(s, o, where) : bind_tcp(s->fd, o, where);
}

/* On a machine without IPv6 all addresses are those of IPv4. */
static int make_dual(struct listen_socket *s, const struct listen_options *o,
		     const struct address *where)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&where->storage;
	struct address four = { .length = sizeof(struct sockaddr_in) };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&four.storage;
	int ret = make(s, o, where);

	if (ret != -EAFNOSUPPORT && ret != -EADDRNOTAVAIL)
		return ret;
	if (s->fd >= 0)
		close(s->fd);
	v4->sin_family = AF_INET;
	v4->sin_port = v6->sin6_port;
	return make(s, o, &four);
}

static int make_place(struct listen_socket *s, const struct listen_options *o,
		      const struct address *where)
{
	return where->is_dual ? make_dual(s, o, where) : make(s, o, where);
}

/*
 * A process that was killed keeps its address until the kernel has ended what the process's ring
 * still does. Therefore an address in use is tried again for a while.
 */
static int make_patiently(struct listen_socket *s, const struct listen_options *o,
			  const struct listen_place *place)
{
	int ret = make_place(s, o, &place->address);

	for (int i = 0; i < IN_USE_TRIES && ret == -EADDRINUSE; i++) {
		const struct timespec pause = { .tv_nsec = IN_USE_PAUSE_NS };

		if (!i)
			log_info("%s is in use: trying again for %d seconds", place->text,
				 IN_USE_SECONDS);
		close(s->fd);
		nanosleep(&pause, NULL);
		ret = make_place(s, o, &place->address);
	}
	return ret;
}

static bool is_stream_listener(int fd)
{
	int domain = get_option(fd, SOL_SOCKET, SO_DOMAIN);

	return get_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM &&
	       get_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1 &&
	       (domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX);
}

/* Whoever made the socket has chosen its address and backlog; the rest is set here. */
static int adopt(struct listen_socket *s, const struct listen_options *o, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (!is_stream_listener(fd))
		return -EPROTOTYPE;
	s->fd = fd;
	s->is_inherited = true;
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return -errno;
	if (get_option(fd, SOL_SOCKET, SO_DOMAIN) == AF_UNIX)
		return 0;
	return set_tcp(fd, o) ?: put_guard(fd, o, true);
}

static void log_failure(const struct listen_place *place, int err)
{
	const char *why = NULL;

	if (err == -EPROTOTYPE)
		why = "it is not a stream socket that listens; pass one (systemd: Accept=no)";
	else if (err == -EEXIST)
		why = "the path is something else than a socket; choose another one";
	else if (err == -EBUSY)
		why = "its folder is locked by another process; end that, or choose another one";
	else if (err == -ECANCELED)
		why = "who may connect cannot be said there" LOG_SEE_ABOVE;
	log_error("cannot listen on %s: %s", place->text, why ?: log_reason(-err));
}

/* Return: the next free entry of the set, or NULL after an error was logged. */
static struct listen_socket *next(struct listen_set *set)
{
	struct listen_socket *s = &set->socket[set->n];

	if (set->n == LISTEN_MAX) {
		log_error("cannot listen on more than %d sockets; name fewer addresses",
			  LISTEN_MAX);
		return NULL;
	}
	*s = (struct listen_socket){ .fd = -1 };
	set->n++;
	return s;
}

static bool has_name(const struct listen_place *place, const char *name)
{
	return !place->name || !strcmp(place->name, name);
}

static int open_systemd(const struct listen_options *o, const struct listen_place *place,
			struct activation *a, struct listen_set *set)
{
	bool is_found = false;

	for (unsigned int i = 0; i < a->n; i++) {
		struct listen_socket *s;
		int ret;

		if (a->entry[i].is_used || !has_name(place, a->entry[i].name))
			continue;
		s = next(set);
		if (!s)
			return -E2BIG;
		a->entry[i].is_used = true;
		is_found = true;
		ret = adopt(s, o, a->entry[i].fd);
		if (ret) {
			log_failure(place, ret);
			return ret;
		}
	}
	if (!is_found)
		log_error("cannot listen on %s: no such socket was passed; check "
			  "FileDescriptorName= of the socket unit", place->text);
	return is_found ? 0 : -ENOENT;
}

static int open_place(const struct listen_options *o, const struct listen_place *place,
		      struct activation *a, struct listen_set *set)
{
	struct listen_socket *s;
	int ret;

	if (place->kind == LISTEN_SYSTEMD)
		return open_systemd(o, place, a, set);
	s = next(set);
	if (!s)
		return -E2BIG;
	if (place->kind == LISTEN_FD)
		ret = adopt(s, o, place->fd);
	else
		ret = make_patiently(s, o, place);
	if (ret)
		log_failure(place, ret);
	return ret;
}

static void close_unused(const struct activation *a)
{
	for (unsigned int i = 0; i < a->n; i++) {
		if (a->entry[i].is_used)
			continue;
		log_warn("descriptor %d, which systemd passed as '%s', is not used: no --listen "
			 "names it; set FileDescriptorName= to the name in one, or take the socket "
			 "away", a->entry[i].fd, a->entry[i].name);
		close(a->entry[i].fd);
	}
}

int listen_open(const struct listen_options *o, struct listen_set *set)
{
	struct activation a;
	int ret = activation_take(&a);

	set->n = 0;
	if (ret) {
		log_error("cannot take the sockets that LISTEN_FDS tells of: %s", log_reason(-ret));
		return ret;
	}
	for (unsigned int i = 0; i < o->n && !ret; i++)
		ret = open_place(o, &o->place[i], &a, set);
	if (ret)
		listen_close(set);
	else
		close_unused(&a);
	return ret;
}

void listen_forget(const struct listen_options *o)
{
	struct activation a;

	for (unsigned int i = 0; i < o->n; i++)
		if (o->place[i].kind == LISTEN_FD)
			close(o->place[i].fd);
	if (activation_take(&a))
		return;
	for (unsigned int i = 0; i < a.n; i++)
		close(a.entry[i].fd);
}

unsigned int listen_inherited(const struct listen_options *o, int fd[LISTEN_INHERITED_MAX])
{
	bool is_activated = false;
	unsigned int n = 0;

	for (unsigned int i = 0; i < o->n; i++) {
		is_activated |= o->place[i].kind == LISTEN_SYSTEMD;
		if (o->place[i].kind == LISTEN_FD)
			fd[n++] = o->place[i].fd;
	}
	return is_activated ? n + activation_peek(fd + n) : n;
}

/* Make another socket at the address of @fd. */
static int make_again(struct listen_socket *s, const struct listen_options *o, int fd)
{
	struct address where = { .length = sizeof(where.storage) };

	if (getsockname(fd, (struct sockaddr *)&where.storage, &where.length))
		return -errno;
	where.is_dual = where.storage.ss_family == AF_INET6 &&
			!get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	return make(s, o, &where);
}

int listen_again(const struct listen_options *o, const struct listen_set *first,
		 struct listen_set *set)
{
	int ret = 0;

	set->n = 0;
	for (unsigned int i = 0; i < first->n && !ret; i++) {
		const struct listen_socket *other = &first->socket[i];
		struct listen_socket *s = &set->socket[set->n++];

		*s = (struct listen_socket){
			.fd = other->fd, .is_inherited = other->is_inherited,
		};
		if (other->is_reused)
			ret = make_again(s, o, other->fd);
	}
	if (ret) {
		log_error("cannot listen again for another process: %s", log_reason(-ret));
		listen_leave(set);
	}
	return ret;
}

void listen_leave(struct listen_set *set)
{
	for (unsigned int i = 0; i < set->n; i++) {
		struct listen_socket *s = &set->socket[i];

		if (!s->is_reused || s->fd < 0)
			continue;
		/* The keeper has it, too, and a process that may not end soon. */
		shutdown(s->fd, SHUT_RDWR);
		close(s->fd);
		s->fd = -1;
	}
}

static void close_one(struct listen_socket *s)
{
	if (s->fd < 0)
		return;
	listen_file_remove(&s->file);
	close(s->fd);
	s->fd = -1;
}

void listen_refuse(struct listen_set *set)
{
	for (unsigned int i = 0; i < set->n; i++)
		if (set->socket[i].fd >= 0 && !set->socket[i].is_inherited)
			shutdown(set->socket[i].fd, SHUT_RDWR);
}

void listen_close(struct listen_set *set)
{
	for (unsigned int i = 0; i < set->n; i++)
		close_one(&set->socket[i]);
	set->n = 0;
}

void listen_format(int fd, char *text, size_t size)
{
	struct sockaddr_storage address = { 0 };
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
	socklen_t length = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &length);
	address_format(&address, length, text, size);
	if (address.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) &&
	    !get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY))
		snprintf(text, size, "*:%u", ntohs(v6->sin6_port));
}
