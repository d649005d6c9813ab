/* SPDX-License-Identifier: MIT */
/*
 * The command lines of the processes that arenad runs. This header must not know how they are
 * started or watched.
 */
#ifndef ARENAD_PROGRAM_H
#define ARENAD_PROGRAM_H

#include "child.h"

struct arenad_options;
struct cpus_of;
struct listen_set;
struct pairs;

/**
 * struct program - the values from which the command line of a process is made
 * @options: arenad's command line
 * @cpus: CPUs to which the processes are bound
 * @id: number of the NP or SP
 * @pairs: the mailboxes of the channels
 * @sockets: the listening sockets, for an NP
 * @layout_fd: the layout of the region
 * @stats_fd: memory for the statistics of the process, or -1
 * @control_fd: the process's end of its control socket
 * @awaited: identity of the disk for which the successor of an SP waits; "" if it is not known
 * @ready_fd: descriptor to which an NP writes that it is ready, or -1
 * @handoff_fd: socket to the NP whose place this one is to take, or -1
 */
struct program {
	const struct arenad_options *options;
	const struct cpus_of *cpus;
	unsigned int id;
	const struct pairs *pairs;
	const struct listen_set *sockets;
	int layout_fd;
	int stats_fd;
	int control_fd;
	const char *awaited;
	int ready_fd;
	int handoff_fd;
};

/* Bytes of the path of a program, with its NUL. */
#define PROGRAM_PATH_SIZE	4096

/** program_path() - write the path of program @name, PROGRAM_PATH_SIZE bytes; 0 or -errno */
int program_path(const struct arenad_options *o, const char *name, char *path);

/** program_exec_np() - execute arena-np; @context is a struct program */
void program_exec_np(void *context);

/** program_exec_sp() - execute arena-sp; @context is a struct program */
void program_exec_sp(void *context);

#endif /* ARENAD_PROGRAM_H */
