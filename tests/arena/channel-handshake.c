// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: a channel opens only if the peer's handshake over the control socket is right, and
 * never hangs.
 * Method: the test writes the peer's hello and ready into the other end of the socket, with one
 * member wrong at a time, and then opens its own end. The peer has the credentials of the test.
 */
#include <fcntl.h>
#include <libarena/channel/channel.h>
#include <sys/socket.h>

#include "channel.h"

#define ENTRIES	16

/* All messages of a peer's handshake. */
struct handshake {
	struct channel_hello hello;
	size_t hello_size;
	int fds[2];
	int n_fds;
	struct channel_ready allow;
	size_t allow_size;
	struct channel_ready ready;
	size_t ready_size;
	int ready_fd;
};

static int ring_fd, pipe_fd;

static struct handshake right_handshake(enum arena_channel_transport transport)
{
	struct handshake s = {
		.hello = {
			.magic = CHANNEL_HELLO_MAGIC, .version = CHANNEL_VERSION,
			.transports = TRANSPORT_BIT(transport), .entries = ENTRIES,
			.self = ARENA_ROLE(1, 0), .peer = ARENA_ROLE(0, 0), .mailbox = -1,
		},
		.hello_size = sizeof(s.hello),
		.allow = { .magic = CHANNEL_ALLOW_MAGIC, .transports = TRANSPORT_BIT(transport) },
		.allow_size = sizeof(s.allow),
		.ready = { .magic = CHANNEL_READY_MAGIC, .transports = TRANSPORT_BIT(transport) },
		.ready_size = sizeof(s.ready),
		.ready_fd = -1,
	};

	if (TRANSPORT_BIT(transport) & WITH_MAILBOX)
		s.hello.mailbox = ring_fd;
	return s;
}

static void send_with_fds(int socket, const void *body, size_t size, const int *fds, int n_fds)
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

/* Returns the result of arena_channel_open(); the peer closes its end before if @closes. */
static int open_with(enum arena_channel_transport transport, const struct handshake *s, bool closes)
{
	struct arena_channel_options o = { .size = sizeof(o), .transport = transport,
					   .entries = ENTRIES, .timeout_ms = 200 };
	struct arena_channel *ch;
	const int on = 1;
	int fds[2], ret;

	if (arena_channel_socketpair(fds))
		bail("control sockets");
	/* Before anything is sent, for the kernel adds credentials at the time of sending. */
	setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	if (s->hello_size)
		send_with_fds(fds[1], &s->hello, s->hello_size, s->fds, s->n_fds);
	if (s->allow_size)
		send_with_fds(fds[1], &s->allow, s->allow_size, NULL, 0);
	if (s->ready_size)
		send_with_fds(fds[1], &s->ready, s->ready_size, &s->ready_fd, s->ready_fd >= 0);
	if (closes)
		close(fds[1]);
	o.socket = &fds[0];
	ret = arena_channel_open(own_arena, ARENA_ROLE(1, 0), &o, &ch);
	if (!ret)
		arena_channel_close(ch);
	if (!closes)
		close(fds[1]);
	return ret;
}

static enum arena_channel_transport transport;

/* Open with a right handshake in which one thing is changed. */
#define LIE(error, what, ...) do {							\
	struct handshake s = right_handshake(transport);				\
	int fds_before = count_fds();							\
											\
	__VA_ARGS__;									\
	is(open_with(transport, &s, false), error, "%s: opening %s with %s",		\
	   transport_name(transport), (error) ? "fails" : "succeeds", what);		\
	if (count_fds() != fds_before)							\
		ok(false, "%s: opening leaves no descriptor open with %s",		\
		   transport_name(transport), what);					\
} while (0)

