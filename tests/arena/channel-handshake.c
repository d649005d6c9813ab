// SPDX-License-Identifier: MIT
/*
 * Goal: nothing that is said over a control socket but the truth opens a channel, and nothing
 * hangs.
 * Method: write what a peer would say into the other end of the socket, with one thing
 * wrong at a time, then open ours. The peer's credentials are our own.
 */
#include <fcntl.h>
#include <libarena/channel/channel.h>
#include <sys/socket.h>

#include "channel.h"

#define ENTRIES	16

/* All that a peer says. */
struct said {
	struct channel_hello hello;
	size_t hello_size;
	int fds[2];
	int n_fds;
	struct channel_ready ready;
	size_t ready_size;
	int ready_fd;
};

static int ring_fd, pipe_fd;

static struct said truth(enum arena_channel_transport transport)
{
	struct said s = {
		.hello = {
			.magic = CHANNEL_HELLO_MAGIC, .version = CHANNEL_VERSION,
			.transports = TRANSPORT_BIT(transport), .entries = ENTRIES,
			.self = ARENA_ROLE(1, 0), .peer = ARENA_ROLE(0, 0), .mailbox = -1,
		},
		.hello_size = sizeof(s.hello),
		.ready = { .magic = CHANNEL_READY_MAGIC, .transports = TRANSPORT_BIT(transport) },
		.ready_size = sizeof(s.ready),
		.ready_fd = -1,
	};

	if (TRANSPORT_BIT(transport) & WITH_MAILBOX)
		s.hello.mailbox = ring_fd;
	return s;
}

static void say_it(int socket, const void *body, size_t size, const int *fds, int n_fds)
{
	struct iovec iov = { .iov_base = (void *)body, .iov_len = size };
	char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t bytes = (size_t)n_fds * sizeof(int);

	if (n_fds) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(bytes);
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(bytes), .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds, bytes);
	}
	if (sendmsg(socket, &msg, 0) < 0)
		bail("sendmsg");
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* What arena_channel_open() says to it; the peer then closes, if it is to. */
static int open_with(enum arena_channel_transport transport, const struct said *s, bool closes)
{
	struct arena_channel_options o = { .size = sizeof(o), .transport = transport,
					   .entries = ENTRIES, .timeout_ms = 200 };
	struct arena_channel *ch;
	const int on = 1;
	int fds[2], ret;

	if (arena_channel_socketpair(fds))
		bail("control sockets");
	/* Or the kernel leaves the credentials out, being asked too late. */
	setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	if (s->hello_size)
		say_it(fds[1], &s->hello, s->hello_size, s->fds, s->n_fds);
	if (s->ready_size)
		say_it(fds[1], &s->ready, s->ready_size, &s->ready_fd, s->ready_fd >= 0);
	if (closes)
		close(fds[1]);
	o.socket = &fds[0];
	ret = arena_channel_open(part, ARENA_ROLE(1, 0), &o, &ch);
	if (!ret)
		arena_channel_close(ch);
	if (!closes)
		close(fds[1]);
	return ret;
}

static enum arena_channel_transport transport;

/* The truth but for what is changed. */
#define LIE(error, what, ...) do {							\
	struct said s = truth(transport);							\
	int fds_before = count_fds();							\
											\
	__VA_ARGS__;									\
	is(open_with(transport, &s, false), error, "%s: %s",				\
	   transport_name(transport), what);						\
	if (count_fds() != fds_before)							\
		ok(false, "descriptors are left");					\
} while (0)

