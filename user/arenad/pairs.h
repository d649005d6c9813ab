/* SPDX-License-Identifier: MIT */
/*
 * The mailboxes of each pair of an NP and an SP. arenad makes them before it starts the processes,
 * which inherit them, and keeps them: a successor finds what was sent to its predecessor, and the
 * others need nothing new. Both processes of a pair are told who the other one is, in which epoch.
 *
 * This header must not know how processes are started.
 */
#ifndef ARENAD_PAIRS_H
#define ARENAD_PAIRS_H

#include <arena/channel.h>
#include <proto/layout.h>
#include <stdbool.h>
#include <stdint.h>

struct arenad_options;
struct arena_layout;

/**
 * struct pair - an NP and an SP
 * @np: mailbox of the NP
 * @sp: mailbox of the SP
 * @epoch: how often one of the two was started beside the other one
 * @token: token of the epoch
 */
struct pair {
	struct arena_channel_mailbox np;
	struct arena_channel_mailbox sp;
	uint32_t epoch;
	uint64_t token;
};

/**
 * struct pairs - all of them
 * @nps: number of NPs
 * @sps: number of SPs
 * @pair: by NP and SP
 */
struct pairs {
	unsigned int nps;
	unsigned int sps;
	struct pair pair[PROTO_MAX_NPS][PROTO_MAX_SPS];
};

/**
 * pairs_open() - make all mailboxes
 * @p: filled, to be closed with pairs_close(), also if the call fails
 * @o: command line
 * @l: layout of the region
 *
 * The limit of open files is raised if need be. It logs its errors.
 *
 * Return: 0 or -errno.
 */
int pairs_open(struct pairs *p, const struct arenad_options *o, const struct arena_layout *l);

/**
 * pairs_raise_limit() - raise the limit of open files to what so many pairs need, and all the rest
 *
 * Processes inherit the limit, and need no more of it than before.
 */
void pairs_raise_limit(unsigned int pairs);

/**
 * pairs_next_epoch() - an NP and an SP are paired anew
 *
 * Nobody can guess the token of the epoch, neither can those who had an earlier one.
 */
void pairs_next_epoch(struct pairs *p, unsigned int np, unsigned int sp);

/** pairs_close() - close all of them */
void pairs_close(struct pairs *p);

/** pairs_end_of_np() - what NP @np inherits of its channel to SP @sp */
struct arena_channel_end pairs_end_of_np(const struct pairs *p, unsigned int np, unsigned int sp);

/** pairs_end_of_sp() - what SP @sp inherits of its channel to NP @np */
struct arena_channel_end pairs_end_of_sp(const struct pairs *p, unsigned int np, unsigned int sp);

#endif /* ARENAD_PAIRS_H */
