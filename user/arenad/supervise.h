/* SPDX-License-Identifier: MIT */
/*
 * Starting, watching and stopping the processes of a region. This header must not know how a
 * region is made.
 */
#ifndef ARENAD_SUPERVISE_H
#define ARENAD_SUPERVISE_H

#include <listen/socket.h>

#include "options.h"

struct arena_layout;
struct cpus_of;
struct reload;

/**
 * arenad_supervise_hold_signals() - block signals until arenad_supervise()
 *
 * These are SIGTERM, SIGINT, SIGUSR1 and SIGHUP. Call it before anything is made that has to be
 * removed again.
 */
void arenad_supervise_hold_signals(void);

/**
 * arenad_supervise() - run the processes until a signal asks to stop, or one dies that cannot be
 *	started again and without which the node cannot go on
 * @o: command line
 * @cpus: CPUs to which the processes are bound
 * @l: layout of the region
 * @sockets: listening sockets for the NPs; closed when the processes are stopped
 * @reload: what the NPs get by their control sockets
 */
enum arenad_exit arenad_supervise(const struct arenad_options *o, const struct cpus_of *cpus,
				  const struct arena_layout *l, struct listen_set *sockets,
				  struct reload *reload);

#endif /* ARENAD_SUPERVISE_H */
