/* SPDX-License-Identifier: MIT */
/*
 * A process that is no child, told apart from a later one that has got its number. This header must
 * not know what the process is for.
 */
#ifndef ARENAD_IDENTITY_H
#define ARENAD_IDENTITY_H

#include <stdint.h>
#include <sys/types.h>

/**
 * struct identity - a process, also after its end
 * @pid: its number; 0 for no process
 * @pad: 0
 * @start: when it began, in the clock ticks of proc_pid_stat(5)
 */
struct identity {
	int32_t pid;
	uint32_t pad;
	uint64_t start;
};

/** identity_of() - the process that has this number now; none if there is no such, or no /proc */
struct identity identity_of(pid_t pid);

/**
 * identity_open() - get hold of a process, if it is still there
 * @who: the process
 *
 * Return: its pidfd, closed by an exec; -ESRCH if it has ended; another -errno.
 */
int identity_open(const struct identity *who);

#endif /* ARENAD_IDENTITY_H */
