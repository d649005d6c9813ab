// SPDX-License-Identifier: MIT
/*
 * A regular file as a disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "claim.h"
#include "ways.h"

#define MIN_BLOCK	512U
/* The size of a buffer: memory is aligned like the disk up to this size. */
#define MAX_BLOCK	4096U
#define MAX_BYTES	(32U << 20)
#define MAX_DISCARD	(1ULL << 40)
/* A file may become twice as long while it is served, or grow by so much. */
#define MIN_GROWTH	(1ULL << 30)

/*
 * Direct I/O moves whole blocks, so the part with the last bytes of a file that ends within a block
 * goes through the page cache. The kernel writes back no less than a page, nor less than a block of
 * the file system, so that part begins where such a unit does: otherwise it would write back old
 * bytes over those that a direct write has just put beside them.
 */
static void find_tail(struct backend_limits *l, uint64_t unit)
{
	if (unit < MAX_BLOCK || unit & (unit - 1))
		unit = MAX_BLOCK;
	if (l->bytes % l->block_size)
		l->tail = l->bytes & ~(unit - 1);
}

static int geometry(struct backend_limits *l, int fd)
{
	uint32_t align = MAX_BLOCK;
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_DIOALIGN, &stx))
		return -errno;
	if (stx.stx_mask & STATX_DIOALIGN) {
		align = stx.stx_dio_offset_align;
		/* Memory is aligned like the disk, so the stricter alignment counts. */
		if (align < stx.stx_dio_mem_align)
			align = stx.stx_dio_mem_align;
		if (!align)
			return -EINVAL;
	}
	l->block_size = align < MIN_BLOCK ? MIN_BLOCK : align;
	l->bytes = stx.stx_size;
	find_tail(l, stx.stx_blksize);
	return 0;
}

/* Open the file once more, if it has a tail. A read does not cache more than is asked for. */
static int open_tail(struct backend *b, int flags)
{
	char path[32];

	if (b->limits.tail > b->limits.bytes)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", b->fd);
	b->tail_fd = open(path, flags | O_CLOEXEC);
	if (b->tail_fd < 0)
		return -errno;
	posix_fadvise(b->tail_fd, 0, 0, POSIX_FADV_RANDOM);
	return 0;
}

/* Can holes be punched? A try behind the end of the file loses no data. */
static bool punches(const struct backend_limits *l, int fd)
{
	return !l->is_readonly && l->bytes < INT64_MAX - MAX_BLOCK &&
	       !fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)(l->bytes + MAX_BLOCK - l->bytes % MAX_BLOCK), MAX_BLOCK);
}

static void find_limits(struct backend_limits *l, int fd)
{
	l->max_bytes = MAX_BYTES;
	l->max_discard = MAX_DISCARD;
	/* If the range has to stay allocated, the ring may have to write as many zeroes. */
	l->max_zero = MAX_BYTES;
	l->atomic_bytes = l->block_size;
	l->has_volatile_cache = true;
	/* A hole reads as zeroes. */
	l->has_discard = punches(l, fd);
	l->has_zero = l->has_discard;
	l->discard_granularity = l->has_discard ? MAX_BLOCK : 0;
}

/* A file cannot become endless. Data beyond this is for a process that is started later. */
static uint64_t longest(const struct backend_limits *l)
{
	if (l->is_readonly)
		return 0;
	return (l->bytes + (l->bytes > MIN_GROWTH ? l->bytes : MIN_GROWTH)) &
	       ~(uint64_t)(MAX_BLOCK - 1);
}

uint64_t file_size_now(const struct backend *b)
{
	struct stat st;

	if (fstat(b->fd, &st))
		return 0;
	return b->longest && (uint64_t)st.st_size > b->longest ? b->longest :
							       (uint64_t)st.st_size;
}

/* A file system that cannot tell says that all is data, and so does this if there is an error. */
struct backend_part file_survey(const struct backend *b, uint64_t offset, uint64_t length)
{
	off_t data = lseek(b->fd, (off_t)offset, SEEK_DATA);
	off_t hole;

	if (data < 0)
		return (struct backend_part){ length, errno == ENXIO };
	if ((uint64_t)data > offset)
		return (struct backend_part){
			(uint64_t)data - offset < length ? (uint64_t)data - offset : length, true
		};
	hole = lseek(b->fd, (off_t)offset, SEEK_HOLE);
	if (hole < 0 || (uint64_t)hole <= offset || (uint64_t)hole - offset > length)
		return (struct backend_part){ length, false };
	return (struct backend_part){ (uint64_t)hole - offset, false };
}

bool file_is_dense(const struct backend *b)
{
	struct stat st;

	/* The unit of st_blocks is 512 bytes. */
	return !fstat(b->fd, &st) && (uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size;
}

int file_open(struct backend *b, const char **why)
{
	int flags = b->limits.is_readonly ? O_RDONLY : O_RDWR;
	int ret;

	b->fd = open(b->path, flags | O_DIRECT | O_CLOEXEC);
	if (b->fd < 0) {
		ret = -errno;
		if (ret == -EINVAL)
			*why = "it does not support direct I/O";
		return ret;
	}
	ret = claim_take(b->fd, b->limits.is_readonly);
	if (!ret)
		ret = geometry(&b->limits, b->fd);
	if (!ret)
		ret = open_tail(b, flags);
	if (ret) {
		close(b->fd);
		b->fd = -1;
		return ret;
	}
	find_limits(&b->limits, b->fd);
	b->longest = longest(&b->limits);
	b->ops = &file_ops;
	return 0;
}
