/* SPDX-License-Identifier: MIT */
/*
 * The counters of the processes, which arenad knows, too. Counters are only ever added, at the end
 * of a struct, so that processes of several versions understand each other. This header must not
 * know how they are shown.
 */
#ifndef STATS_COUNTERS_H
#define STATS_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct np_counters - totals since the start
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
 * @clients: connections that there are now
 */
struct np_counters {
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
	uint64_t clients;
};

/**
 * struct sp_counters - totals since the start
 * @requests: requests accepted from NPs
 * @reads: READs among them
 * @writes: WRITEs among them
 * @flushes: FLUSHes among them
 * @discards: DISCARDs among them
 * @zeroes: WRITE_ZEROES among them
 * @caches: CACHEs among them
 * @statuses: BLOCK_STATUSes among them
 * @errors: requests answered with an error
 * @bytes_read: bytes of READs that succeeded
 * @bytes_skipped: those of them that lie in holes and were not read
 * @bytes_written: bytes of WRITEs that succeeded
 * @copied_bytes: bytes of WRITEs that were copied to complete a block
 * @rmw: requests of which a block was completed
 * @waits: requests that had to wait for buffers
 * @overlaps: requests that had to wait for earlier ones that overlap
 * @retries: requests of which a part was tried again
 * @timeouts: requests that were answered before the disk had ended them
 * @bad_messages: messages and requests that were dropped
 * @batches: messages with requests
 * @operations: operations that began on the disk
 * @limited: requests that had to wait for the limits of the export
 * @replays: requests that a predecessor had got, too
 * @results: requests that a predecessor had completed
 * @held: extents that an NP had from a predecessor
 * @outdated: requests that were refused, as another NP had changed the same bytes since
 */
struct sp_counters {
	uint64_t requests;
	uint64_t reads;
	uint64_t writes;
	uint64_t flushes;
	uint64_t discards;
	uint64_t zeroes;
	uint64_t caches;
	uint64_t statuses;
	uint64_t errors;
	uint64_t bytes_read;
	uint64_t bytes_skipped;
	uint64_t bytes_written;
	uint64_t copied_bytes;
	uint64_t rmw;
	uint64_t waits;
	uint64_t overlaps;
	uint64_t retries;
	uint64_t timeouts;
	uint64_t bad_messages;
	uint64_t batches;
	uint64_t operations;
	uint64_t limited;
	uint64_t replays;
	uint64_t results;
	uint64_t held;
	uint64_t outdated;
};

#define NP_COUNTERS	(sizeof(struct np_counters) / sizeof(uint64_t))
#define SP_COUNTERS	(sizeof(struct sp_counters) / sizeof(uint64_t))

/* The names of the counters, in the order of the struct. */
extern const char *const np_counter_names[NP_COUNTERS];
extern const char *const sp_counter_names[SP_COUNTERS];

/* Room for the text of all counters of a process; a line of the log has no more. */
#define COUNTERS_TEXT_SIZE	1024

/**
 * counters_text() - write counters as "name=value name=value ..."
 * @text: the text
 * @names: their names
 * @counters: struct np_counters or struct sp_counters
 * @n: how many there are
 *
 * Return: @text.
 */
const char *counters_text(char text[COUNTERS_TEXT_SIZE], const char *const *names,
			  const void *counters, unsigned int n);

#endif /* STATS_COUNTERS_H */
