// SPDX-License-Identifier: MIT
/*
 * Usage: role-payload DISK PAGE-KIB
 *
 * One process writes a payload into its part of a region. That part is read-only in the view of
 * the other process, which writes the payload to the disk by its plain address, with O_DIRECT and
 * by NVMe passthrough, and cannot do anything else with it. The start of DISK is overwritten.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arena/arena.h>
#include <arena/nvme.h>
#include <arena/ring.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <liburing.h>
#include <linux/nvme_ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define NP		ARENA_ROLE(0, 0)
#define SP		ARENA_ROLE(1, 0)
#define BYTES		(2 * 4096U)
#define NVME_WRITE	1
#define NVME_READ	2

/* Where on the disk each way writes. */
#define BY_O_DIRECT	0U
#define BY_PASSTHROUGH	BYTES

/**
 * struct disk - the disk, twice
 * @fd: block device, with O_DIRECT
 * @ng: its generic character device
 * @nsid: namespace
 * @lba: bytes of a block
 */
struct disk {
	int fd;
	int ng;
	uint32_t nsid;
	uint32_t lba;
};

static void open_disk(struct disk *d, const char *name)
{
	char path[PATH_MAX], generic[64];
	unsigned int x, y;
	int size;

	if (!realpath(name, path) || sscanf(path, "/dev/nvme%un%u", &x, &y) != 2)
		bail("%s is no NVMe disk", name);
	snprintf(generic, sizeof(generic), "/dev/ng%un%u", x, y);
	d->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	d->ng = open(generic, O_RDWR | O_CLOEXEC);
	if (d->fd < 0 || d->ng < 0 || ioctl(d->fd, BLKSSZGET, &size))
		bail("cannot open %s and %s: %s", path, generic, strerror(errno));
	d->nsid = y;
	d->lba = (uint32_t)size;
}

/* The NP's part: fill a buffer and say which it is. */
static void produce(struct mshare *view, int out)
{
	struct arena_ref ref;
	struct arena_buf b;
	struct arena *a;

	if (arena_open_region(view, NP, &a) || arena_get_for(a, 1, BYTES / 4096, &b))
		_exit(1);
	memset(arena_ptr(a, b), 'w', BYTES);
	if (arena_lend(a, b, SP, &ref) || write(out, &ref, sizeof(ref)) != sizeof(ref))
		_exit(1);
	_exit(0);
}

static struct arena_ref produced(struct mshare *view)
{
	struct arena_ref ref;
	int ends[2], status;
	pid_t pid;

	if (pipe(ends))
		bail("pipe");
	pid = fork();
	if (!pid)
		produce(view, ends[1]);
	waitpid(pid, &status, 0);
	if (status || read(ends[0], &ref, sizeof(ref)) != sizeof(ref))
		bail("the NP has written no payload");
	return ref;
}

static int64_t next_result(struct arena_ring *r)
{
	struct arena_event e;
	int ret = arena_ring_next(r, &e, 30000);

	return ret == 1 ? e.result : ret ? ret : -ETIMEDOUT;
}

/* What is on the disk, read into a buffer of the SP's own. */
static bool disk_has(struct arena *a, const struct disk *d, uint64_t offset, char byte)
{
	struct arena_buf own;
	bool good;
	char *p;

	if (arena_get_for(a, 1, BYTES / 4096, &own))
		return false;
	p = arena_ptr(a, own);
	memset(p, 0, BYTES);
	good = pread(d->fd, p, BYTES, (off_t)offset) == BYTES && p[0] == byte &&
	       !memcmp(p, p + 1, BYTES - 1);
	arena_put(a, own);
	return good;
}

static void test_o_direct(struct arena *a, const struct disk *d, struct arena_buf payload)
{
	struct arena_io io = { .buf = payload, .length = BYTES, .offset = BY_O_DIRECT };
	struct arena_ring *r;

	if (arena_ring_open(a, NULL, &r) || arena_ring_add_file(r, d->fd, &io.file))
		bail("cannot make a ring");
	is(arena_ring_write(r, &io, NULL), 0, "the SP can begin a write of the NP's payload");
	is(next_result(r), BYTES, "the NP's payload is written to the disk with O_DIRECT");
	ok(disk_has(a, d, BY_O_DIRECT, 'w'), "the disk has the payload that O_DIRECT has written");
	arena_ring_close(r);
}

