/* SPDX-License-Identifier: MIT */
/*
 * A region, an arena of its NP and a ring, for tests of rings.
 */
#ifndef TESTS_ARENA_RING_RIG_H
#define TESTS_ARENA_RING_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <arena/ring.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "region.h"

#define RIG_LENGTH	(16UL << 20)
/* Only a hang takes longer. */
#define RIG_PATIENCE_MS	20000

/*
 * A misuse is answered with an error. A library built with ARENA_DEBUG ends the process
 * instead, so there the call is made in a child.
 */
#define refused(call, error, ...) do {					\
	pid_t child_ = IS_DEBUG ? rig_child() : -1;			\
									\
	if (!IS_DEBUG)							\
		is(call, error, __VA_ARGS__);				\
	else if (!child_)						\
		_exit((call) == 0);					\
	else								\
		ok(rig_aborted(child_), __VA_ARGS__);			\
} while (0)

/* A child cannot call its parent's ring, so misuse of a ring is tested without ARENA_DEBUG only. */
#define ring_refused(call, error, ...) do {				\
	if (!IS_DEBUG)							\
		is(call, error, __VA_ARGS__);				\
} while (0)

/* Fork a child that prints no misuse report and leaves no core file. */
static inline pid_t rig_child(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork_as_owner();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		close(STDERR_FILENO);
	}
	return pid;
}

static inline bool rig_aborted(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGABRT;
}

/**
 * struct rig - the objects of one test
 * @name: name of the region
 * @m: region
 * @a: arena of NP 0
 * @r: ring of @a
 */
struct rig {
	const char *name;
	struct mshare *m;
	struct arena *a;
	struct arena_ring *r;
};

static const struct arena_ring_options rig_options = {
	.size = sizeof(rig_options), .entries = 16, .files = 16,
};

/* An arena without a ring. */
static inline struct rig rig_arena(const char *name)
{
	struct rig rig = { .name = name };
	struct arena_config c;
	int ret;

	c = arena_test_config(RIG_LENGTH);
	rig.m = arena_test_arena(name, &c);
	ret = arena_open_region(rig.m, ARENA_ROLE(0, 0), &rig.a);
	if (ret)
		bail("cannot open the arena: %s", strerror(-ret));
	return rig;
}

static inline struct arena_ring *rig_ring(struct arena *a,
					  const struct arena_ring_options *o)
{
	struct arena_features f = { .size = sizeof(f) };
	struct arena_ring *r;
	int ret = arena_ring_open(a, o, &r);

	if (ret == -EOPNOTSUPP && arena_probe(&f) && arena_features_why(&f)) {
		printf("1..0 # SKIP %s\n", arena_features_why(&f));
		exit(EXIT_SUCCESS);
	}
	if (ret)
		bail("cannot open a ring: %s", strerror(-ret));
	return r;
}

static inline struct rig rig_open(const char *name)
{
	struct rig rig = rig_arena(name);

	rig.r = rig_ring(rig.a, &rig_options);
	return rig;
}

static inline void rig_close(struct rig *rig)
{
	arena_ring_close(rig->r);
	is(arena_close(rig->a), 0, "the arena can be closed, since no extent is IN_IO");
	arena_test_end(rig->m);
}

/* Get an extent of @count buffers, of 4096 bytes each, and set all bytes to @fill. */
static inline struct arena_buf rig_buf(struct rig *rig, uint32_t count, int fill)
{
	struct arena_buf b = { 0 };
	int ret = arena_get_for(rig->a, USE_FIRST, count, &b);

	if (ret)
		bail("cannot get %u buffers: %s", count, strerror(-ret));
	memset(arena_ptr(rig->a, b), fill, arena_size(rig->a, b));
	return b;
}

/* True if the first @length bytes of the extent are readable and equal @fill. */
static inline bool rig_is(struct rig *rig, struct arena_buf b, uint32_t length, int fill)
{
	const unsigned char *p = arena_ptr_const(rig->a, b);

	for (uint32_t i = 0; p && i < length; i++)
		if (p[i] != fill)
			return false;
	return p;
}

