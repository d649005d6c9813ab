// SPDX-License-Identifier: MIT
/*
 * A crowd of NBD clients in one process: many connections to one server, over which
 * it sends requests of one kind and size. `make bench-nbd` has it hold a connection
 * that is idle, and `make bench-scale` measures what connections cost a server.
 *
 *	nbd-crowd [OPTION...] PORT EXPORT...
 *
 *	-n N	connections (1); they take the exports by turns
 *	-b N	those that have requests (all of them), one after the other
 *	-q N	requests under way at a time, over all connections (32)
 *	-w	write, instead of reading
 *	-s N	bytes of a request (4096)
 *	-t S	for so many seconds; with 0, nothing is sent (0)
 *
 * It prints "ready" when all connections are there. With requests it waits for a line of input
 * before it begins, and prints "ios N seconds S" after them. It ends when its input does.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <endian.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PACKED		__attribute__((packed))
#define REPLY_MAGIC	0x67446698U

struct PACKED request {
	uint32_t magic;
	uint16_t flags, type;
	uint64_t cookie, offset;
	uint32_t length;
};

struct PACKED reply {
	uint32_t magic, error;
	uint64_t cookie;
};

/* @had: bytes of a reply that are there; its header is kept until it is whole. */
struct client {
	int fd;
	uint32_t had;
	struct reply reply;
	uint64_t bytes;		/* of the export */
};

static unsigned int n_clients = 1, n_busy, depth = 32, size = 4096, seconds;
static bool writes;
static struct client *clients;
static unsigned int turn;
static uint64_t sent, done, random_state = 88172645463325252ULL;
static char *payload;

static uint64_t random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void get(int fd, void *to, size_t n)
{
	if (n && recv(fd, to, n, MSG_WAITALL) != (ssize_t)n)
		err(1, "the server hangs up");
}

static void put(int fd, const void *from, size_t n)
{
	if (send(fd, from, n, MSG_NOSIGNAL) != (ssize_t)n)
		err(1, "send");
}

/* One reply to NBD_OPT_GO: is it the last one? */
static bool get_option_reply(struct client *c)
{
	struct PACKED { uint64_t magic; uint32_t option, type, length; } r;
	struct PACKED { uint16_t type; uint64_t bytes; } info;
	char rest[4096];
	uint32_t length;

	get(c->fd, &r, sizeof(r));
	length = be32toh(r.length);
	if (be32toh(r.type) >> 31 || length > sizeof(rest))
		errx(1, "the server refuses the export");
	get(c->fd, rest, length);
	memcpy(&info, rest, sizeof(info));
	if (length >= sizeof(info) && !info.type)
		c->bytes = be64toh(info.bytes);
	return be32toh(r.type) == 1;
}

static void negotiate(struct client *c, const char *export)
{
	struct PACKED { uint64_t a, b; uint16_t flags; } hello;
	const uint32_t length = (uint32_t)strlen(export);
	struct PACKED { uint32_t flags; uint64_t magic; uint32_t option, length, name; } go = {
		htobe32(3), htobe64(0x49484156454f5054), htobe32(7), htobe32(length + 6),
		htobe32(length),
	};
	const uint16_t no_infos = 0;

	get(c->fd, &hello, sizeof(hello));
	put(c->fd, &go, sizeof(go));
	if (length)
		put(c->fd, export, length);
	put(c->fd, &no_infos, sizeof(no_infos));
	while (!get_option_reply(c))
		;
	if (c->bytes < size)
		errx(1, "an export of %ju bytes", (uintmax_t)c->bytes);
}

static void dial(struct client *c, uint16_t port, const char *export)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int one = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
	setsockopt(c->fd, SOL_TCP, TCP_NODELAY, &one, sizeof(one));
	negotiate(c, export);
}

