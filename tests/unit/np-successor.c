// SPDX-License-Identifier: MIT
/*
 * Goal: a process that takes the place of another one believes nothing that it is told of the
 * connections: it closes what is no connection, what it cannot serve, and what its client may not
 * use, and keeps the others with all of their bytes.
 * Method: this program is the process that hands over, and puts everything into the socket before
 * it calls the successor's part.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <control/handoff.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <np/np.h>
#include <np/successor.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"

#define NAME	"disk"

static struct options options;
static struct np np = { .options = &options };
static int ends[2], listener, client;

/* Return: a connection over the loopback interface, whose other end is @client. */
static int connection(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t size = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!listener) {
		listener = socket(AF_INET, SOCK_STREAM, 0);
		if (bind(listener, (const struct sockaddr *)&at, size) || listen(listener, 8))
			bail("cannot listen");
	}
	getsockname(listener, (struct sockaddr *)&at, &size);
	client = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(client, (const struct sockaddr *)&at, size))
		bail("cannot connect");
	return accept(listener, NULL, NULL);
}

static struct handoff_conn good(void)
{
	return (struct handoff_conn){
		.head.type = HANDOFF_CONN, .bytes = 1 << 20, .name_length = strlen(NAME),
	};
}

static void say(uint32_t type, const void *more, size_t n)
{
	union handoff_any any = { .head.type = type };

	if (handoff_send(ends[0], &any, more, n, -1))
		bail("cannot send");
}

static void hand_over(struct handoff_conn conn, const char *texts, int fd)
{
	union handoff_any any = { .conn = conn };

	if (handoff_send(ends[0], &any, texts, strlen(texts), fd))
		bail("cannot send");
}

static void begin(void)
{
	if (handoff_open(ends))
		bail("no sockets");
	np.successor = (struct successor){ 0 };
	np.offered.set = np.options->exports;
}

/* Let the successor hear what was said, behind which the old process ends. */
static int hear_what_was_said(void)
{
	int ret;

	close(ends[0]);
	ret = successor_hear(&np, ends[1]);
	close(ends[1]);
	return ret;
}

/* The same if the old process has given its connections. */
static int hear(void)
{
	say(HANDOFF_GIVEN, NULL, 0);
	return hear_what_was_said();
}

static void is_refused(const char *what, struct handoff_conn conn, const char *texts, int fd)
{
	begin();
	hand_over(conn, texts, fd);
	say(HANDOFF_END, NULL, 0);
	hear();
	ok(np.successor.n == 0 && np.successor.refused == 1, "%s is not taken over", what);
	successor_exit(&np);
	close(fd);
}

static void test_good(void)
{
	struct handoff_conn c = good();

	begin();
	c.left = 6;
	c.losses = 5;
	hand_over(c, NAME, connection());
	say(HANDOFF_BYTES, "abc", 3);
	say(HANDOFF_BYTES, "def", 3);
	say(HANDOFF_END, NULL, 0);
	is(hear(), 0, "the successor hears that the connections are its own");
	ok(np.successor.n == 1 && !memcmp(np.successor.newest->left, "abcdef", 6),
	   "a connection is taken over with bytes that come in two messages");
	is(np.successor.newest->conn.losses, 5, "its client knows of as many losses as before");
	ok(np.successor.newest->peer.address.ss_family == AF_INET,
	   "its client has the address of the socket");
	successor_exit(&np);
}

static void test_torn(void)
{
	struct handoff_conn c = good();

	begin();
	hand_over(c, NAME, connection());
	c.left = 6;
	hand_over(c, NAME, connection());
	say(HANDOFF_BYTES, "abc", 3);
	is(hear_what_was_said(), -EPIPE,
	   "the successor notices that the old process died before the end");
	ok(np.successor.n == 1 && np.successor.refused == 1,
	   "it keeps the connection that is complete, and not the one whose bytes are not");
	successor_exit(&np);

	begin();
	c = good();
	c.left = 2;
	hand_over(c, NAME, connection());
	say(HANDOFF_BYTES, "abc", 3);
	say(HANDOFF_END, NULL, 0);
	hear();
	ok(np.successor.n == 0, "a connection with more bytes than it was to have is closed");
	successor_exit(&np);

	begin();
	hand_over(good(), NAME, connection());
	say(HANDOFF_REFUSED, NULL, 0);
	is(hear_what_was_said(), -ECANCELED, "the successor hears that the old process goes on");
	successor_exit(&np);

	begin();
	hand_over(good(), NAME, connection());
	say(HANDOFF_END, NULL, 0);
	say(HANDOFF_REFUSED, NULL, 0);
	is(hear_what_was_said(), -ECANCELED,
	   "the successor hears that the old process goes on when it has all connections");
	successor_exit(&np);

	begin();
	hand_over(good(), NAME, connection());
	say(HANDOFF_END, NULL, 0);
	is(hear_what_was_said(), -EPIPE,
	   "the successor uses nothing if the old process has not given its connections");
	successor_exit(&np);

	begin();
	say(HANDOFF_CONN, NULL, 0);
	is(hear_what_was_said(), -EPROTO, "a connection without a socket makes no sense");
	successor_exit(&np);
}

static void test_sockets(void)
{
	int fd = connection();

	is_refused("a file", good(), NAME, memfd_create("file", MFD_CLOEXEC));
	is_refused("a socket that listens", good(), NAME, dup(listener));
	is_refused("a datagram socket", good(), NAME, socket(AF_INET, SOCK_DGRAM, 0));
	is_refused("a socket that is not connected", good(), NAME,
		   socket(AF_INET, SOCK_STREAM, 0));
	is_refused("a netlink socket", good(), NAME, socket(AF_NETLINK, SOCK_RAW, 0));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	is_refused("a connection that does not wait", good(), NAME, fd);
}

static void test_records(void)
{
	struct handoff_conn c = good();

	c.style = 7;
	is_refused("a connection with an unknown form of replies", c, NAME, connection());
	c = good();
	c.tls = HANDOFF_KERNEL;
	is_refused("a connection without the keys of TLS that it is said to have", c, NAME,
		   connection());
	c = good();
	c.name_length = 3;
	is_refused("a connection with a text of another length", c, NAME, connection());
	is_refused("a connection to an unknown export", good(), "task", connection());
	c = good();
	c.identity_length = 5;
	is_refused("a connection with an identity, but without TLS", c, NAME "psk:x", connection());
	c = good();
	c.left = UINT32_MAX;
	is_refused("a connection with too many bytes", c, NAME, connection());
	options.tls = NEGOTIATION_TLS_REQUIRE;
	is_refused("a connection without TLS where TLS is required", good(), NAME, connection());
	options.tls = NEGOTIATION_TLS_OFF;
	options.exports.export[0].access.n = 1;
	options.exports.export[0].access.rule[0].kind = ACCESS_UNIX;
	is_refused("a client whom the rules of the export do not admit", good(), NAME,
		   connection());
	options.exports.export[0].access.n = 0;
}

static void test_many(void)
{
	begin();
	for (unsigned int i = 0; i < options.connections_max + 2; i++)
		hand_over(good(), NAME, connection());
	say(HANDOFF_END, NULL, 0);
	hear();
	ok(np.successor.n == options.connections_max && np.successor.refused == 2,
	   "no more connections are taken over than there may be");
	successor_exit(&np);
}

int main(void)
{
	options.control_fd = -1;
	options.connections_max = 4;
	options.exports.n = 1;
	options.exports.export[0].name = NAME;
	test_good();
	test_torn();
	test_sockets();
	test_records();
	test_many();
	return done_testing();
}
