/* SPDX-License-Identifier: MIT */
/*
 * Which processes have a region attached, as /proc tells it. This header must not know what else
 * there is to be told of a region.
 */
#ifndef ARENACTL_HOLDERS_H
#define ARENACTL_HOLDERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOLDER_NAME_SIZE	32

/**
 * struct holder - a process that has a region attached
 * @address: where the region is, which is the same in all processes
 * @pid: the process
 * @name: the name of its program
 */
struct holder {
	uint64_t address;
	pid_t pid;
	char name[HOLDER_NAME_SIZE];
};

/**
 * struct holders - all of them
 * @n: used entries of @holder
 * @holder: they, to be freed with free()
 */
struct holders {
	size_t n;
	struct holder *holder;
};

/**
 * holders_find() - find all processes that the caller may look into
 * @proc: where /proc is
 * @h: filled, also if the call fails
 *
 * Return: 0 or -errno.
 */
int holders_find(const char *proc, struct holders *h);

#endif /* ARENACTL_HOLDERS_H */
