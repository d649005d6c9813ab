/* SPDX-License-Identifier: MIT */
/*
 * Sockets that a service manager passes to the process that it starts, as in sd_listen_fds(3): they
 * have the numbers from 3 on, and LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES in the environment
 * describe them. This header must not know what the sockets are used for.
 */
#ifndef LISTEN_ACTIVATION_H
#define LISTEN_ACTIVATION_H

#include <stdbool.h>

/* Descriptors that are looked at; more are left alone. */
#define ACTIVATION_MAX	64
/* Bytes of a name, with its NUL. */
#define ACTIVATION_NAME	256

/**
 * struct activation - the descriptors that were passed
 * @n: used entries of @entry
 * @entry: for each descriptor its number and its name, which is empty if it has none, and
 *	whether a place of the command line uses it
 */
struct activation {
	unsigned int n;
	struct {
		int fd;
		char name[ACTIVATION_NAME];
		bool is_used;
	} entry[ACTIVATION_MAX];
};

/**
 * activation_take() - take the descriptors over
 * @a: filled; empty if there are none, or they are for another process
 *
 * No program that this one executes inherits them, and the variables are removed from the
 * environment, so a second call finds nothing.
 *
 * Return: 0; -EINVAL if the environment is malformed; -E2BIG if there are more than ACTIVATION_MAX;
 * -EBADF if one of them is not open.
 */
int activation_take(struct activation *a);

/**
 * activation_peek() - list the descriptors, and leave them for activation_take()
 *
 * Return: how many entries of @fd are filled; none if the environment is malformed.
 */
unsigned int activation_peek(int fd[ACTIVATION_MAX]);

#endif /* LISTEN_ACTIVATION_H */
