/* SPDX-License-Identifier: MIT */
/*
 * The processes of a region: they are started, told of each other, and started again after their
 * death. arenad keeps what a successor needs: listening sockets, mailboxes and the command line.
 *
 * The NPs come first in all tables: if the last one dies the SPs end too, and the log must name the
 * process that died first. This header must not know of signals, nor when arenad stops.
 */
#ifndef ARENAD_CREW_H
#define ARENAD_CREW_H

#include <common/disk_identity.h>
#include <listen/socket.h>
#include <proto/layout.h>
#include <stdbool.h>

#include "child.h"
#include "lines.h"
#include "pairs.h"
#include "replace.h"
#include "restart.h"

#define CREW_MAX	LINES_MAX
#define CREW_NAME_SIZE	64

struct arenad_options;
struct cpus_of;
struct keep;
struct outcome_last;
struct peers;
struct reload;
struct stats;

/**
 * struct crew - the processes
 * @options: command line
 * @cpus: CPUs to which the processes are bound
 * @reload: what the NPs get by their control sockets
 * @keep: what the next arenad needs of them
 * @peers: who may connect
 * @last: what has come of the last reload
 * @nps: number of NPs
 * @n: number of all processes
 * @started: used entries of @child
 * @child: the processes
 * @name: their names in messages
 * @restart: when their successors are started
 * @restarts: how often this arenad has put another process in the place of each
 * @replacement: the NP that is being replaced
 * @sockets: listening sockets that each NP has, also while it is dead
 * @pairs: the mailboxes
 * @lines: the control sockets
 * @layout_fd: the layout of the region, which each process inherits
 * @stats_fd: the memory of each process for statistics; -1 if it has none
 * @is_owed: by NP and SP: one of the two has not been told yet who the other one is, or that none
 *	is to come
 * @is_new: SPs of exports that were added, and that have not been started yet
 * @is_old: SPs that are to be replaced, one after the other
 * @leaves_until: when a process is killed that was asked to end; 0 if it was not
 * @identity: what tells the disk of each SP from another one; "" as long as there is none
 */
struct crew {
	const struct arenad_options *options;
	const struct cpus_of *cpus;
	struct reload *reload;
	struct keep *keep;
	struct peers *peers;
	const struct outcome_last *last;
	unsigned int nps;
	unsigned int n;
	unsigned int started;
	struct child child[CREW_MAX];
	char name[CREW_MAX][CREW_NAME_SIZE];
	struct restart restart[CREW_MAX];
	unsigned int restarts[CREW_MAX];
	struct replacement replacement;
	struct listen_set sockets[PROTO_MAX_NPS];
	struct pairs pairs;
	struct lines lines;
	int layout_fd;
	int stats_fd[CREW_MAX];
	bool is_owed[PROTO_MAX_NPS][PROTO_MAX_SPS];
	bool is_new[CREW_MAX];
	bool is_old[CREW_MAX];
	int64_t leaves_until[CREW_MAX];
	char identity[PROTO_MAX_SPS][DISK_IDENTITY_SIZE];
};

/** crew_is_settled() - is nothing being replaced, and do all NPs know their peers and exports? */
bool crew_is_settled(const struct crew *c);

/** crew_has_export() - is there an export for that SP, or is its place vacant? */
bool crew_has_export(const struct crew *c, unsigned int sp);

/** crew_init() - fill in what follows from @options: names, and that there is nothing yet */
void crew_init(struct crew *c);

/**
 * crew_start() - start all processes
 * @c: with @options, @cpus, @reload, @keep and @peers; all else is filled in, to be closed with
 *	crew_close() also if the call fails
 * @l: layout of the region
 * @sockets: listening sockets; those whose address is reused are closed
 * @ready_fd: descriptor to which each NP writes that it is ready
 *
 * It logs its errors.
 *
 * Return: 0 or -errno.
 */
int crew_start(struct crew *c, const struct arena_layout *l, struct listen_set *sockets,
	       int ready_fd);

/**
 * crew_reap() - look which processes have ended, and plan their successors
 * @c: the processes
 * @is_ready: all NPs were ready once. Before that a process that ends shows that something is wrong
 *	with the node, and has no successor
 *
 * It logs which processes have ended, and how.
 *
 * Return: false if arenad has to end, too.
 */
bool crew_reap(struct crew *c, bool is_ready);

/** crew_pair_up() - let a process begin that was started, and tell it who its peers are */
void crew_pair_up(struct crew *c, unsigned int i);

/**
 * crew_stats() - read what a process has counted
 * @c: the processes
 * @i: which
 * @stats: filled, see stats_read()
 *
 * Return: as stats_read(); -ESRCH if the process does not run.
 */
int crew_stats(const struct crew *c, unsigned int i, struct stats **stats);

/**
 * crew_served() - a bit for each SP whose export all NPs serve that run and have begun
 *
 * NPs of another version, or without statistics, do not tell, and count as if they served it.
 */
uint32_t crew_served(const struct crew *c);

/**
 * crew_kill_client() - have an NP end a connection, if it has one with that number
 *
 * Return: 0; -ESRCH if there is no such NP, or it does not run; -EAGAIN if it takes no messages;
 * -EBUSY if another one takes its place, in which the connection has another number.
 */
int crew_kill_client(struct crew *c, unsigned int np, uint32_t connection);

/** crew_drain() - reload_drain() for the export of that name; 0, or -ESRCH if there is none */
int crew_drain(struct crew *c, const char *name, bool is_drained);

/**
 * crew_make_stats() - make memory for the statistics of a process that is about to be started
 *
 * Without it the process works as well. It logs its errors.
 *
 * Return: a descriptor, or -1.
 */
int crew_make_stats(const struct crew *c, unsigned int i);

/** crew_put_stats() - have @fd, or -1, for a process in place of the memory of its predecessor */
void crew_put_stats(struct crew *c, unsigned int i, int fd);

/** crew_usable() - bits of the exports that are vacant, and in whose place another one can begin */
uint32_t crew_usable(const struct crew *c);

/** crew_add() - have the SPs of exports started, bits of which are given; all were usable */
void crew_add(struct crew *c, uint32_t added);

/** crew_remove() - end the SPs of exports that are gone, bits of which are given */
void crew_remove(struct crew *c, uint32_t removed);

/** crew_go_on() - go on with changes that an earlier arenad has begun, as its state has them */
void crew_go_on(struct crew *c);

/** crew_turn() - start successors that are due; false if arenad has to end */
bool crew_turn(struct crew *c);

/** crew_wait_ms() - for how many milliseconds there is nothing to do; -1 for ever */
int crew_wait_ms(const struct crew *c);

/**
 * crew_replace() - have a process end in good order, and start a successor
 * @c: the processes
 * @i: which; nothing happens if it does not run, or was asked before
 *
 * An SP answers what its disk has, and gives all else back undone, for its successor. A process
 * that does not end is killed. Its end counts as no death.
 */
void crew_replace(struct crew *c, unsigned int i);

/** crew_replace_sps() - replace all SPs, one after the other, unless requests would fail */
void crew_replace_sps(struct crew *c);

/** crew_try_again() - start the SPs again that were given up */
void crew_try_again(struct crew *c);

/** crew_has_dead() - is a process dead that should run? */
bool crew_has_dead(const struct crew *c);

/** crew_leave() - listen no more on sockets of single NPs */
void crew_leave(struct crew *c);

/** crew_close() - close everything; no process runs any more */
void crew_close(struct crew *c);

#endif /* ARENAD_CREW_H */
