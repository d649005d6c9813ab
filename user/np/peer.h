/* SPDX-License-Identifier: MIT */
/*
 * The channel to an SP: its start, its messages, its end.
 */
#ifndef NP_PEER_H
#define NP_PEER_H

#include <arena/channel.h>
#include <proto/record.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ring.h"

struct np;

/**
 * struct peer - a storage process
 * @np: the process
 * @id: its number, also that of its export
 * @group: of its data
 * @records: group of its records
 * @channel: the channel, NULL before it is open and after its end
 * @has_failed: it is dead, or was given up: it is told and asked nothing more
 * @is_deaf: it acknowledges no messages, and is about to be given up
 * @is_polling: @poll is under way
 * @lent: its buffers that READs in flight take, as the NP counts them
 * @poll: its messages
 * @death: its end
 * @send: completes only if messages cannot be sent
 * @cancel: of the poll
 * @counters: of @channel when it closed
 */
struct peer {
	struct np *np;
	unsigned int id;
	uint32_t group;
	uint32_t records;
	struct arena_channel *channel;
	bool has_failed;
	bool is_deaf;
	bool is_polling;
	uint32_t lent;
	struct ring_op poll;
	struct ring_op death;
	struct ring_op send;
	struct ring_op cancel;
	struct arena_channel_counters counters;
};

/**
 * peer_connect() - open the channel of SP @id and exchange HELLOs
 *
 * Blocks; fills the export. To be called before the ring runs.
 *
 * Return: 0, -ETIMEDOUT, -EPROTO if its HELLO makes no sense or offers no
 * version that this program speaks, -ESRCH if the
 * SP ended, or another -errno. What is wrong has been logged.
 */
int peer_connect(struct np *np, unsigned int id);

/** peer_disconnect() - the reverse; allowed at any state */
void peer_disconnect(struct peer *peer);

/** peer_start() - from now on the ring takes its messages and notices its end */
void peer_start(struct peer *peer);

/** peer_send() - send a message with the next submit; nothing to a failed SP */
void peer_send(struct peer *peer, const struct arena_msg *msg);

/** peer_return() - return an extent of the SP's */
void peer_return(struct peer *peer, const struct arena_ref *ref);

/** peer_free_bytes() - what its buffers have room for, as the NP counts them */
uint64_t peer_free_bytes(const struct peer *peer);

/** peer_counters() - of its channel, also after its end */
struct arena_channel_counters peer_counters(const struct peer *peer);

#endif /* NP_PEER_H */