static void ask(void)
{
	struct client *c = &clients[turn++ % n_busy];
	struct request r = {
		htobe32(0x25609513), 0, htobe16(writes), sent++,
		htobe64(random64() % (c->bytes / size) * size), htobe32(size),
	};
	struct iovec v[] = { { &r, sizeof(r) }, { payload, size } };
	struct msghdr m = { .msg_iov = v, .msg_iovlen = writes ? 2 : 1 };

	if (sendmsg(c->fd, &m, MSG_NOSIGNAL) != (ssize_t)(sizeof(r) + (writes ? size : 0)))
		err(1, "send");
}

/* Takes @n bytes at @p of a stream of replies, which are all of one length. */
static void take(struct client *c, const char *p, size_t n)
{
	const uint32_t whole = sizeof(c->reply) + (writes ? 0 : size);

	while (n) {
		size_t here = whole - c->had < n ? whole - c->had : n;
		size_t missing = c->had < sizeof(c->reply) ? sizeof(c->reply) - c->had : 0;

		memcpy((char *)&c->reply + sizeof(c->reply) - missing, p,
		       missing < here ? missing : here);
		c->had += (uint32_t)here;
		p += here;
		n -= here;
		if (c->had < whole)
			continue;
		if (c->reply.magic != htobe32(REPLY_MAGIC) || c->reply.error)
			errx(1, "error %u", be32toh(c->reply.error));
		c->had = 0;
		done++;
	}
}

static void read_replies(struct client *c)
{
	static char buffer[1 << 20];
	ssize_t n = recv(c->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

	if (n <= 0)
		err(1, "the server hangs up");
	take(c, buffer, (size_t)n);
}

static int watch(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (unsigned int i = 0; i < n_clients; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &clients[i] };

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[i].fd, &e))
			err(1, "epoll");
	}
	return epoll;
}

static void load(void)
{
	const double begin = now(), end = begin + seconds;
	struct epoll_event events[64];
	int epoll = watch();

	while (now() < end || done < sent) {
		int n;

		while (now() < end && sent - done < depth)
			ask();
		n = epoll_wait(epoll, events, 64, 30000);
		if (n <= 0)
			errx(1, "no reply in 30 s");
		for (int i = 0; i < n; i++)
			read_replies(events[i].data.ptr);
	}
	printf("ios %ju seconds %.3f\n", (uintmax_t)done, now() - begin);
	fflush(stdout);
}

/* Wait for a line of input. Return false if the input has ended. */
static bool wait_for_line(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) > 0)
		if (c == '\n')
			return true;
	return false;
}

static unsigned int number(const char *text, unsigned int least)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n < least || n > 1 << 20)
		errx(2, "'%s' does not do", text);
	return (unsigned int)n;
}

static void parse(int argc, char **argv)
{
	static const char usage[] =
		"usage: nbd-crowd [-n N] [-b N] [-q N] [-w] [-s N] [-t S] PORT EXPORT...";
	int c;

	while ((c = getopt(argc, argv, "n:b:q:ws:t:")) != -1) {
		switch (c) {
		case 'n':
			n_clients = number(optarg, 1);
			break;
		case 'b':
			n_busy = number(optarg, 1);
			break;
		case 'q':
			depth = number(optarg, 1);
			break;
		case 'w':
			writes = true;
			break;
		case 's':
			size = number(optarg, 1);
			break;
		case 't':
			seconds = number(optarg, 0);
			break;
		default:
			errx(2, "%s", usage);
		}
	}
	if (argc - optind < 2)
		errx(2, "%s", usage);
	if (!n_busy || n_busy > n_clients)
		n_busy = n_clients;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	uint16_t port;
	int names;

	parse(argc, argv);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	port = (uint16_t)number(argv[optind++], 1);
	names = argc - optind;
	clients = calloc(n_clients, sizeof(*clients));
	payload = calloc(1, size);
	if (!clients || !payload)
		err(1, "calloc");
	for (unsigned int i = 0; i < n_clients; i++)
		dial(&clients[i], port, argv[optind + (int)i % names]);
	puts("ready");
	fflush(stdout);
	if (seconds && wait_for_line())
		load();
	while (wait_for_line())
		;
	return 0;
}
