// SPDX-License-Identifier: MIT
/*
 * Goal: ranges of files and block devices are discarded and zeroed, exactly these bytes, by
 * whatever way the file knows, and what cannot be done is told.
 * Method: files in memory, which cannot zero without a hole, and on a disk; a loop device
 * over a file in memory, where this is root's machine. Content and allocation are compared.
 */
#define _GNU_SOURCE
#include <linux/loop.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "ring-rig.h"

#define KIB	1024UL
#define SIZE	(8192 * KIB)

/* Is every byte of the range this one? */
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

static int zero(struct rig *rig, const struct arena_range *range)
{
	int ret = arena_ring_write_zeroes(rig->r, range, NULL);
	struct arena_event e;

	if (ret)
		return ret;
	e = rig_next(rig);
	return e.cookie == range->cookie ? e.result : 1;
}

static int discard(struct rig *rig, const struct arena_range *range)
{
	int ret = arena_ring_discard(rig->r, range, NULL);
	struct arena_event e;

	if (ret)
		return ret;
	e = rig_next(rig);
	return e.cookie == range->cookie ? e.result : 1;
}

/* Only the range is zero; what is around it is not. */
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
	ok(only_zero(fd, &g), "%s: it reads as zeroes, and nothing else does", what);
	ok(allocated(fd) < full, "%s: it is not allocated any more", what);

	fill(fd, SIZE);
	is(zero(rig, &g), 0, "%s: a range is zeroed", what);
	ok(only_zero(fd, &g), "%s: it reads as zeroes, and nothing else does", what);
	ok(allocated(fd) < full, "%s: a hole is the cheapest way", what);

	fill(fd, SIZE);
	g.flags = ARENA_IO_NO_HOLE;
	g.offset += 100;
	is(zero(rig, &g), 0, "%s: a range is zeroed without a hole", what);
	ok(only_zero(fd, &g), "%s: it reads as zeroes, to the byte", what);
	ok(allocated(fd) >= full, "%s: it is still allocated", what);

	fill(fd, SIZE);
	g.flags |= ARENA_IO_FAST;
	ret = zero(rig, &g);
	is(ret, zeroes ? 0 : -EOPNOTSUPP, "%s: fast, and without a hole: %s", what,
	   zeroes ? "it can" : "it says that it cannot");
	ok(ret ? file_is(fd, 0, SIZE, 'x') : only_zero(fd, &g), "%s: and the content is so", what);
	arena_ring_remove_file(rig->r, g.file);
	close(fd);
}

static void test_refused(struct rig *rig)
{
	struct arena_range g = { .length = 1 };
	int pipes[2], fd = rig_fd(4096, 'f');

	is(zero(rig, &g), -ESTALE, "a range of no file is refused");
	if (pipe2(pipes, O_CLOEXEC))
		bail("no pipe");
	g.file = rig_file(rig, pipes[0]);
	is(discard(rig, &g), -EINVAL, "a range of a pipe is refused");
	arena_ring_remove_file(rig->r, g.file);
	g.file = rig_file(rig, fd);
	g.length = 0;
	is(zero(rig, &g), -EINVAL, "a range of nothing is refused");
	g.length = UINT64_MAX;
	is(zero(rig, &g), -EINVAL, "a range that ends where no file can is refused");
	g.length = 1;
	g.offset = INT64_MAX;
	is(zero(rig, &g), -EINVAL, "and so is one that begins there");
	g.offset = 0;
	g.flags = ARENA_IO_FAST;
	is(discard(rig, &g), -EINVAL, "discard has no flags");
	g.flags = ARENA_IO_DSYNC;
	is(zero(rig, &g), -EINVAL, "a flag of another call is refused");
	ok(file_is(fd, 0, 4096, 'f'), "nothing that was refused has changed the file");
	arena_ring_remove_file(rig->r, g.file);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

/* What is begun without a buffer is cancelled, and ends, as anything else. */
static void test_ended(struct rig *rig)
{
	int fd = rig_fd(SIZE, 'x');
	struct arena_range g = { .file = rig_file(rig, fd), .length = SIZE,
				 .flags = ARENA_IO_NO_HOLE };
	struct arena_op op;
	int32_t result;

	arena_ring_write_zeroes(rig->r, &g, &op);
	arena_ring_set_deadline(rig->r, op, 1);
	result = rig_next(rig).result;
	ok(!result || result == -ETIME, "a range at its deadline: done or ended (%d)", result);
	arena_ring_remove_file(rig->r, g.file);
	close(fd);
}

/* A loop device over a file in memory; it is gone when it is closed. -1 without one. */
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
	ok(allocated(backing) < full, "block device: its storage is not allocated any more");
	fill(fd, SIZE);
	is(zero(rig, &g), 0, "block device: a range is zeroed");
	ok(only_zero(fd, &g), "block device: it reads as zeroes, and nothing else does");
	fill(fd, SIZE);
	g.flags = ARENA_IO_NO_HOLE;
	is(zero(rig, &g), 0, "block device: a range is zeroed and kept");
	ok(only_zero(fd, &g), "block device: it reads as zeroes, and nothing else does");
	g.flags |= ARENA_IO_FAST;
	is(zero(rig, &g), -EOPNOTSUPP, "block device: nobody knows whether that would be fast");
	g.flags = 0;
	g.offset = 1;
	ok(discard(rig, &g) < 0, "block device: a range that is not aligned is not discarded");
	arena_ring_remove_file(rig->r, g.file);
	close(fd);
	close(backing);
}

static int disk_file(void)
{
	/* Where the tree is rather than where files may be in memory, too. */
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

/* Can this file be zeroed without a hole, and without writing? */
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
	test_ended(rig);
	test_block(rig);
	is(arena_ring_pending(rig->r), 0, "nothing is left pending");
}

int main(void)
{
	struct rig rig = rig_open("ring-ranges");
	struct arena_ring_options o = rig_options;
	struct arena_features f = { .size = sizeof(f) };

	test_all(&rig);
	diag("with file descriptors of the ring's own");
	arena_probe(&f);
	arena_probe_without(&f, "direct_close");
	o.features = &f;
	arena_ring_close(rig.r);
	rig.r = rig_ring(rig.a, &o);
	test_all(&rig);
	rig_close(&rig);
	return done_testing();
}
