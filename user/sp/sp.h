/* SPDX-License-Identifier: MIT */
/*
 * The storage process as a whole. It has one thread, one ring, one disk and one peer.
 *
 * A request goes through these files:
 *	loop.c		waits for messages and for the disk, once in a turn
 *	request.c	copies and checks the request, and puts it in its order
 *	work.c		carries it out as operations of a backend
 *	replies.c	replies to all requests that ended in a turn
 */
#ifndef SP_SP_H
#define SP_SP_H

#include <arena/arena.h>
#include <arena/channel.h>
#include <arena/ring.h>
#include <proto/layout.h>
#include <proto/returns.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "range.h"
#include "request.h"

/**
 * enum sp_exit - exit status of arena-sp, besides OPTIONS_EXIT_USAGE
 * @SP_EXIT_OK: a signal ended the process
 * @SP_EXIT_ERROR: something failed, and was logged
 * @SP_EXIT_PEER: the network process ended
 */
enum sp_exit {
	SP_EXIT_OK = 0,
	SP_EXIT_ERROR = 1,
	SP_EXIT_PEER = 3,
};

/**
 * struct sp_options - the command line
 * @region: name of the region
 * @disk: path of the disk
 * @id: number of this SP in the region
 * @np: process id of the NP, 0 if it is not known
 * @backend: enum backend_kind
 * @transport: transport of the channel, an index of sp_transports
 * @wait: enum arena_wait
 * @fixed_buffers: try to register buffers
 * @readonly: do not write the disk
 * @verbose: log details for developers
 */
struct sp_options {
	const char *region;
	const char *disk;
	uint32_t id;
	pid_t np;
	unsigned int backend;
	unsigned int transport;
	unsigned int wait;
	bool fixed_buffers;
	bool readonly;
	bool verbose;
};

/**
 * struct sp_counters - totals since the start
 * @requests: requests accepted from the NP
 * @reads: READs among them
 * @writes: WRITEs among them
 * @flushes: FLUSHes among them
 * @discards: DISCARDs among them
 * @zeroes: WRITE_ZEROES among them
 * @errors: requests answered with an error
 * @bytes_read: bytes of READs that succeeded
 * @bytes_written: bytes of WRITEs that succeeded
 * @copied_bytes: bytes of WRITEs that were copied to complete a block
 * @rmw: requests of which a block was completed
 * @waits: requests that had to wait for buffers
 * @overlaps: requests that had to wait for earlier ones that overlap
 * @retries: requests of which a part was tried again
 * @bad_messages: messages and requests that were dropped
 * @batches: messages with requests
 * @operations: operations that began on the disk
 */
struct sp_counters {
	uint64_t requests;
	uint64_t reads;
	uint64_t writes;
	uint64_t flushes;
	uint64_t discards;
	uint64_t zeroes;
	uint64_t errors;
	uint64_t bytes_read;
	uint64_t bytes_written;
	uint64_t copied_bytes;
	uint64_t rmw;
	uint64_t waits;
	uint64_t overlaps;
	uint64_t retries;
	uint64_t bad_messages;
	uint64_t batches;
	uint64_t operations;
};

/**
 * struct sp - the process
 * @options: the command line
 * @backend: the disk
 * @arena: the part of this process in the region
 * @layout: layout of the region
 * @record_group: group of the records that this process writes
 * @request_group: group of the NP's records
 * @cuts: operations that begin within a page end with it, see work.c
 * @is_fixed: the buffers for data of READs are registered with the kernel
 * @ring: does the I/O, carries messages and gives events
 * @channel: the channel to the NP
 * @returns: RETURNs that are held
 * @is_ticking: a timer is under way, after which they are sent
 * @version: version that the channel speaks, 0 before the NP's HELLO
 * @requests: the table of requests
 * @n_requests: entries of @requests, as many as the NP may have in flight
 * @free: requests that are not used
 * @ranges: ranges of requests in flight
 * @freed: requests whose ranges are not blocked any more
 * @waiting: requests that wait for buffers
 * @stalled: requests for whose next operation the ring had no room
 * @done: requests whose replies are to be sent
 * @active: requests that are neither free nor done
 * @is_stopping: new requests are refused, and the process ends when @active is 0
 * @status: exit status
 * @counters: totals since the start
 */
struct sp {
	struct sp_options options;
	struct backend backend;
	struct arena *arena;
	const struct arena_layout *layout;
	uint32_t record_group;
	uint32_t request_group;
	bool cuts;
	bool is_fixed;
	struct arena_ring *ring;
	struct arena_channel *channel;
	struct proto_returns returns;
	bool is_ticking;
	int version;
	struct sp_request *requests;
	uint32_t n_requests;
	struct sp_request *free;
	struct sp_ranges ranges;
	struct sp_queue freed;
	struct sp_queue waiting;
	struct sp_queue stalled;
	struct sp_queue done;
	uint32_t active;
	bool is_stopping;
	enum sp_exit status;
	struct sp_counters counters;
};

/* The role of the only NP. */
#define SP_PEER		PROTO_ROLE_NP(0)

#endif /* SP_SP_H */