static void test_all(void)
{
	LIE(0, "a right handshake", (void)0);
	LIE(-EPROTO, "a hello with a wrong magic number", s.hello.magic++);
	LIE(-EPROTO, "a hello of another version", s.hello.version++);
	LIE(-EPROTO, "a hello with another number of entries", s.hello.entries++);
	LIE(-EPROTO, "a hello from another role", s.hello.self++);
	LIE(-EPROTO, "a hello to another role", s.hello.peer++);
	LIE(-EPROTO, "a hello without transports", s.hello.transports = 0);
	LIE(-EPROTO, "a hello with a transport that does not exist",
	    s.hello.transports |= 1U << 31);
	LIE(-EPROTO, "a hello with AUTO among the transports",
	    s.hello.transports |= TRANSPORT_BIT(ARENA_CHANNEL_AUTO));
	LIE(-EPROTO, "a hello that lacks a byte", s.hello_size--);
	LIE(-EPROTO, "a hello of one byte", s.hello_size = 1);
	LIE(-EPROTO, "a hello with a descriptor", s.fds[s.n_fds++] = pipe_fd);
	LIE(-EPROTO, "a hello with two descriptors", s.fds[s.n_fds++] = pipe_fd;
	    s.fds[s.n_fds++] = pipe_fd);
	LIE(-ETIMEDOUT, "a silent peer", s.hello_size = 0; s.allow_size = 0; s.ready_size = 0);
	LIE(-ETIMEDOUT, "a hello and no allow", s.allow_size = 0; s.ready_size = 0);
	LIE(-ETIMEDOUT, "a hello, an allow and no ready", s.ready_size = 0);
	LIE(-EPROTO, "an allow without a hello", s.hello_size = 0);
	LIE(-EPROTO, "a ready without an allow", s.allow_size = 0);
	LIE(-EPROTO, "an allow without a transport", s.allow.transports = 0);
	LIE(-EPROTO, "an allow with a reserved member that is not 0", s.allow.reserved = 1);
	LIE(-EPROTO, "an allow that lacks a byte", s.allow_size--);
	LIE(-EPROTO, "a ready with a wrong magic number", s.ready.magic++);
	LIE(-EPROTO, "a ready without a transport", s.ready.transports = 0);
	LIE(-EPROTO, "a ready for other transports", s.ready.transports ^= WITH_ANYTHING);
	LIE(-EPROTO, "a ready with a reserved member that is not 0", s.ready.reserved = 1);
	LIE(-EPROTO, "a ready that lacks a byte", s.ready_size--);
	LIE(-EPROTO, "a ready with a descriptor", s.ready_fd = pipe_fd);
}

static void test_closed(void)
{
	struct handshake s = right_handshake(transport);

	is(open_with(transport, &s, true), -EOWNERDEAD,
	   "%s: opening fails if the peer sends its whole handshake and closes",
	   transport_name(transport));
	s.ready_size = 0;
	s.allow_size = 0;
	is(open_with(transport, &s, true), -EOWNERDEAD,
	   "%s: opening fails if the peer sends hello and closes", transport_name(transport));
	s.hello_size = 0;
	is(open_with(transport, &s, true), -EOWNERDEAD,
	   "%s: opening fails if the peer closes before it sends anything",
	   transport_name(transport));
}

static void test_mailboxes(void)
{
	transport = ARENA_CHANNEL_HYBRID;
	LIE(-EPROTO, "a hello without a mailbox", s.hello.mailbox = -1);
	LIE(-EPROTO, "a hello with a pipe in place of a mailbox", s.hello.mailbox = pipe_fd);
	LIE(-EPROTO, "a hello with a mailbox number that is not open", s.hello.mailbox = 99999);
}

static void test_pid(void)
{
	struct arena_channel_options o = { .size = sizeof(o), .entries = ENTRIES,
					   .transport = ARENA_CHANNEL_SOCKET,
					   .timeout_ms = 200, .peer_pid = 1 };
	struct handshake s = right_handshake(ARENA_CHANNEL_SOCKET);
	struct arena_channel *ch;
	const int on = 1;
	int fds[2];

	if (arena_channel_socketpair(fds))
		bail("control sockets");
	setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	send_with_fds(fds[1], &s.hello, s.hello_size, NULL, 0);
	o.socket = &fds[0];
	is(arena_channel_open(NULL, 0, &o, &ch), -EPROTO,
	   "opening fails if the hello comes from another process than peer_pid");
	close(fds[1]);
}

/* The peer must see the end of the socket although a duplicate of this end is still open. */
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
	   "opening with a way to wait that does not exist is refused");
	peer = (struct pollfd){ .fd = fds[1] };
	is(poll(&peer, 1, 0), 1, "an opening that is refused ends the control socket for the peer");
	close(held);
	close(fds[1]);
}

int main(void)
{
	struct io_uring ring;
	int fds[2];

	channel_test_begin();
	open_own_arena(ARENA_ROLE(0, 0));
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
