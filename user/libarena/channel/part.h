/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one side of a channel writes in shared memory: a buffer of its control group. This header
 * must not know how the two sides connect, nor how the rings are used.
 */
#ifndef ARENA_CHANNEL_PART_H
#define ARENA_CHANNEL_PART_H

#include "spsc.h"

/**
 * struct channel_part - one side's part
 * @in: its half of the ring of messages to it
 * @pid: the process that connects, or was the last one to do so, as it says
 * @out: its half of the ring of messages from it
 *
 * The rings are used with HYBRID. @pid is written before the mailbox is published.
 */
struct channel_part {
	struct arena_spsc_in in;
	uint32_t pid;
	struct arena_spsc_out out;
};

/** channel_part_bytes() - bytes of a part whose rings have @entries */
static inline size_t channel_part_bytes(uint32_t entries)
{
	return offsetof(struct channel_part, out) + arena_spsc_out_size(entries);
}

#endif /* ARENA_CHANNEL_PART_H */
