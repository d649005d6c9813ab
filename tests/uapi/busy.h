/* SPDX-License-Identifier: MIT */
/* Helpers for tests of MSHAREARENA_GET_BUSY: the command, and pages that are busy for sure. */
#ifndef UAPI_BUSY_H
#define UAPI_BUSY_H

#include "util.h"

#include <sys/uio.h>

/* The time after which an answer must be stable, in milliseconds. */
#define SETTLE_MS 20000

struct busy {
	uint64_t bytes;
	uint64_t first;
};

/* One GET_BUSY; returns 0 or -errno. */
static inline int get_busy(int fd, uint64_t offset, uint64_t length, uint32_t flags,
			   struct busy *b)
{
	struct msharearena_busy q = {
		.size = sizeof(q),
		.flags = flags,
		.offset = offset,
		.length = length,
		.busy = -1,
		.first_busy = -1,
	};
	int ret = command(fd, MSHAREARENA_GET_BUSY, &q);

	*b = (struct busy){ q.busy, q.first_busy };
	return ret;
}

/* GET_BUSY that also empties the CPUs' batches, if this file may do that. */
static inline int get_busy_drain(int fd, uint64_t offset, uint64_t length, struct busy *b)
{
	int ret = get_busy(fd, offset, length, MSHAREARENA_BUSY_DRAIN, b);

	return ret == -EACCES ? get_busy(fd, offset, length, 0, b) : ret;
}

/*
 * True if exactly @bytes of the range are busy and the first of them is at @first. Small
 * pages also look busy while they wait in a batch of a CPU, so the answer may take a
 * moment to become right. Then it has to stay so.
 */
static inline bool busy_is(int fd, uint64_t offset, uint64_t length, uint64_t bytes,
			   uint64_t first)
{
	struct busy b;
	int ret;

	for (int ms = 0; ms < SETTLE_MS; ms++) {
		ret = get_busy_drain(fd, offset, length, &b);
		if (ret || (b.bytes == bytes && b.first == first))
			break;
		usleep(1000);
	}
	for (int i = 0; !ret && i < 3 && b.bytes == bytes && b.first == first; i++)
		ret = get_busy(fd, offset, length, 0, &b);
	if (!ret && b.bytes == bytes && b.first == first)
		return true;
	diag("GET_BUSY: %d, %llu bytes busy from %llu on", ret, (unsigned long long)b.bytes,
	     (unsigned long long)b.first);
	return false;
}

static inline bool idle(int fd, uint64_t offset, uint64_t length)
{
	return busy_is(fd, offset, length, 0, offset + length);
}

/* Repeat GET_BUSY until nothing is busy: 0, -ETIMEDOUT after @ms, or another -errno. */
static inline int idle_within(int fd, uint64_t offset, uint64_t length, int ms)
{
	struct timespec now, end;
	struct busy b;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	for (;;) {
		int ret = get_busy_drain(fd, offset, length, &b);

		if (ret || !b.bytes)
			return ret;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > end.tv_sec)
			return -ETIMEDOUT;
		usleep(2000);
	}
}

/* A region whose small pages do not belong to transparent huge pages. */
static inline int region_of_pages(const char *name, uint64_t size, uint64_t length)
{
	int fd, ret;
	char *d;

	if (size != SZ_4K)
		return region_with(name, size, length);
	region_unlink(name);
	fd = region_create_open(name, size, length);
	if (fd < 0)
		bail("create %s: %s", name, strerror(-fd));
	d = donor(size, length);
	madvise(d, length, MADV_NOHUGEPAGE);
	ret = view_export(fd, d, length, 0);
	if (ret)
		bail("export to %s: %s", name, strerror(-ret));
	munmap(d, length);
	return fd;
}

/*
 * A pipe holds a reference to each page that was spliced into it until it is read. A test
 * can begin and end this use as it wants.
 */
struct hold {
	int pipe[2];
	size_t bytes;
};

static inline struct hold hold_pages(char *at, size_t bytes)
{
	struct iovec iov = { at, bytes };
	struct hold h = { .bytes = bytes };

	if (pipe2(h.pipe, O_CLOEXEC) || fcntl(h.pipe[1], F_SETPIPE_SZ, 1 << 20) < 0)
		bail("a pipe: %s", strerror(errno));
	if (vmsplice(h.pipe[1], &iov, 1, SPLICE_F_NONBLOCK) != (ssize_t)bytes)
		bail("vmsplice of %zu bytes: %s", bytes, strerror(errno));
	return h;
}

static inline void hold_end(struct hold *h)
{
	char buf[4096];

	while (h->bytes) {
		ssize_t n = read(h->pipe[0], buf, sizeof(buf));

		if (n <= 0)
			bail("read of a pipe: %s", strerror(errno));
		h->bytes -= n;
	}
	close(h->pipe[0]);
	close(h->pipe[1]);
}

#endif /* UAPI_BUSY_H */
