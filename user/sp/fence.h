/* SPDX-License-Identifier: MIT */
/*
 * The fence between network processes (NP). A client whose connection was cut may connect to
 * another NP and write newer data. Its older write may come after that: it may have waited in an NP
 * that was stopped, or that had no buffers, or in a socket that nobody has read. It must not be
 * done over the newer data.
 *
 * An NP says for each request until when its client had not ended the connection, or that the
 * request came later (@alive_ns). The SP remembers which bytes it began to change, for which NP,
 * and when it had taken the request from its mailbox. A change is refused if another NP's change of
 * the same bytes was taken after its @alive_ns. This says nothing about which of both is older. The
 * NP looks at the client's connection again: if that has ended, the request is dropped; if not, no
 * newer data of that client can be among what was taken before. So a client that is there never
 * sees an error unless other NPs keep changing the same bytes, and one whose end the kernel has
 * seen never has an older write done over a newer one.
 *
 * What is remembered is bounded, and says too much rather than too little. For each block, of which
 * those with the same number modulo SP_FENCE_SLOTS count as one, the SP knows when an NP, and when
 * any other one, has changed it. Where this does not let a request pass, the list of the last
 * changes tells exactly, if it reaches back to the request's time; if not, the request is refused,
 * which costs one more way to the NP and back. The list has SP_FENCE_ENTRIES more entries than the
 * SP has room for requests: while a request waits for the limits of the export, only half as many
 * others can begin, as NPs take turns there. The list has 64 bytes for each request that an NP may
 * have in flight: with 16 NPs 16 MiB at most. A successor of the SP knows nothing of its
 * predecessor's time, so it refuses what has a time before its own start.
 *
 * All times but @alive_ns are the SP's own. An NP that gives a wrong @alive_ns, as one that is
 * still to come, has its own clients' older writes done over their newer ones, and can do nothing
 * to the writes of other NPs that it could not do by writing to the same blocks. Requests of one NP
 * are not compared: it has a fence between its own connections (np/fence.h).
 *
 * A request that waits for the limits of the export, or for buffers, is compared after that, so
 * that it does not matter for how long it has waited. With one NP there is no fence.
 *
 * This header must not know how requests are carried out, nor what a connection is.
 */
#ifndef SP_FENCE_H
#define SP_FENCE_H

#include <common/last_change.h>
#include <stdbool.h>
#include <stdint.h>

struct sp;
struct sp_request;

#define SP_FENCE_SLOTS		65536U
#define SP_FENCE_BLOCK_SHIFT	12U
#define SP_FENCE_ENTRIES	1024U
/* A longer change, which can be none of data, is counted for all blocks. */
#define SP_FENCE_WIDE_BLOCKS	8192U

/**
 * struct sp_fence_entry - a change
 * @start: first byte
 * @end: the byte behind the last one
 * @ns: when a request was taken, this one or a later one
 * @np: number of its NP
 */
struct sp_fence_entry {
	uint64_t start;
	uint64_t end;
	uint64_t ns;
	uint32_t np;
};

/**
 * struct sp_fence - what was changed
 * @slot: by block; NULL if there is no fence; NPs are named by their numbers
 * @wide: of long changes
 * @n_entries: entries of @entry
 * @entry: the last changes
 * @n: how many there were
 * @start_ns: when this process began
 * @now_ns: when the last request was taken
 */
struct sp_fence {
	struct last_change *slot;
	struct last_change wide;
	uint32_t n_entries;
	struct sp_fence_entry *entry;
	uint64_t n;
	uint64_t start_ns;
	uint64_t now_ns;
};

/**
 * sp_fence_open() - begin to remember if there are several NPs
 *
 * Return: 0 or -ENOMEM; to be closed with sp_fence_close(), also if the call fails.
 */
int sp_fence_open(struct sp *sp);

/** sp_fence_close() - forget all */
void sp_fence_close(struct sp *sp);

/** sp_fence_now() - note the time at which a request is taken */
void sp_fence_now(struct sp *sp, uint64_t now_ns);

/** sp_fence_refuses() - may a request be older than what another NP has changed? */
bool sp_fence_refuses(const struct sp *sp, const struct sp_request *r);

/** sp_fence_note() - remember a request that begins */
void sp_fence_note(struct sp *sp, const struct sp_request *r);

#endif /* SP_FENCE_H */
