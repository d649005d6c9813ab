/* SPDX-License-Identifier: MIT */
/*
 * Descriptors that arenad opens before it knows whether it adopts processes: they are out of the
 * way of those that have to keep the numbers which they had in an earlier arenad. This header must
 * not know what they are.
 */
#ifndef ARENAD_OWN_FD_H
#define ARENAD_OWN_FD_H

#include <fcntl.h>
#include <unistd.h>

/* What an earlier arenad has put into the environment lies below. */
#define OWN_FD_LEAST	900

/**
 * own_fd() - give a descriptor a high number
 * @fd: descriptor, which is closed then, or a negative error
 *
 * Where so many files may not be open, or on an error, nothing happens.
 *
 * Return: the descriptor, closed by an exec; or the error.
 */
static inline int own_fd(int fd)
{
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, OWN_FD_LEAST);

	if (high < 0)
		return fd;
	close(fd);
	return high;
}

#endif /* ARENAD_OWN_FD_H */
