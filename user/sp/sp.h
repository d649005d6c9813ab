/* SPDX-License-Identifier: MIT */
/*
 * The storage process as a whole. It has one ring and one disk, and serves all network processes of
 * its region. It has one thread, but for that of survey.c.
 *
 * A request goes through these files:
 *	loop.c		waits for messages and for the disk, once in a turn
 *	peer.c		takes the messages of a network process
 *	clients.c	counts who uses the disk, and looks up its size
 *	throttle.c	lets requests wait that come faster than the limits of the export allow
 *	replay.c	lets requests wait until all is known of a predecessor
 *	stake.c		knows what the disk loses if it goes away
 *	order.c		lets requests of several network processes begin in their order
 *	fence.c		refuses what is older than what another network process has changed
 *	request.c	copies and checks the request, and puts it in its order
 *	work.c		carries it out as operations of a backend
 *	survey.c	finds out where a file has holes
 *	late.c		answers requests that the disk does not end
 *	control.c	hears from arenad who the network processes are
 *	replies.c	replies to all requests of a network process that ended in a turn
 */
#ifndef SP_SP_H
#define SP_SP_H

#include <arena/arena.h>
#include <arena/channel.h>
#include <arena/ring.h>
#include <common/clock.h>
#include <common/log.h>
#include <proto/layout.h>
#include <proto/transport.h>
#include <stats/counters.h>
#include <stats/stats.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "fence.h"
#include "late.h"
#include "order.h"
#include "peer.h"
#include "range.h"
#include "replay.h"
#include "request.h"
#include "stake.h"
#include "survey.h"
#include "throttle.h"

/**
 * enum sp_exit - exit status of arena-sp, besides OPTIONS_EXIT_USAGE
 * @SP_EXIT_OK: a signal ended the process
 * @SP_EXIT_ERROR: something failed, and was logged
 * @SP_EXIT_PEER: the last network process ended
 * @SP_EXIT_GONE: the disk is gone, which was logged
 */
enum sp_exit {
	SP_EXIT_OK = 0,
	SP_EXIT_ERROR = 1,
	SP_EXIT_PEER = 3,
	SP_EXIT_GONE = 4,
};

/**
 * struct sp_options - the command line
 * @region: name of the region
 * @disk: path of the disk
 * @id: number of this SP in the region
 * @n_nps: used entries of @np
 * @np: what the process has inherited of its channel to each NP, in the order of their numbers
 * @control_fd: arenad's control socket
 * @layout_fd: the layout, as of arena_layout_seal()
 * @stats_fd: memory for statistics, as of stats_make(), or -1
 * @backend: enum backend_kind
 * @transport: what carries the messages of the channels
 * @wait: how the process waits
 * @fixed_buffers: try to register buffers
 * @iopoll: ask the disk for the completions of reads and writes
 * @disk_timeout: seconds after which requests that the disk has not ended fail; 0 for never
 * @limit: limits of the export
 * @ends_when_gone: end when the disk is gone, as there will be a successor
 * @awaited: identity of the disk to wait for, see disk_identity(); NULL to wait for none
 * @readonly: do not write the disk
 * @verbose: log details for developers
 * @log_format: what the lines of the log are
 * @sandbox: enum sandbox_mode
 */
struct sp_options {
	const char *region;
	const char *disk;
	uint32_t id;
	unsigned int n_nps;
	struct arena_channel_end np[PROTO_MAX_NPS];
	int control_fd;
	int layout_fd;
	int stats_fd;
	unsigned int backend;
	enum proto_transport transport;
	enum arena_wait wait;
	struct limit limit;
	bool fixed_buffers;
	bool iopoll;
	uint32_t disk_timeout;
	bool ends_when_gone;
	const char *awaited;
	bool readonly;
	bool verbose;
	enum log_format log_format;
	unsigned int sandbox;
};

/**
 * struct sp - the process
 * @options: the command line
 * @backend: the disk
 * @arena: the part of this process in the region
 * @layout: layout of the region
 * @cuts: operations that begin within a page end with it, see work.c
 * @is_fixed: the buffers for data of READs are registered with the kernel
 * @ring: does the I/O, carries messages and gives events
 * @polled: does reads and writes in its place, if the disk is asked for completions; else NULL
 * @n_peers: used entries of @peer
 * @n_live: how many of them have not ended
 * @peer: the NPs
 * @looked_at: second in which the size of the disk was looked up
 * @throttle: limits of the export
 * @is_ticking: a timer is under way, after which RETURNs that are held are sent, and what
 *	@owes_control says is done
 * @requests: the table of requests
 * @n_requests: entries of @requests
 * @replay: the start
 * @stake: what the disk may lose
 * @order: requests that have come and not begun
 * @fence: what network processes have changed
 * @late: when requests are answered that the disk does not end
 * @survey: finds the holes of the disk
 * @ranges: ranges of requests in flight
 * @freed: requests whose ranges are not blocked any more
 * @stalled: requests for whose next operation the ring had no room
 * @active: requests that are neither free nor done
 * @control: arenad's control socket, as a file of the ring
 * @owes_control: the ring has to be asked again to wait for a message of arenad
 * @has_arenad: arenad may still tell of the successor of an NP
 * @parting: exit status if it does not, and no NP is left
 * @is_stopping: new requests are refused, and the process ends when @active is 0
 * @status: exit status
 * @counters: totals since the start
 * @stats: the same, and times, for arenad
 * @turn_ns: sp_turn_ns(), 0 before somebody has asked for it in this turn
 */
struct sp {
	struct sp_options options;
	struct backend backend;
	struct arena *arena;
	const struct arena_layout *layout;
	bool cuts;
	bool is_fixed;
	struct arena_ring *ring;
	struct arena_ring *polled;
	unsigned int n_peers;
	unsigned int n_live;
	struct sp_peer peer[PROTO_MAX_NPS];
	int64_t looked_at;
	struct sp_throttle throttle;
	bool is_ticking;
	struct sp_request *requests;
	uint32_t n_requests;
	struct sp_replay replay;
	struct sp_stake stake;
	struct sp_order order;
	struct sp_fence fence;
	struct sp_late late;
	struct survey survey;
	struct sp_ranges ranges;
	struct sp_queue freed;
	struct sp_queue stalled;
	uint32_t active;
	struct arena_file control;
	bool owes_control;
	bool has_arenad;
	enum sp_exit parting;
	bool is_stopping;
	enum sp_exit status;
	struct sp_counters counters;
	struct stats *stats;
	uint64_t turn_ns;
};

/** sp_turn_ns() - CLOCK_BOOTTIME in this turn */
static inline uint64_t sp_turn_ns(struct sp *sp)
{
	if (!sp->turn_ns)
		sp->turn_ns = clock_boot_ns();
	return sp->turn_ns;
}

#endif /* SP_SP_H */
