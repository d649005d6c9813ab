/* SPDX-License-Identifier: MIT */
/*
 * Starting, watching and stopping the processes of a region. This header must not know how a
 * region is made.
 */
#ifndef ARENAD_SUPERVISE_H
#define ARENAD_SUPERVISE_H

#include <listen/socket.h>
#include <stdbool.h>

#include "options.h"

struct arena_layout;
struct command;
struct config;
struct cpus_of;
struct keep;
struct peers;
struct reload;
struct state;

/**
 * struct node - what there is before the processes are watched
 * @config: what was given, on the command line and in files
 * @options: the options of it
 * @command: the command by which arenad was started
 * @cpus: CPUs to which the processes are bound
 * @layout: layout of the region
 * @sockets: listening sockets for the NPs; closed when the processes are stopped
 * @reload: what the NPs get by their control sockets
 * @keep: what the next arenad needs
 * @peers: who may connect
 * @earlier: what an earlier arenad has left, with descriptors of this process; NULL if processes
 *	are to be started
 * @signal_fd: of arenad_supervise_signals()
 * @is_same_process: the earlier arenad was this process, which has said that clients may come
 * @is_left: they could not be adopted after all: everything is to be left as it is, for the next
 *	arenad
 */
struct node {
	struct config *config;
	const struct arenad_options *options;
	const struct command *command;
	struct cpus_of *cpus;
	struct arena_layout *layout;
	struct listen_set sockets;
	struct reload *reload;
	struct keep *keep;
	struct peers *peers;
	struct state *earlier;
	int signal_fd;
	bool is_same_process;
	bool is_left;
};

/**
 * arenad_supervise_signals() - block signals until arenad_supervise() reads them
 *
 * These are SIGTERM, SIGINT, SIGUSR1, SIGUSR2 and SIGHUP. Call it before anything is made that has
 * to be removed again.
 *
 * Return: a signalfd; or -errno, which was logged.
 */
int arenad_supervise_signals(void);

/**
 * arenad_supervise() - run the processes until a signal asks to stop, or one dies that cannot be
 *	started again and without which the node cannot go on
 */
enum arenad_exit arenad_supervise(struct node *n);

#endif /* ARENAD_SUPERVISE_H */
