// SPDX-License-Identifier: MIT
/*
 * A disk for one client, `disk FILE`. One process, the owner, has the file and no network
 * connection. The other one, the server, does not have the file. It prints a port, and serves
 * the first TCP client that connects to it. The client sends lines:
 *	READ offset length    is answered by "OK n" and n bytes, which are fewer than length at
 *	                      the end of the file, or by "ERROR" and a message
 * Try it: disk FILE, then `printf 'READ 0 100\n' | nc -N 127.0.0.1 PORT`. Messages:
 *	server -> owner  READ   lends a struct wanted
 *	owner -> server  BACK   returns it
 *	owner -> server  DATA   lends the data; value: the number of bytes that were read
 *	owner -> server  ERROR  the file could not be read; value: the error
 *	server -> owner  DONE   returns the data, which was sent to the client
 */
#include <arena/arena.h>
#include <arena/channel.h>
#include <arena/ring.h>
#include <arena/snapshot.h>
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ = 1, BACK, DATA, ERROR, DONE };
#define OWNER	ARENA_ROLE(0, 0)
#define SERVER	ARENA_ROLE(1, 0)
#define MOST	32768U

struct wanted {
	uint64_t offset;
	uint32_t length;
};

/* The libraries return -errno. In this example each error ends the process. */
static void check(int64_t ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, strerror((int)-ret));
}

static void send_msg(struct arena_channel *ch, struct arena_msg *msg, uint8_t type)
{
	msg->type = type;
	check(arena_channel_send(ch, msg), "sending");
}

/* The server can change its request at any time, so copy it, and check and use only the copy. */
static void own_read(struct arena *a, struct arena_channel *ch, struct arena_ring *r,
		     struct arena_io io, struct arena_msg *msg)
{
	struct arena_event event = { 0 };
	struct arena_buf request;
	struct wanted w;

	check(arena_borrow(a, SERVER, &msg->ref, &request), "borrowing");
	arena_snapshot(&w, arena_ptr_const(a, request), sizeof(w));
	check(arena_return(a, request, &msg->ref), "returning");
	send_msg(ch, msg, BACK);
	*msg = (struct arena_msg){ 0 };
	io.offset = w.offset;
	io.length = w.length;
	check(arena_get_for(a, 1, MOST / 4096, &io.buf), "getting buffers");
	event.result = arena_ring_read(r, &io, NULL);	/* this refuses an invalid length */
	if (!event.result)
		check(arena_ring_next(r, &event, -1), "waiting for the file");
	if (event.result < 0) {
		check(arena_put(a, io.buf), "freeing");
		msg->value = (uint16_t)-event.result;
		send_msg(ch, msg, ERROR);
		return;
	}
	msg->value = (uint16_t)event.result;
	check(arena_lend(a, io.buf, SERVER, &msg->ref), "lending");
	send_msg(ch, msg, DATA);
}

static void own_disk(struct arena *a, struct arena_channel *ch, int fd)
{
	struct arena_io io = { 0 };
	struct arena_buf data;
	struct arena_ring *r;
	struct arena_msg msg;

	check(arena_ring_open(a, NULL, &r), "making a ring");
	check(arena_ring_add_file(r, fd, &io.file), "adding the file to it");
	while (arena_channel_next(ch, &msg, -1) == 1) {
		if (msg.type == READ) {
			own_read(a, ch, r, io, &msg);
		} else {	/* DONE: arena_regain() checks the server's reference */
			check(arena_regain(a, SERVER, &msg.ref, &data), "regaining");
			check(arena_put(a, data), "freeing");
		}
	}
	check(arena_ring_close(r), "closing the ring");
}

static void serve(struct arena *a, struct arena_channel *ch, FILE *in, FILE *out)
{
	struct arena_msg msg = { 0 };
	struct arena_buf buf;
	char line[80];

	check(arena_get_for(a, 1, 1, &buf), "getting a buffer");
	while (fgets(line, sizeof(line), in)) {
		struct wanted *w = arena_ptr(a, buf);
		struct arena_buf data;

		if (sscanf(line, "READ %" SCNu64 " %" SCNu32, &w->offset, &w->length) != 2)
			w->length = 0;	/* the owner refuses this length */
		check(arena_lend(a, buf, OWNER, &msg.ref), "lending");
		send_msg(ch, &msg, READ);
		check(arena_channel_next(ch, &msg, -1), "waiting for the owner");
		check(arena_regain(a, OWNER, &msg.ref, &buf), "regaining");
		check(arena_channel_next(ch, &msg, -1), "waiting for the owner");
		if (msg.type == ERROR) {
			fprintf(out, "ERROR %s\n", strerror(msg.value));
		} else {
			check(arena_borrow(a, OWNER, &msg.ref, &data), "borrowing");
			fprintf(out, "OK %u\n", msg.value);
			fwrite(arena_ptr_const(a, data), 1, msg.value, out);
			check(arena_return(a, data, &msg.ref), "returning");
			send_msg(ch, &msg, DONE);
			/* Send it now, because fflush() and fgets() may wait for the client. */
			check(arena_channel_flush(ch), "sending");
		}
		fflush(out);
	}
}

/* Listen on a free port, print it, and wait for the client. */
static int accept_client(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), client;
	socklen_t size = sizeof(at);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (void *)&at, size) || listen(fd, 1) ||
	    getsockname(fd, (void *)&at, &size))
		err(1, "listening");
	printf("port %u\n", ntohs(at.sin_port));
	fflush(stdout);
	client = accept(fd, NULL, NULL);
	if (client < 0)
		err(1, "accepting the client");
	close(fd);
	return client;
}

int main(int argc, char **argv)
{
	struct arena_channel_options how = { .size = sizeof(how) };
	int fd, status = 0, client;
	struct arena_channel *ch;
	struct arena *a, *own;
	FILE *in, *out;
	pid_t child;

	if (argc != 2)
		errx(2, "usage: disk FILE");
	fd = open(argv[1], O_RDONLY);
	check(fd < 0 ? -errno : 0, argv[1]);
	signal(SIGPIPE, SIG_IGN);
	check(arena_create(NULL, NULL, &a), "making the arena");
	child = fork();
	check(child < 0 ? -errno : 0, "fork");
	own = a;
	if (!child)	/* The child has inherited the region, and takes the other role in it. */
		check(arena_open_region(arena_region(a), SERVER, &own), "taking a role");
	how.peer_pid = child ? child : getppid();
	check(arena_channel_open(own, child ? SERVER : OWNER, &how, &ch), "connecting");
	if (child) {
		own_disk(own, ch, fd);
	} else {
		close(fd);
		client = accept_client();
		in = fdopen(client, "r");
		out = fdopen(dup(client), "w");
		serve(own, ch, in, out);
		fclose(in);
		fclose(out);
	}
	arena_channel_close(ch);
	if (child && waitpid(child, &status, 0) == child && status)
		errx(1, "the server failed and had %lld buffers",
		     (long long)arena_peer_died(a, SERVER));
	return arena_close(own) || (own != a && arena_close(a));
}
