// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int sealed_make(const char *name, const struct iovec *part, size_t n)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), ret = 0;

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < n && !ret; i++)
		ret = write_all(fd, part[i].iov_base, part[i].iov_len);
	if (!ret && fcntl(fd, F_ADD_SEALS, SEALS))
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

static int read_all(int fd, char *data, size_t size)
{
	for (size_t n = 0; n < size;) {
		ssize_t ret = pread(fd, data + n, size - n, (off_t)n);

		if (ret <= 0)
			return ret ? -errno : -EPROTO;
		n += (size_t)ret;
	}
	return 0;
}

/* It is read and not mapped: a process in its sandbox maps no files. */
int sealed_read(int fd, size_t max, char **data, size_t *size)
{
	int seals = fcntl(fd, F_GET_SEALS), ret;
	struct stat st;

	*data = NULL;
	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st) || st.st_size < 0 ||
	    (size_t)st.st_size > max)
		return -EPROTO;
	*size = (size_t)st.st_size;
	*data = calloc(1, *size + 1);
	if (!*data)
		return -ENOMEM;
	ret = read_all(fd, *data, *size);
	if (ret) {
		/* It may be secret. */
		explicit_bzero(*data, *size);
		free(*data);
		*data = NULL;
	}
	return ret;
}
