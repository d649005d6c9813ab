// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "disk.h"

#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIN_BLOCK	512U
/* A buffer: memory and disk have the same alignment up to this. */
#define MAX_BLOCK	4096U

/*
 * The kernel takes the ring of a process that ended down behind its back, and
 * with it the disk that was registered there. So an SP that is started in place
 * of another may find the disk in use for a moment.
 */
#define BUSY_TRIES	60
#define BUSY_WAIT_MS	50

static int open_error(const char *path, int err)
{
	const char *why = strerror(err);

	if (err == EBUSY)
		why = "in use: mounted, or held by another program";
	else if (err == EINVAL)
		why = "it does not support direct I/O";
	log_error("cannot open disk %s: %s", path, why);
	return -err;
}

static int open_direct(const char *path, bool readonly, int extra)
{
	int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC | extra);

	return fd < 0 ? -errno : fd;
}

/* O_EXCL refuses a device that is mounted or that another SP serves. */
static int block_open(struct sp_disk *d, const char *path)
{
	int fd = open_direct(path, d->readonly, O_EXCL);
	int first = fd, is_readonly = 0;

	if (fd >= 0 || d->readonly || (fd != -EACCES && fd != -EROFS))
		return fd;
	/* A write-protected device refuses O_RDWR; so does a lack of rights. */
	fd = open_direct(path, true, O_EXCL);
	if (fd < 0)
		return first;
	if (ioctl(fd, BLKROGET, &is_readonly) || !is_readonly) {
		close(fd);
		return first;
	}
	d->readonly = true;
	return fd;
}

static int block_geometry(struct sp_disk *d)
{
	int block_size, is_readonly = 0;
	uint64_t bytes;

	if (ioctl(d->fd, BLKGETSIZE64, &bytes) || ioctl(d->fd, BLKSSZGET, &block_size) ||
	    ioctl(d->fd, BLKROGET, &is_readonly))
		return -errno;
	d->bytes = bytes;
	d->block_size = (uint32_t)block_size;
	d->readonly |= is_readonly;
	return 0;
}

/* A regular file has no O_EXCL: an advisory lock keeps other SPs off it. */
static int file_open(struct sp_disk *d, const char *path)
{
	int fd = open_direct(path, d->readonly, 0);
	int err;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int file_geometry(struct sp_disk *d)
{
	uint32_t align = MAX_BLOCK;
	struct statx stx;

	if (statx(d->fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_DIOALIGN, &stx))
		return -errno;
	if (stx.stx_mask & STATX_DIOALIGN) {
		align = stx.stx_dio_offset_align;
		/* Memory is aligned like the disk, so the stricter one counts. */
		if (align < stx.stx_dio_mem_align)
			align = stx.stx_dio_mem_align;
		if (!align)
			return -EINVAL;
	}
	d->block_size = align < MIN_BLOCK ? MIN_BLOCK : align;
	d->bytes = stx.stx_size;
	return 0;
}

static int check_geometry(struct sp_disk *d, const char *path)
{
	uint64_t whole;

	if (d->block_size < MIN_BLOCK || d->block_size > MAX_BLOCK ||
	    d->block_size & (d->block_size - 1)) {
		log_error("disk %s: a block size of %u is not supported", path, d->block_size);
		return -EINVAL;
	}
	whole = d->bytes & ~(uint64_t)(d->block_size - 1);
	if (whole != d->bytes)
		log_warn("disk %s: its last %u bytes are not a whole block and are not used",
			 path, (unsigned int)(d->bytes - whole));
	d->bytes = whole;
	if (!whole) {
		log_error("disk %s is empty", path);
		return -EINVAL;
	}
	return 0;
}

int sp_disk_open(struct sp_disk *d, const char *path, bool readonly)
{
	struct stat st;
	int ret;

	*d = (struct sp_disk){ .fd = -1, .readonly = readonly };
	if (stat(path, &st))
		return open_error(path, errno);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode)) {
		log_error("disk %s is neither a block device nor a regular file", path);
		return -ENOTBLK;
	}
	for (int i = 0; i < BUSY_TRIES; i++) {
		d->fd = S_ISBLK(st.st_mode) ? block_open(d, path) : file_open(d, path);
		if (d->fd != -EBUSY)
			break;
		clock_sleep_ms(BUSY_WAIT_MS);
	}
	if (d->fd < 0)
		return open_error(path, -d->fd);
	ret = S_ISBLK(st.st_mode) ? block_geometry(d) : file_geometry(d);
	if (ret)
		open_error(path, -ret);
	else
		ret = check_geometry(d, path);
	if (ret)
		sp_disk_close(d);
	return ret;
}

void sp_disk_close(struct sp_disk *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}
