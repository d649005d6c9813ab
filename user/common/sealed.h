/* SPDX-License-Identifier: MIT */
/*
 * Bytes in a memfd that nobody can change any more, by which they go from one process to another.
 * This header must not know what the bytes are, nor how the descriptor gets there.
 */
#ifndef COMMON_SEALED_H
#define COMMON_SEALED_H

#include <stddef.h>
#include <sys/uio.h>

/**
 * sealed_make() - write bytes to a memfd
 * @name: what /proc calls it
 * @part: the bytes
 * @n: entries of @part
 *
 * Return: the memfd, which is closed by an exec; or -errno.
 */
int sealed_make(const char *name, const struct iovec *part, size_t n);

/**
 * sealed_read() - copy the bytes
 * @fd: what sealed_make() has returned, perhaps in another process
 * @max: bytes that there may be
 * @data: the copy, with a NUL behind it, to be freed with free(); NULL on errors
 * @size: how many there are
 *
 * Return: 0; -EPROTO if @fd is not sealed, or has more bytes; -ENOMEM; another -errno.
 */
int sealed_read(int fd, size_t max, char **data, size_t *size);

#endif /* COMMON_SEALED_H */
