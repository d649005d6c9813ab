/* SPDX-License-Identifier: MIT */
/*
 * The storage process as a whole. One thread, one I/O ring, one disk, one peer.
 */
#ifndef SP_SP_H
#define SP_SP_H

#include <arena/arena.h>
#include <proto/layout.h>
#include <arena/channel.h>
#include <arena/layout.h>
#include <arena/message.h>
#include <libarena/buffer/pool.h>
#include <liburing.h>
#include <mshare.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "disk.h"
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
 * @fixed_buffers: try to register buffers
 * @readonly: do not write the disk
 * @verbose: log what only developers want to know
 */
struct sp_options {
	const char *region;
	const char *disk;
	uint32_t id;
	pid_t np;
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
 * @errors: requests answered with an error
 * @bytes_read: of clients' reads
 * @bytes_written: of clients' writes
 * @copied_bytes: of clients' writes, copied to complete a block
 * @rmw: writes that needed that
 * @waits: reads and writes that had to wait for buffers
 * @retries: disk operations tried again
 * @bad_messages: dropped
 */
struct sp_counters {
	uint64_t requests;
	uint64_t reads;
	uint64_t writes;
	uint64_t flushes;
	uint64_t errors;
	uint64_t bytes_read;
	uint64_t bytes_written;
	uint64_t copied_bytes;
	uint64_t rmw;
	uint64_t waits;
	uint64_t retries;
	uint64_t bad_messages;
};

/**
 * struct sp - everything
 * @options: command line
 * @arena: the part of this process in the region
 * @base: address of the region
 * @layout: private, checked copy
 * @own: group that this process writes
 * @pool: who has which buffer of @own
 * @record_group: group of the records that this process writes
 * @records: who has which buffer of it
 * @disk: served
 * @ring: does the I/O and carries messages
 * @n_fixed: the groups of enum sp_buffer that are registered with @ring: the first of them
 * @channel: to the NP
 * @version: that the channel speaks, 0 before the NP's HELLO
 * @requests: one for each network buffer of the NP's
 * @n_requests: of them
 * @free: those that nobody has
 * @waiting: requests that wait for buffers, oldest first
 * @waiting_last: the youngest of them
 * @ranges: locks of writes
 * @done: requests whose replies are to be sent, oldest first
 * @done_last: the youngest of them
 * @active: requests that are neither free nor done
 * @signal_fd: signalfd
 * @stopping: no new requests; ends when @active is 0
 * @status: to exit with
 * @counters: what has been done
 */
struct sp {
	struct sp_options options;
	struct arena *arena;
	void *base;
	struct arena_layout layout;
	uint32_t own;
	struct arena_pool *pool;
	uint32_t record_group;
	struct arena_pool *records;
	struct sp_disk disk;
	struct io_uring ring;
	unsigned int n_fixed;
	struct arena_channel *channel;
	int version;
	struct sp_request *requests;
	uint32_t n_requests;
	struct sp_request *free;
	struct sp_request *waiting;
	struct sp_request *waiting_last;
	struct sp_ranges ranges;
	struct sp_request *done;
	struct sp_request *done_last;
	uint32_t active;
	int signal_fd;
	bool stopping;
	enum sp_exit status;
	struct sp_counters counters;
};

#endif /* SP_SP_H */