static void test_all(void)
{
	LIE(0, "the truth", (void)0);
	LIE(-EPROTO, "wrong magic", s.hello.magic++);
	LIE(-EPROTO, "another version", s.hello.version++);
	LIE(-EPROTO, "another window", s.hello.entries++);
	LIE(-EPROTO, "somebody else", s.hello.self++);
	LIE(-EPROTO, "for somebody else", s.hello.peer++);
	LIE(-EPROTO, "no transport", s.hello.transports = 0);
	LIE(-EPROTO, "a transport that does not exist",
	    s.hello.transports |= 1U << 31);
	LIE(-EPROTO, "AUTO as a transport",
	    s.hello.transports |= TRANSPORT_BIT(ARENA_CHANNEL_AUTO));
	LIE(-EPROTO, "too short", s.hello_size--);
	LIE(-EPROTO, "far too short", s.hello_size = 1);
	LIE(-EPROTO, "a descriptor", s.fds[s.n_fds++] = pipe_fd);
	LIE(-EPROTO, "two descriptors", s.fds[s.n_fds++] = pipe_fd; s.fds[s.n_fds++] = pipe_fd);
	LIE(-ETIMEDOUT, "nothing at all", s.hello_size = 0; s.ready_size = 0);
	LIE(-ETIMEDOUT, "not ready", s.ready_size = 0);
	LIE(-EPROTO, "ready before hello", s.hello_size = 0);
	LIE(-EPROTO, "ready: wrong magic", s.ready.magic++);
	LIE(-EPROTO, "ready: for nothing", s.ready.transports = 0);
	LIE(-EPROTO, "ready: for another transport", s.ready.transports ^= WITH_ANYTHING);
	LIE(-EPROTO, "ready: something where nothing is to be", s.ready.reserved = 1);
	LIE(-EPROTO, "ready: too short", s.ready_size--);
	LIE(-EPROTO, "ready: a descriptor", s.ready_fd = pipe_fd);
}

static void test_closed(void)
{
	struct said s = truth(transport);

	is(open_with(transport, &s, true), -EOWNERDEAD, "%s: it says all and closes",
	   transport_name(transport));
	s.ready_size = 0;
	is(open_with(transport, &s, true), -EOWNERDEAD, "%s: it says hello and closes",
	   transport_name(transport));
	s.hello_size = 0;
	is(open_with(transport, &s, true), -EOWNERDEAD, "%s: it closes", transport_name(transport));
}

static void test_mailboxes(void)
{
	transport = ARENA_CHANNEL_HYBRID;
	LIE(-EPROTO, "no mailbox", s.hello.mailbox = -1);
	LIE(-EPROTO, "a pipe for a mailbox", s.hello.mailbox = pipe_fd);
	LIE(-EPROTO, "a number of nothing", s.hello.mailbox = 99999);
}

/* Another process than the one that was named. */
static void test_pid(void)
{
	struct arena_channel_options o = { .size = sizeof(o), .entries = ENTRIES,
					   .transport = ARENA_CHANNEL_SOCKET,
					   .timeout_ms = 200, .peer_pid = 1 };
	struct said s = truth(ARENA_CHANNEL_SOCKET);
	struct arena_channel *ch;
	const int on = 1;
	int fds[2];

	if (arena_channel_socketpair(fds))
		bail("control sockets");
	setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	say_it(fds[1], &s.hello, s.hello_size, NULL, 0);
	o.socket = &fds[0];
	is(arena_channel_open(NULL, 0, &o, &ch), -EPROTO,
	   "another process than the one that was named");
	close(fds[1]);
}

/* The peer learns of it though somebody else has our end of the socket. */
static void test_refusal(void)
{
	struct arena_channel_options o = { .size = sizeof(o), .wait = 99 };
	struct arena_channel *ch;
	struct pollfd peer;
	int fds[2], held;

	if (arena_channel_socketpair(fds))
		bail("control sockets");
	held = dup(fds[0]);
	o.socket = &fds[0];
	is(arena_channel_open(NULL, 0, &o, &ch), -EINVAL,
	   "options that are wrong");
	peer = (struct pollfd){ .fd = fds[1] };
	is(poll(&peer, 1, 0), 1, "end the socket for the peer, too");
	close(held);
	close(fds[1]);
}

int main(void)
{
	struct io_uring ring;
	int fds[2];

	channel_test_begin();
	take_part(ARENA_ROLE(0, 0));
	if (pipe(fds) || io_uring_queue_init(8, &ring, 0))
		bail("descriptors");
	pipe_fd = fds[0];
	ring_fd = ring.ring_fd;
	for (transport = ARENA_CHANNEL_MSG_RING; transport <= ARENA_CHANNEL_SOCKET; transport++) {
		test_all();
		test_closed();
	}
	test_mailboxes();
	test_pid();
	test_refusal();
	io_uring_queue_exit(&ring);
	return channel_test_end();
}
