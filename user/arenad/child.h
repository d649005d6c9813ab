/* SPDX-License-Identifier: MIT */
/*
 * A process that arenad runs. It is forked first and executed later, when the
 * process ids of all are known, as they name each other on their command lines.
 * It cannot outlive arenad.
 */
#ifndef ARENAD_CHILD_H
#define ARENAD_CHILD_H

#include <proto/layout.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * struct child_pids - who the processes are
 * @np: the network process
 * @sp: the storage processes
 */
struct child_pids {
	pid_t np;
	pid_t sp[PROTO_MAX_SPS];
};

/** child_exec_fn - become the program; returns only if that failed */
typedef void child_exec_fn(const struct child_pids *pids, void *context);

/**
 * struct child - a process
 * @name: for messages, not copied
 * @pid: its id
 * @pidfd: readable when it has ended; -1 when that has been seen
 * @start: write end of a pipe on which it waits for the ids; -1 when they were
 *	sent
 * @status: as of waitpid(), when @pidfd is -1
 */
struct child {
	const char *name;
	pid_t pid;
	int pidfd;
	int start;
	int status;
};

/**
 * child_fork() - make the process; it waits until child_start()
 *
 * Return: 0 or -errno.
 */
int child_fork(struct child *c, const char *name, child_exec_fn *exec, void *context);

/** child_start() - let it go on and execute its program */
int child_start(struct child *c, const struct child_pids *pids);

/** child_reap() - true if it has ended by now, and then @c->status is valid */
bool child_reap(struct child *c);

/**
 * child_stop() - end some processes: SIGTERM, and SIGKILL to who does not heed it
 *
 * Those that have ended already are left out. All are gone afterwards.
 *
 * Return: false if one had to be killed.
 */
bool child_stop(struct child *c, unsigned int count);

/** child_log_end() - say how a process ended */
void child_log_end(const struct child *c);

#endif /* ARENAD_CHILD_H */
