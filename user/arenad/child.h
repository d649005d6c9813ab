/* SPDX-License-Identifier: MIT */
/*
 * A process that arenad runs. It begins when arenad says so, and from then on outlives it. It may
 * have been started by an earlier arenad. This header must not know what the processes do.
 */
#ifndef ARENAD_CHILD_H
#define ARENAD_CHILD_H

#include <sandbox/user.h>
#include <stdbool.h>
#include <sys/types.h>

/** child_exec_fn - execute the program; returns only if that failed */
typedef void child_exec_fn(void *context);

/* The status of a process of which nobody knows how it ended; waitpid(2) returns no such. */
#define CHILD_STATUS_UNKNOWN	(-1)

/**
 * struct child - a process
 * @name: name in messages, not copied
 * @pid: process id
 * @pidfd: readable when the process has ended; -1 after child_reap() returned true
 * @status: its status as of waitpid(2), or CHILD_STATUS_UNKNOWN; valid when @pidfd is -1
 * @gate: it waits to begin until child_release(); -1 afterwards
 */
struct child {
	const char *name;
	pid_t pid;
	int pidfd;
	int status;
	int gate;
};

/**
 * child_start() - start a process, which waits for child_release() before it executes anything
 * @c: filled
 * @name: for messages, not copied
 * @user: user that the process runs as, copied by the fork
 * @exec: becomes the program
 * @context: for @exec, copied by the fork
 *
 * Return: 0 or -errno.
 */
int child_start(struct child *c, const char *name, const struct user *user, child_exec_fn *exec,
		void *context);

/** child_release() - let a process begin; one that has begun, or has ended, is left alone */
void child_release(struct child *c);

/** child_pidfd() - a pidfd of a process, closed by an exec; or -errno */
int child_pidfd(pid_t pid);

/** child_signal() - send a signal to those of the processes that have not ended */
void child_signal(const struct child *c, unsigned int count, int signal);

/** child_reap() - true if it has ended; @c->status is valid then */
bool child_reap(struct child *c);

/**
 * child_stop() - end processes by SIGTERM, and by SIGKILL if they have not ended in time
 *
 * It skips processes that have ended already. All have ended when it returns.
 *
 * Return: false if one had to be killed.
 */
bool child_stop(struct child *c, unsigned int count);

/** child_log_end() - log how a process ended */
void child_log_end(const struct child *c);

#endif /* ARENAD_CHILD_H */
