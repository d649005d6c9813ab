/* SPDX-License-Identifier: MIT */
/*
 * The fence between connections of this process. A client may end a connection whose write still
 * waits in the socket or for buffers, and write newer data over another connection to this process,
 * which may be handed over first. The older write must not be done over the newer data.
 *
 * The process remembers when a connection, and when any other one, has handed over a change of a
 * block. If others have changed a block of a request since its client was seen last, the socket is
 * looked at again before the request is handed over (see alive.h), and the request is not done if
 * the client has gone. A client that is there pays with one system call, and gets its write done.
 *
 * What is remembered says too much rather than too little, which costs a look at a socket. Blocks
 * with the same number modulo NP_FENCE_SLOTS count as one, whatever their export. A request for
 * NP_FENCE_SLOTS blocks or more, which can be none of data, is counted for all blocks. A successor
 * of this process knows nothing of its predecessor's time, so it looks at clients that it has not
 * seen itself.
 *
 * The fence between network processes is that of the storage process (sp/fence.h).
 */
#ifndef NP_FENCE_H
#define NP_FENCE_H

#include <common/last_change.h>
#include <stdint.h>

struct request;

#define NP_FENCE_SLOTS		8192U
#define NP_FENCE_BLOCK_SHIFT	12U

/**
 * struct np_fence - what was changed; all times are those of turns, see np_turn_ns()
 * @slot: by block; connections are named by their numbers
 * @wide: by long changes
 * @any: by any change
 * @start_ns: when this process began
 */
struct np_fence {
	struct last_change slot[NP_FENCE_SLOTS];
	struct last_change wide;
	struct last_change any;
	uint64_t start_ns;
};

/** fence_changed_ns() - the last time at which others may have changed the bytes of a request */
uint64_t fence_changed_ns(const struct np_fence *f, const struct request *r);

/** fence_note() - remember a change that is handed over at @now_ns */
void fence_note(struct np_fence *f, const struct request *r, uint64_t now_ns);

#endif /* NP_FENCE_H */
