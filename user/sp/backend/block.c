// SPDX-License-Identifier: MIT
/*
 * A block device as a disk, whole or a partition.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "claim.h"
#include "ways.h"

#define MAX_BYTES	(32U << 20)
/* A range must be shorter than 4 GiB, because a bio has 32 bits for its length. */
#define MAX_DISCARD	(1ULL << 31)

/* O_EXCL refuses a device that is mounted or that another SP serves. */
static int open_direct(const char *path, bool readonly)
{
	int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC | O_EXCL);
	int ret = fd < 0 ? -errno : claim_take(fd, readonly);

	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

int block_open_exclusively(struct backend *b, const char *path)
{
	return open_direct(path, b->limits.is_readonly);
}

/* Read an attribute of the device's queue in sysfs. A partition has the queue of its disk. */
static bool queue_text(dev_t dev, const char *name, char *text, size_t size)
{
	static const char *const folders[] = { "queue", "../queue" };
	char path[128];

	for (int i = 0; i < 2; i++) {
		FILE *from;
		bool good;

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/%s", major(dev), minor(dev),
			 folders[i], name);
		from = fopen(path, "re");
		if (!from)
			continue;
		good = fgets(text, (int)size, from);
		fclose(from);
		if (good)
			text[strcspn(text, "\n")] = '\0';
		return good;
	}
	return false;
}

/* Read a number of the queue; 0 if the kernel is older than the attribute. */
static uint64_t queue_number(dev_t dev, const char *name)
{
	char text[32];

	return queue_text(dev, name, text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

static bool has_volatile_cache(dev_t dev)
{
	char text[32];

	return !queue_text(dev, "write_cache", text, sizeof(text)) ||
	       strcmp(text, "write through") != 0;
}

/* The kernel splits operations that are longer than the device takes at once. */
static void queue_limits(struct backend_limits *l, dev_t dev)
{
	uint32_t atomic = (uint32_t)queue_number(dev, "atomic_write_unit_max_bytes");
	uint64_t discard = queue_number(dev, "discard_max_bytes");

	l->max_bytes = MAX_BYTES;
	l->max_discard = MAX_DISCARD;
	/* If the device fails to zero a range by itself, the ring writes as many zeroes. */
	l->max_zero = MAX_BYTES;
	l->atomic_bytes = atomic > l->block_size ? atomic : l->block_size;
	l->is_rotational = queue_number(dev, "rotational");
	l->has_volatile_cache = has_volatile_cache(dev);
	l->has_fua = queue_number(dev, "fua");
	l->has_zero = queue_number(dev, "write_zeroes_max_bytes") && !l->is_readonly;
	l->has_discard = discard && !l->is_readonly;
	if (l->has_discard) {
		l->discard_granularity = (uint32_t)queue_number(dev, "discard_granularity");
		if (l->discard_granularity < l->block_size)
			l->discard_granularity = l->block_size;
	}
}

bool block_has_poll_queues(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && queue_number(st.st_rdev, "io_poll");
}

/* Of an NVMe namespace the block device is the guard. */
uint64_t block_size_now(const struct backend *b)
{
	uint64_t bytes;

	return ioctl(b->guard >= 0 ? b->guard : b->fd, BLKGETSIZE64, &bytes) ? 0 : bytes;
}

/* What the kernel has written to a file is not lost before the kernel is, so it has no number. */
uint64_t block_sequence(const struct backend *b)
{
	uint64_t sequence;

	return ioctl(b->guard >= 0 ? b->guard : b->fd, BLKGETDISKSEQ, &sequence) ? 0 : sequence;
}

int block_limits(struct backend *b, int fd)
{
	int block_size, is_readonly = 0;
	uint64_t bytes;
	struct stat st;

	if (ioctl(fd, BLKGETSIZE64, &bytes) || ioctl(fd, BLKSSZGET, &block_size) ||
	    ioctl(fd, BLKROGET, &is_readonly) || fstat(fd, &st))
		return -errno;
	b->limits.bytes = bytes;
	b->limits.block_size = (uint32_t)block_size;
	b->limits.is_readonly |= is_readonly;
	queue_limits(&b->limits, st.st_rdev);
	return 0;
}

int block_open(struct backend *b, const char **why)
{
	int ret;

	b->fd = block_open_exclusively(b, b->path);
	if (b->fd < 0) {
		if (b->fd == -EINVAL)
			*why = "it does not support direct I/O";
		return b->fd;
	}
	ret = block_limits(b, b->fd);
	if (ret) {
		close(b->fd);
		b->fd = -1;
		return ret;
	}
	b->ops = &block_ops;
	return 0;
}
