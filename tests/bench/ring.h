/* SPDX-License-Identifier: MIT */
/*
 * What tests/bench/ring.c measures on: a region with two roles in one process, and the same
 * things without the library. All of it is made once, and each side has its own.
 */
#ifndef BENCH_RING_H
#define BENCH_RING_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arena/ring.h>
#include <arena/source.h>
#include <liburing.h>

#define BATCH		32U	/* operations, extents or messages of a turn */
#define BLOCK		4096U
#define PIECE		64U	/* bytes of each extent of a list */
#define ENTRIES		64U
#define LENGTH		(16UL << 20)

enum { USE_PAYLOAD = 1, USE_DISK = 2 };

static const uint32_t np_role = ARENA_ROLE(0, 0), sp_role = ARENA_ROLE(1, 0);

static _Noreturn void die(const char *what, int error)
{
	fprintf(stderr, "ring: %s: %s\n", what, strerror(error < 0 ? -error : error));
	exit(1);
}

/* What is negative for an error. */
static int check(int ret, const char *what)
{
	if (ret < 0)
		die(what, ret);
	return ret;
}

/**
 * struct library - one role of the region, with what it uses
 * @a: its arena
 * @ring: without sources
 * @registered: the same, whose groups are registered
 * @channels: a ring that watches @ch
 * @ch: to the other role
 */
struct library {
	struct arena *a;
	struct arena_ring *ring;
	struct arena_ring *registered;
	struct arena_ring *channels;
	struct arena_channel *ch;
};

/**
 * struct bare - liburing alone
 * @ring: set up as the library's are
 * @registered: the same, with one buffer that is registered
 * @memory: for all buffers
 */
struct bare {
	struct io_uring ring;
	struct io_uring registered;
	char *memory;
};

static struct mshare *region;
static struct library np, sp;
static struct bare bare;
static int file_fd, direct_fd, tcp[2];

static void make_region(void)
{
	const struct mshare_options o = {
		.size = sizeof(o), .backend = MSHARE_BACKEND_MEMFD, .length = LENGTH,
		.page_size = BLOCK, .flags = MSHARE_UNNAMED,
	};
	const struct arena_config c = {
		.size = sizeof(c), .length = LENGTH, .channel_entries = 256,
		.classes = {
			{ .processes = 1, .group = { { USE_PAYLOAD, BLOCK, 0 } } },
			{ .processes = 1, .group = { { USE_DISK, BLOCK, 0 } } },
		},
	};
	static struct arena_layout layout;
	void *base;

	check(arena_layout_make(&layout, &c), "arena_layout_make");
	check(mshare_create("bench-ring", &o, &region), "mshare_create");
	check(mshare_populate(region, 0, LENGTH), "mshare_populate");
	check(mshare_attach(region, &base), "mshare_attach");
	arena_layout_write(base, &layout);
}

static struct arena_ring *library_ring(struct arena *a, bool registered)
{
	const struct arena_ring_options o = {
		.size = sizeof(o), .entries = ENTRIES, .registered = registered,
	};
	struct arena_ring *r;

	check(arena_ring_open(a, &o, &r), "arena_ring_open");
	return r;
}

static void open_library(struct library *l, uint32_t role)
{
	check(arena_open_region(region, role, &l->a), "arena_open_region");
	l->ring = library_ring(l->a, false);
	l->registered = library_ring(l->a, true);
	l->channels = library_ring(l->a, false);
}

static void open_channel(struct library *l, uint32_t peer, int *link)
{
	const struct arena_channel_options o = {
		.size = sizeof(o), .transport = ARENA_CHANNEL_HYBRID, .entries = 256,
		.nonblocking = true, .socket = link,
	};

	check(arena_channel_open(l->a, peer, &o, &l->ch), "arena_channel_open");
	check(arena_ring_add_channel(l->channels, l->ch, 0, NULL), "arena_ring_add_channel");
}

/* Both ends are in this thread, so each connects while the other is looked at. */
static void connect_channels(void)
{
	struct arena_event events[8];
	struct arena_msg m;
	int links[2];

	check(arena_channel_socketpair(links), "arena_channel_socketpair");
	open_channel(&np, sp_role, &links[0]);
	open_channel(&sp, np_role, &links[1]);
	while (!arena_channel_is_connected(np.ch) || !arena_channel_is_connected(sp.ch)) {
		check(arena_ring_next_many(np.channels, events, 8, 1), "connecting");
		check(arena_channel_recv(np.ch, &m), "connecting");
		check(arena_ring_next_many(sp.channels, events, 8, 1), "connecting");
		check(arena_channel_recv(sp.ch, &m), "connecting");
	}
}

static void open_bare_ring(struct io_uring *ring)
{
	const unsigned int flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
				   IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
	int files[3] = { file_fd, tcp[0], direct_fd };

	check(io_uring_queue_init(ENTRIES, ring, flags), "io_uring_queue_init");
	check(io_uring_register_files(ring, files, 3), "io_uring_register_files");
}

/* The memory is the region's, of buffers that are never got there. */
static void open_bare(void)
{
	struct iovec all = { .iov_len = BATCH * BLOCK };

	bare.memory = (char *)arena_base(np.a) + LENGTH - all.iov_len;
	all.iov_base = bare.memory;
	open_bare_ring(&bare.ring);
	open_bare_ring(&bare.registered);
	check(io_uring_register_buffers(&bare.registered, &all, 1),
	      "io_uring_register_buffers");
}

/* On a file system that reads from its cache without a worker, which a memfd does not. */
static void make_file(void)
{
	static char block[BLOCK];
	char path[64];

	file_fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file_fd < 0)
		die("a temporary file here", errno);
	for (uint32_t i = 0; i < BATCH; i++)
		if (write(file_fd, block, BLOCK) != BLOCK)
			die("write", errno);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file_fd);
	direct_fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fsync(file_fd) || direct_fd < 0)
		die("direct I/O to a file here", errno);
}

/* A TCP connection over the loopback device: [0] sends, [1] drops. */
static void make_connection(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(any);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	tcp[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(sock, (struct sockaddr *)&any, size) || listen(sock, 1) ||
	    getsockname(sock, (struct sockaddr *)&any, &size) ||
	    connect(tcp[0], (struct sockaddr *)&any, size))
		die("connect", errno);
	tcp[1] = accept(sock, NULL, NULL);
	close(sock);
}

static void drop_received(size_t n)
{
	ssize_t got;

	for (; n; n -= (size_t)got) {
		got = recv(tcp[1], NULL, n, MSG_TRUNC);
		if (got <= 0)
			die("recv", errno);
	}
}

static void make_all(void)
{
	make_region();
	make_file();
	make_connection();
	open_library(&np, np_role);
	open_library(&sp, sp_role);
	connect_channels();
	open_bare();
}

#endif /* BENCH_RING_H */
