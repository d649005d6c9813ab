// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "claim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "holder.h"

/*
 * QEMU locks a byte for each thing that it does to an image, and one for each that nobody else may
 * do, and looks whether others have the opposite byte.
 */
#define QEMU_READS		100
#define QEMU_NO_WRITER		201
#define QEMU_NO_RESIZER		203

static int lock(int fd, short type, off_t start, off_t length)
{
	struct flock l = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length,
	};

	if (!fcntl(fd, F_OFD_SETLK, &l))
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/* A writer locks all bytes, whatever they mean to somebody. */
static int lock_bytes(int fd, bool readonly)
{
	static const off_t bytes[] = { QEMU_READS, QEMU_NO_WRITER, QEMU_NO_RESIZER };
	int ret = 0;

	if (!readonly)
		return lock(fd, F_WRLCK, 0, 0);
	for (unsigned int i = 0; i < sizeof(bytes) / sizeof(*bytes) && !ret; i++)
		ret = lock(fd, F_RDLCK, bytes[i], 1);
	return ret;
}

/* QEMU's locks are shared ones: does it write, or change the size? */
static int look_for_writer(int fd)
{
	for (off_t i = 1; i <= 3; i += 2) {
		struct flock l = {
			.l_type = F_WRLCK, .l_whence = SEEK_SET,
			.l_start = QEMU_READS + i, .l_len = 1,
		};

		if (fcntl(fd, F_OFD_GETLK, &l))
			return -errno;
		if (l.l_type != F_UNLCK)
			return -EBUSY;
	}
	return 0;
}

/* Only for files: devices have O_EXCL, and udev leaves those alone that flock(2) locks. */
static int lock_file(int fd, bool readonly)
{
	if (!flock(fd, (readonly ? LOCK_SH : LOCK_EX) | LOCK_NB))
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

int claim_take(int fd, bool readonly)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	ret = S_ISREG(st.st_mode) ? lock_file(fd, readonly) : 0;
	if (!ret)
		ret = lock_bytes(fd, readonly);
	if (!ret && readonly)
		ret = look_for_writer(fd);
	if (!ret && holder_is_loop(&st, readonly))
		ret = -EBUSY;
	return ret;
}
