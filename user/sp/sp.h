/* SPDX-License-Identifier: MIT */
/*
 * The storage process as a whole. One thread, one ring, one disk, one peer.
 *
 * The way of a request through the files:
 *	loop.c		waits for messages and for the disk, once a turn
 *	request.c	copies and checks the request, and puts it in its order
 *	work.c		carries it out as operations of a backend
 *	replies.c	replies to all that was done in a turn
 */
#ifndef SP_SP_H
#define SP_SP_H

#include <arena/arena.h>
#include <arena/channel.h>
#include <arena/ring.h>
#include <proto/layout.h>
#include <proto/returns.h>
#include <proto/transport.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "range.h"
#include "request.h"

/**
 * enum sp_exit - exit status of arena-sp, beside OPTIONS_EXIT_USAGE
 * @SP_EXIT_OK: asked to stop
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
 * @id: which SP of the region this is
 * @np: process id of the NP, 0 if not known
 * @backend: enum backend_kind
 * @transport: what carries the messages
 * @wait: how the process waits
 * @fixed_buffers: try to register buffers
 * @readonly: do not write the disk
 * @verbose: log what only developers want to know
 */
struct sp_options {
	const char *region;
	const char *disk;
	uint32_t id;
	pid_t np;
	unsigned int backend;
	enum proto_transport transport;
	enum arena_wait wait;
	bool fixed_buffers;
	bool readonly;
	bool verbose;
};

/**
 * struct sp_counters - what has been done
 * @requests: accepted from the NP
 * @reads: of them
 * @writes: of them
 * @flushes: of them
 * @discards: of them
 * @zeroes: of them
 * @errors: requests answered with an error
 * @bytes_read: of clients' reads
 * @bytes_written: of clients' writes
 * @copied_bytes: of clients' writes, copied to complete a block
 * @rmw: writes that needed that
 * @waits: requests that had to wait for buffers
 * @overlaps: requests that had to wait for earlier ones that overlap
 * @retries: requests of which a part was tried again
 * @bad_messages: dropped
 * @batches: messages with requests
 * @operations: begun on the disk
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
 * struct sp - everything
 * @options: command line
 * @backend: the disk
 * @arena: the part of this process in the region
 * @layout: of the region
 * @record_group: group of the records that this process writes
 * @request_group: group of the NP's records
 * @cuts: operations end with the page that they begin in, see work.c
 * @is_fixed: the buffers for what is read are registered with the kernel
 * @ring: does the I/O, carries messages and gives events
 * @channel: to the NP
 * @returns: RETURNs that are held
 * @is_ticking: a timer is under way that sends them
 * @version: that the channel speaks, 0 before the NP's HELLO
 * @requests: as many as the NP may have in flight
 * @n_requests: of them
 * @free: those that nobody has
 * @ranges: of requests in flight
 * @freed: requests whose ranges were blocked and are not any more
 * @waiting: requests that wait for buffers
 * @stalled: requests for whose next operation the ring had no room
 * @done: requests whose replies are to be sent
 * @active: requests that are neither free nor done
 * @is_stopping: no new requests; ends when @active is 0
 * @status: to exit with
 * @counters: what has been done
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

/* The only NP. */
#define SP_PEER		PROTO_ROLE_NP(0)

#endif /* SP_SP_H */
