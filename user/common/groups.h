/* SPDX-License-Identifier: MIT */
/*
 * Where in the matrix the daemons work: one NP, some SPs, and of each kind of group
 * the first.
 */
#ifndef COMMON_GROUPS_H
#define COMMON_GROUPS_H

#include <arena/channel.h>
#include <proto/proto.h>
#include <arena/layout.h>
#include <arena/message.h>

#define ARENA_MAX_SPS	8

/* Of the one NP; group 0 is its control group. */
#define GROUP_NET	1U
#define GROUP_PAYLOAD	2U

/** group_of_sp() - SP @i's disk buffers, or -ENOENT */
static inline int group_of_sp(const struct arena_layout *l, unsigned int i)
{
	return arena_layout_find(l, ARENA_ROLE_SP(i), ARENA_USE_DISK, 0);
}

/** groups_config() - for one NP with @slots requests in flight, and @n_sps SPs */
static inline void groups_config(struct arena_config *c, uint64_t length, uint32_t slots,
				 unsigned int n_sps)
{
	arena_config_init(c, length);
	c->net_count = slots;
	c->n_sps = n_sps;
	/* The longest request need not begin on a buffer's boundary. */
	c->longest_run = ARENA_MAX_REQUEST + ARENA_DISK_BUFFER;
}

/**
 * groups_window() - messages that may be on their way between NP and SP
 *
 * In each slot a RELEASE and the next REQUEST, and once the RELEASE of the HELLO. What
 * is not acknowledged yet, as that is done by the quarter, takes room too.
 */
static inline uint32_t groups_window(const struct arena_layout *l)
{
	return 3 * l->group[GROUP_NET].count + 8;
}

/* The most network buffers for which there is such a channel. */
#define GROUPS_MAX_NET_COUNT	((ARENA_CHANNEL_MAX_ENTRIES - 8) / 3)

/** groups_of_np() - does it have the NP's groups, as the daemons use them? */
static inline bool groups_of_np(const struct arena_layout *l)
{
	return l->n_groups > GROUP_PAYLOAD &&
	       l->group[GROUP_NET].role == ARENA_ROLE_NP(0) &&
	       l->group[GROUP_NET].use == ARENA_USE_NET &&
	       l->group[GROUP_NET].buffer_size == ARENA_NET_BUFFER &&
	       l->group[GROUP_PAYLOAD].role == ARENA_ROLE_NP(0) &&
	       l->group[GROUP_PAYLOAD].use == ARENA_USE_PAYLOAD &&
	       l->group[GROUP_PAYLOAD].buffer_size == ARENA_DISK_BUFFER;
}

#endif /* COMMON_GROUPS_H */