static inline struct arena_file rig_file(struct rig *rig, int fd)
{
	struct arena_file f = { 0 };
	int ret = arena_ring_add_file(rig->r, fd, &f);

	if (ret)
		bail("cannot add a file: %s", strerror(-ret));
	return f;
}

/* An eventfd; a read of it completes at once if @count is not 0, and otherwise never. */
static inline struct arena_file rig_eventfd(struct rig *rig, unsigned int count)
{
	int fd = eventfd(count, EFD_CLOEXEC);
	struct arena_file f = rig_file(rig, fd);

	close(fd);
	return f;
}

/* A regular file in memory, of @length bytes with the value @fill. */
static inline int rig_fd(size_t length, int fill)
{
	int fd = memfd_create("rig", MFD_CLOEXEC);
	char block[4096];

	memset(block, fill, sizeof(block));
	for (size_t at = 0; at < length; at += sizeof(block)) {
		size_t n = length - at < sizeof(block) ? length - at : sizeof(block);

		if (pwrite(fd, block, n, (off_t)at) != (ssize_t)n)
			bail("cannot write a file");
	}
	return fd;
}

/* The next event; the test ends here if none comes. */
static inline struct arena_event rig_next(struct rig *rig)
{
	struct arena_event e = { 0 };
	int ret;

	do
		ret = arena_ring_next(rig->r, &e, RIG_PATIENCE_MS);
	while (ret == -EINTR);
	if (ret != 1)
		bail("no event: %d", ret);
	return e;
}

/* True if there is no event now. */
static inline bool rig_quiet(struct rig *rig)
{
	struct arena_event e;

	return !arena_ring_next(rig->r, &e, 0);
}

/* A ring on a kernel that seems to lack @feature; NULL for a kernel that lacks none. */
static inline struct arena_ring *rig_ring_without(struct arena *a, struct arena_ring_options o,
						  const char *feature)
{
	struct arena_features f = { .size = sizeof(f) };

	arena_probe(&f);
	if (feature)
		arena_probe_without(&f, feature);
	o.features = &f;
	return rig_ring(a, &o);
}

/* A socket that listens on the loopback device, at the address that is stored in *@at. */
static inline int rig_listen(struct sockaddr_in *at)
{
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*at);

	*at = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	if (bind(sock, (struct sockaddr *)at, size) || listen(sock, 4) ||
	    getsockname(sock, (struct sockaddr *)at, &size))
		bail("cannot listen: %s", strerror(errno));
	return sock;
}

/* A TCP connection over the loopback device: pair[0] has connected, pair[1] was accepted. */
static inline void rig_tcp(int pair[2])
{
	struct sockaddr_in at;
	int sock = rig_listen(&at);

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(pair[0], (struct sockaddr *)&at, sizeof(at)))
		bail("cannot connect: %s", strerror(errno));
	pair[1] = accept(sock, NULL, NULL);
	close(sock);
}

static inline void rig_pipe(int pair[2], int flags)
{
	if (pipe2(pair, flags | O_CLOEXEC))
		bail("cannot make a pipe: %s", strerror(errno));
}

static inline void rig_close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

/*
 * Receive exactly @length bytes. MSG_WAITALL is not enough: a ring without DEFER_TASKRUN
 * interrupts the thread while it waits, and the receive ends early.
 */
static inline void rig_recv_all(int fd, void *to, size_t length)
{
	for (size_t n = 0; n < length;) {
		ssize_t more = recv(fd, (char *)to + n, length - n, 0);

		if (!more || (more < 0 && errno != EINTR))
			bail("cannot receive: %s", strerror(errno));
		n += more > 0 ? (size_t)more : 0;
	}
}

#endif /* TESTS_ARENA_RING_RIG_H */
