/* SPDX-License-Identifier: MIT */
/*
 * Counters of what the process did so far.
 */
#ifndef NP_COUNTERS_H
#define NP_COUNTERS_H

#include <stdint.h>

struct np;

/**
 * struct counters - totals since the start
 * @connections: connections that were accepted
 * @requests: headers received whose magic was right
 * @reads: READs given to an SP
 * @writes: WRITEs given to an SP
 * @flushes: FLUSHes given to an SP
 * @trims: TRIMs given to an SP
 * @zeroes: WRITE_ZEROES given to an SP
 * @caches: CACHEs given to an SP
 * @statuses: BLOCK_STATUSes given to an SP
 * @refused: requests answered with an error without asking an SP
 * @bytes_in: payload received for WRITEs
 * @bytes_out: data sent in replies, that of READs and the little of BLOCK_STATUSes
 * @copied_bytes: payload that this process copied in memory, beyond the copies of the socket,
 *	because it came to another place than its extent. Data of READs is never copied.
 * @bad_messages: messages of SPs that were dropped
 * @withheld_buffers: payload buffers that a disk may still read, because its SP has ended, or has
 *	replied before the disk had ended the request
 * @turns: turns of the loop, each of which is one io_uring_enter(2) at most
 * @batches: sends, each of which has one reply or more
 * @zerocopy_sends: sends of which the kernel was asked not to copy the data
 * @zerocopy_copied: those of which it copied data all the same
 * @tls: handshakes of TLS that were completed
 * @ktls: those of which the kernel got the keys
 * @holds: how often requests had to wait for the successor of an SP
 * @replays: requests that were given to a successor
 * @vouched: requests that were sent again because their clients have not ended, see alive.h
 * @outdated: requests that were not done, as others have written newer data
 * @handed_over: connections that were given to a successor of this process
 * @taken_over: connections that were taken over from a predecessor
 * @handoff_closed: connections that were ended in good order, as no successor could take them over
 * @handoff_cut: connections that were cut off, as they would have held up a successor
 * @handoffs_given_up: how often this process was to be replaced, and was not
 * @lost: FLUSHes that failed because the disk had lost what was not flushed
 */
struct counters {
	uint64_t connections;
	uint64_t requests;
	uint64_t reads;
	uint64_t writes;
	uint64_t flushes;
	uint64_t trims;
	uint64_t zeroes;
	uint64_t caches;
	uint64_t statuses;
	uint64_t refused;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t copied_bytes;
	uint64_t bad_messages;
	uint64_t withheld_buffers;
	uint64_t turns;
	uint64_t batches;
	uint64_t zerocopy_sends;
	uint64_t zerocopy_copied;
	uint64_t tls;
	uint64_t ktls;
	uint64_t holds;
	uint64_t replays;
	uint64_t vouched;
	uint64_t outdated;
	uint64_t handed_over;
	uint64_t taken_over;
	uint64_t handoff_closed;
	uint64_t handoff_cut;
	uint64_t handoffs_given_up;
	uint64_t lost;
};

/**
 * counters_print() - write one line of key=value to standard error
 *
 * Keys are only ever added, at the end.
 */
void counters_print(const struct np *np);

#endif /* NP_COUNTERS_H */
