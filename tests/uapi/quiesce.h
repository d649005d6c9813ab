/* SPDX-License-Identifier: MIT */
/* For tests of MSHAREARENA_QUIESCE: asking, and what is in use for sure. */
#ifndef UAPI_QUIESCE_H
#define UAPI_QUIESCE_H

#include "util.h"

#include <sys/uio.h>

#define QUIESCE_FOREVER ((uint32_t)-1)

struct busy {
	uint64_t bytes;
	uint64_t first;
};

static inline int quiesce(int fd, uint64_t offset, uint64_t length, uint32_t timeout_ms,
			  struct busy *b)
{
	struct msharearena_quiesce q = {
		.size = sizeof(q),
		.offset = offset,
		.length = length,
		.timeout_ms = timeout_ms,
		.busy = -1,
		.first_busy = -1,
	};
	int ret = ioctl(fd, MSHAREARENA_QUIESCE, &q) ? -errno : 0;

	if (b)
		*b = (struct busy){ q.busy, q.first_busy };
	return ret;
}

/* Is just this much of the range in use at this moment, from @first on? */
static inline bool busy_is(int fd, uint64_t offset, uint64_t length, uint64_t bytes,
			   uint64_t first)
{
	struct busy b;
	int ret = quiesce(fd, offset, length, 0, &b);

	if (ret == (bytes ? -EAGAIN : 0) && b.bytes == bytes && b.first == first)
		return true;
	diag("quiesce: %d, %llu bytes busy from %llu on", ret, (unsigned long long)b.bytes,
	     (unsigned long long)b.first);
	return false;
}

static inline bool idle(int fd, uint64_t offset, uint64_t length)
{
	return busy_is(fd, offset, length, 0, offset + length);
}

/* A region whose small pages are no parts of transparent huge pages. */
static inline int region_of_pages(const char *name, uint64_t size, uint64_t length)
{
	int fd, ret;
	char *d;

	if (size != SZ_4K)
		return region_with(name, size, length);
	region_unlink(name);
	if (region_create(name, size, length))
		bail("create %s", name);
	fd = view_open(name, "rw", O_RDWR);
	d = donor(size, length);
	madvise(d, length, MADV_NOHUGEPAGE);
	ret = view_export(fd, d, length, 0);
	if (ret)
		bail("export to %s: %s", name, strerror(-ret));
	munmap(d, length);
	return fd;
}

/*
 * A pipe holds a reference to each page that was spliced into it until it is
 * read: a use that begins and ends when the test wants it.
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

#endif /* UAPI_QUIESCE_H */