static void test_passthrough(struct arena *a, const struct disk *d, struct arena_buf payload)
{
	struct arena_ring_options o = { .size = sizeof(o), .nvme = true };
	struct arena_nvme n = {
		.size = sizeof(n), .opcode = NVME_WRITE, .nsid = d->nsid, .buf = payload,
		.length = BYTES, .cdw10 = BY_PASSTHROUGH / d->lba, .cdw12 = BYTES / d->lba - 1,
	};
	struct arena_ring *r;

	if (arena_ring_open(a, &o, &r) || arena_ring_add_file(r, d->ng, &n.file))
		bail("cannot make a ring for NVMe commands");
	is(arena_ring_nvme(r, &n, NULL), 0, "the SP can begin an NVMe write of the NP's payload");
	is(next_result(r), 0, "the NP's payload is written to the disk by NVMe passthrough");
	ok(disk_has(a, d, BY_PASSTHROUGH, 'w'),
	   "the disk has the payload that passthrough has written");
	arena_ring_close(r);
}

/* Past the library, which knows better. */
static void test_refused(const struct disk *d, void *payload)
{
	struct nvme_passthru_cmd read_command = {
		.opcode = NVME_READ, .nsid = d->nsid, .addr = (uintptr_t)payload,
		.data_len = BYTES, .cdw12 = BYTES / d->lba - 1,
	};
	struct iovec iov = { payload, BYTES };
	struct io_uring ring;
	ssize_t n;

	n = pread(d->fd, payload, BYTES, BY_O_DIRECT);
	is(n < 0 ? -errno : n, -EFAULT,
	   "a read of the disk into the NP's payload with O_DIRECT gives EFAULT");
	n = ioctl(d->ng, NVME_IOCTL_IO_CMD, &read_command);
	is(n < 0 ? -errno : n, -EFAULT,
	   "a read of the disk into the NP's payload by passthrough gives EFAULT");
	if (io_uring_queue_init(2, &ring, 0))
		bail("no io_uring here");
	is(io_uring_register_buffers(&ring, &iov, 1), -EFAULT,
	   "registering the NP's payload with io_uring gives EFAULT");
	io_uring_queue_exit(&ring);
}

static void consume(struct mshare *view, const struct arena_ref *ref, const struct disk *d)
{
	struct arena_buf payload;
	const char *data;
	struct arena *a;

	if (arena_open_region(view, SP, &a))
		bail("cannot open the SP's view");
	is(arena_borrow(a, NP, ref, &payload), 0, "the SP borrows what the NP has lent");
	data = arena_ptr_const(a, payload);
	test_o_direct(a, d, payload);
	test_passthrough(a, d, payload);
	test_refused(d, (void *)data);
	ok(data[0] == 'w' && !memcmp(data, data + 1, BYTES - 1),
	   "the NP's payload is unchanged after all attempts to write to it");
	arena_close(a);
}

int main(int argc, char **argv)
{
	struct arena_options o = { .size = sizeof(o) };
	struct mshare *np, *sp;
	struct arena_ref ref;
	struct arena *a;
	struct disk d;
	int ret;

	if (argc != 3)
		bail("usage: role-payload DISK PAGE-KIB");
	open_disk(&d, argv[1]);
	o.page_size = strtoull(argv[2], NULL, 10) << 10;
	/* In pages of 2 MiB the layout takes one, and each process needs some. */
	o.bytes = o.page_size > 2 << 20 ? 2 * o.page_size : 16 << 20;
	ret = arena_create(NULL, &o, &a);
	if (ret)
		bail("cannot make a region: %s", strerror(-ret));
	if (arena_make_view(arena_region(a), arena_layout(a), NP, NULL, &np) ||
	    arena_make_view(arena_region(a), arena_layout(a), SP, NULL, &sp))
		bail("cannot make the views");
	mshare_detach(arena_region(a));
	ref = produced(np);
	consume(sp, &ref, &d);
	mshare_close(np);
	mshare_close(sp);
	arena_close(a);
	return done_testing();
}
