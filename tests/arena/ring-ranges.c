// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: ranges of files and block devices are discarded and zeroed, exactly these bytes, by the
 * best way that the file has, and a request that the file cannot fulfil is refused.
 * Method: a file in memory, which cannot be zeroed without a hole, and one on a disk; for root
 * also a loop device over a file in memory. Contents and allocated blocks are compared.
 */
#define _GNU_SOURCE
#include <linux/loop.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "ring-rig.h"

#define KIB	1024UL
#define SIZE	(8192 * KIB)

/* True if every byte of the range is @fill. */
static bool file_is(int fd, uint64_t from, uint64_t length, int fill)
{
	static unsigned char bytes[SIZE];

	if (pread(fd, bytes, length, (off_t)from) != (ssize_t)length)
		return false;
	for (uint64_t i = 0; i < length; i++)
		if (bytes[i] != fill)
			return false;
	return true;
}

static void fill(int fd, size_t size)
{
	char *bytes = malloc(size);

	memset(bytes, 'x', size);
	if (pwrite(fd, bytes, size, 0) != (ssize_t)size || fsync(fd))
		bail("cannot write");
	free(bytes);
}

static uint64_t allocated(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

/* The result of the call or, if that is 0, of its event. */
static int do_range(struct rig *rig, const struct arena_range *range,
		    int (*call)(struct arena_ring *r, const struct arena_range *range,
				struct arena_op *op))
{
	int ret = call(rig->r, range, NULL);
	struct arena_event e;

	if (ret)
		return ret;
	e = rig_next(rig);
	return e.cookie == range->cookie ? e.result : 1;
}

static int zero(struct rig *rig, const struct arena_range *range)
{
	return do_range(rig, range, arena_ring_write_zeroes);
}

static int discard(struct rig *rig, const struct arena_range *range)
{
	return do_range(rig, range, arena_ring_discard);
}

/* True if the range is zero and the bytes around it are not. */
static bool only_zero(int fd, const struct arena_range *g)
{
	return file_is(fd, 0, g->offset, 'x') && file_is(fd, g->offset, g->length, 0) &&
	       file_is(fd, g->offset + g->length, SIZE - g->offset - g->length, 'x');
}

static void test_file(struct rig *rig, int fd, const char *what, bool zeroes)
{
	struct arena_range g = { .file = rig_file(rig, fd), .offset = 64 * KIB,
				 .length = 6000 * KIB, .cookie = 9 };
	uint64_t full;
	int ret;

	fill(fd, SIZE);
	full = allocated(fd);
	is(discard(rig, &g), 0, "%s: a range is discarded", what);
	ok(only_zero(fd, &g), "%s: a discarded range reads as zeroes, and no byte beside it", what);
	ok(allocated(fd) < full, "%s: a discarded range is not allocated any more", what);

	fill(fd, SIZE);
	is(zero(rig, &g), 0, "%s: a range is zeroed", what);
	ok(only_zero(fd, &g), "%s: a zeroed range reads as zeroes, and no byte beside it", what);
	ok(allocated(fd) < full, "%s: zeroing a range makes a hole if that is allowed", what);

	fill(fd, SIZE);
	g.flags = ARENA_IO_NO_HOLE;
	g.offset += 100;
	is(zero(rig, &g), 0, "%s: a range is zeroed without a hole", what);
	ok(only_zero(fd, &g),
	   "%s: a range zeroed without a hole begins and ends at its byte", what);
	ok(allocated(fd) >= full, "%s: a range zeroed without a hole is still allocated", what);

	fill(fd, SIZE);
	g.flags |= ARENA_IO_FAST;
	ret = zero(rig, &g);
	is(ret, zeroes ? 0 : -EOPNOTSUPP, "%s: zeroing fast and without a hole %s", what,
	   zeroes ? "succeeds" : "is refused");
	ok(ret ? file_is(fd, 0, SIZE, 'x') : only_zero(fd, &g),
	   "%s: zeroing fast and without a hole %s", what,
	   ret ? "changes no byte when it is refused" : "changes exactly the range");
	arena_ring_remove_file(rig->r, g.file);
	close(fd);
}

static void test_refused(struct rig *rig)
{
	struct arena_range g = { .length = 1 };
	int pipes[2], fd = rig_fd(4096, 'f');

	is(zero(rig, &g), -ESTALE, "zeroing with a zeroed file handle is refused");
	rig_pipe(pipes, 0);
	g.file = rig_file(rig, pipes[0]);
	is(discard(rig, &g), -EINVAL, "discarding a range of a pipe is refused");
	arena_ring_remove_file(rig->r, g.file);
	g.file = rig_file(rig, fd);
	g.length = 0;
	is(zero(rig, &g), -EINVAL, "zeroing 0 bytes is refused");
	g.length = UINT64_MAX;
	is(zero(rig, &g), -EINVAL, "zeroing a range that ends beyond the largest file is refused");
	g.length = 1;
	g.offset = INT64_MAX;
	is(zero(rig, &g), -EINVAL,
	   "zeroing a range that begins beyond the largest file is refused");
	g.offset = 0;
	g.flags = ARENA_IO_FAST;
	is(discard(rig, &g), -EINVAL, "discarding with ARENA_IO_FAST is refused");
	g.flags = ARENA_IO_DSYNC;
	is(zero(rig, &g), -EINVAL, "zeroing with ARENA_IO_DSYNC is refused");
	ok(file_is(fd, 0, 4096, 'f'), "calls that were refused have not changed the file");
	arena_ring_remove_file(rig->r, g.file);
	close(fd);
	rig_close_pair(pipes);
}

/* An operation without an extent has a deadline like any other. */
static void test_deadline(struct rig *rig)
{
	int fd = rig_fd(SIZE, 'x');
	struct arena_range g = { .file = rig_file(rig, fd), .length = SIZE,
				 .flags = ARENA_IO_NO_HOLE };
	struct arena_op op;
	int32_t result;

	arena_ring_write_zeroes(rig->r, &g, &op);
	arena_ring_set_deadline(rig->r, op, 1);
	result = rig_next(rig).result;
	ok(!result || result == -ETIME,
	   "zeroing a range with a past deadline is done or expires (%d)", result);
	arena_ring_remove_file(rig->r, g.file);
	close(fd);
}

/* A loop device over a file in memory, which its last close removes; -1 if there is none. */
static int loop_open(int backing)
{
	struct loop_config config = {
		.fd = (unsigned int)backing,
		.block_size = 512,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
	};
	char path[32];
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number, fd;

	if (control < 0)
		return -1;
	number = ioctl(control, LOOP_CTL_GET_FREE);
	close(control);
	if (number < 0)
		return -1;
	snprintf(path, sizeof(path), "/dev/loop%d", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && !ioctl(fd, LOOP_CONFIGURE, &config))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void test_block(struct rig *rig)
{
	int backing = rig_fd(SIZE, 'x'), fd = loop_open(backing);
	struct arena_range g = { .offset = 64 * KIB, .length = 4000 * KIB, .cookie = 3 };
	uint64_t full = allocated(backing);

	if (fd < 0) {
		skip("no loop device here");
		close(backing);
		return;
	}
	g.file = rig_file(rig, fd);
	is(discard(rig, &g), 0, "block device: a range is discarded");
	ok(allocated(backing) < full,
	   "block device: the storage of a discarded range is not allocated any more");
	fill(fd, SIZE);
	is(zero(rig, &g), 0, "block device: a range is zeroed");
	ok(only_zero(fd, &g),
	   "block device: a zeroed range reads as zeroes, and no byte beside it");
	fill(fd, SIZE);
	g.flags = ARENA_IO_NO_HOLE;
	is(zero(rig, &g), 0, "block device: a range is zeroed without a hole");
	ok(only_zero(fd, &g),
	   "block device: a range zeroed without a hole reads as zeroes, and no byte beside it");
	g.flags |= ARENA_IO_FAST;
	is(zero(rig, &g), -EOPNOTSUPP,
	   "block device: zeroing with ARENA_IO_FAST is refused, since its speed is unknown");
	g.flags = 0;
	g.offset = 1;
	ok(discard(rig, &g) < 0, "block device: discarding a range that is not aligned fails");
	arena_ring_remove_file(rig->r, g.file);
	close(fd);
	close(backing);
}

static int disk_file(void)
{
	/* The tree first, for /tmp may be in memory. */
	static const char * const folders[] = { "build", ".", "/tmp" };
	char path[64];

	for (int i = 0; i < 3; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/ring-ranges-XXXXXX", folders[i]);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd < 0)
			continue;
		unlink(path);
		return fd;
	}
	bail("cannot make a file");
}

/* True if the file can be zeroed without a hole and without writing zeroes. */
static bool can_zero(int fd)
{
	return !ftruncate(fd, 4096) && !fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096);
}

static void test_all(struct rig *rig)
{
	int memory = rig_fd(0, 0), disk = disk_file();

	test_refused(rig);
	test_file(rig, memory, "memory", can_zero(memory));
	test_file(rig, disk, "disk", can_zero(disk));
	test_deadline(rig);
	test_block(rig);
	is(arena_ring_pending(rig->r), 0, "no operation is pending at the end");
}

int main(void)
{
	struct rig rig = rig_open("ring-ranges");

	test_all(&rig);
	diag("without direct descriptors");
	arena_ring_close(rig.r);
	rig.r = rig_ring_without(rig.a, rig_options, "direct_close");
	test_all(&rig);
	rig_close(&rig);
	return done_testing();
}
