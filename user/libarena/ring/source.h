/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sources of a ring: their table, the polls for them, and the list of those that have
 * something to report in this turn.
 *
 * source.c is the table and the turn; source-channel.c, source-timer.c and source-fd.c
 * are the kinds. They are built on core.h and must not know of operations, files or buffers.
 */
#ifndef ARENA_RING_SOURCE_H
#define ARENA_RING_SOURCE_H

#include <arena/source.h>

#include "core.h"

/**
 * enum source_part - what a completion of a source belongs to
 * @PART_IN: the poll of the descriptor from which the source reads
 * @PART_OUT: the poll of a control socket that is full
 * @PART_PEER: the poll of the pidfd of a channel's peer
 * @PART_CONTROL: the poll of a channel's control socket, for its end
 * @PART_TX: a message of a channel that could not be sent
 * @PART_CANCEL: the cancellation of one of the polls
 */
enum source_part { PART_IN, PART_OUT, PART_PEER, PART_CONTROL, PART_TX, PART_CANCEL };

/* The parts that are polls come first. */
#define SOURCE_POLLS	PART_TX
#define PART_BITS	3
/* A source's completions that can be under way at once: each poll and its cancellation. */
#define SOURCE_CQES	(2U * SOURCE_POLLS)

#define PART_BIT(part)	(1U << (part))

/* Pause before the next try if a message or a poll could not be queued. */
#define SOURCE_RETRY_NS	1000000LL

struct ring_source;

/**
 * struct source_kind - a kind of sources
 * @event: fill in an event; false if there is none. The kind itself removes the source
 *	after its last event
 * @remove: release what the source holds, or NULL
 * @type: type of its events
 */
struct source_kind {
	bool (*event)(struct arena_ring *r, struct ring_source *s, struct arena_event *event);
	void (*remove)(struct arena_ring *r, struct ring_source *s);
	enum arena_event_type type;
};

/**
 * struct source_timer - see struct arena_timer
 * @due: the next event, CLOCK_MONOTONIC in nanoseconds
 * @period: nanoseconds, or 0
 */
struct source_timer {
	int64_t due;
	uint64_t period;
};

/**
 * struct arena_waker - the part of a ring that other threads use
 * @is_pending: it was woken, and the event has not been given
 * @fd: an eventfd
 */
struct arena_waker {
	uint32_t is_pending;
	int fd;
};

/**
 * struct source_signals - the signals of a source
 * @set: ARENA_SIGNAL() of each
 * @last: the one that was reported last, or 0
 */
struct source_signals {
	uint64_t set;
	int last;
};

/**
 * struct ring_source - an entry of the table
 * @kind: its kind; NULL for a free entry, or one whose polls have not ended
 * @cookie: number that the caller gave
 * @generation: generation of this entry
 * @next: the next free entry, or the next channel
 * @armed: polls that the kernel has, PART_BIT()
 * @cancels: cancellations that have not completed
 * @fired: polls that have completed and were not handled
 * @done: polls that have completed and were handled
 * @is_listed: it is in the list of sources to look at in this turn
 * @has_reported_end: CHANNEL: its end was reported
 * @fd: the polled descriptor, closed when the entry becomes free; -1 for channels and timers
 * @ch: CHANNEL: the channel
 * @timer: TIMER: its times
 * @waker: WAKER: the waker
 * @signals: SIGNAL: which ones
 */
struct ring_source {
	const struct source_kind *kind;
	uint64_t cookie;
	uint32_t generation;
	uint32_t next;
	uint8_t armed;
	uint8_t cancels;
	uint8_t fired;
	uint8_t done;
	bool is_listed;
	bool has_reported_end;
	int fd;
	union {
		struct arena_channel *ch;
		struct source_timer timer;
		struct arena_waker *waker;
		struct source_signals signals;
	};
};

/**
 * struct ring_sources - the sources of a ring
 * @source: the table
 * @n: its entries
 * @free: list of free entries
 * @channels: list of channels
 * @ready: indexes of the sources to look at in this turn
 * @n_ready: entries of @ready
 * @given: entries of @ready that were handled
 * @timers: times of timers, by their index
 * @rearm: a source of source-fd.c has to be polled again
 * @wait: how the ring waits
 * @spins: looks that an event has lately taken to come
 * @waits: number of times that the ring had to wait
 */
struct ring_sources {
	struct ring_source *source;
	uint32_t n;
	uint32_t free;
	uint32_t channels;
	uint32_t *ready;
	uint32_t n_ready;
	uint32_t given;
	struct ring_heap timers;
	bool rearm;
	enum arena_wait wait;
	uint32_t spins;
	uint32_t waits;
};

/* ---- for ring.c ---- */

/** ring_sources_new() - a table of @n free entries, or NULL without memory */
struct ring_sources *ring_sources_new(uint32_t n, enum arena_wait wait);

/** ring_sources_close() - remove everything; the ring still works */
void ring_sources_close(struct arena_ring *r);

/** ring_sources_drop() - in a child of fork(2): close its copies of file descriptors */
void ring_sources_drop(struct arena_ring *r);

/** ring_sources_free() - private memory only; NULL is allowed */
void ring_sources_free(struct ring_sources *all);

/** ring_sources_pending() - true while the kernel has a poll of a source */
bool ring_sources_pending(const struct arena_ring *r);

/** ring_sources_complete() - a completion of a source */
void ring_sources_complete(struct arena_ring *r, const struct io_uring_cqe *cqe);

/**
 * ring_sources_stage() - queue the messages of channels, and the polls of sources
 *
 * Return: true if something could not be queued and no event will report when it can.
 */
bool ring_sources_stage(struct arena_ring *r);

/** ring_sources_look() - begin a turn: list the sources that have something to report */
bool ring_sources_look(struct arena_ring *r);

/** ring_sources_next() - the next event of this turn; false if there is none */
bool ring_sources_next(struct arena_ring *r, struct arena_event *event);

/** ring_sources_due() - when the first timer is due; CLOCK_NEVER without any */
int64_t ring_sources_due(const struct arena_ring *r);

/** ring_sources_spins() - true if the ring spins before it sleeps */
bool ring_sources_spins(const struct arena_ring *r);

/** ring_sources_spin() - spin until an event comes, for a bounded time; true if one came */
bool ring_sources_spin(struct arena_ring *r, int64_t ns);

/** ring_sources_sleep() - announce the sleep to peers; true if nothing has come since */
bool ring_sources_sleep(struct arena_ring *r);

/** ring_sources_awake() - announce the end of the sleep; always after ring_sources_sleep() */
void ring_sources_awake(struct arena_ring *r);

/* ---- for the kinds ---- */

/** source_new() - get an entry; 0, -ENOSPC or -ECHILD */
int source_new(struct arena_ring *r, const struct source_kind *kind, uint64_t cookie,
	       struct ring_source **out);

/** source_handle() - fill in the caller's handle, unless @out is NULL */
void source_handle(const struct arena_ring *r, const struct ring_source *s,
		   struct arena_source *out);

/** source_poll() - poll @fd once, unless the kernel has the poll already; 0 or -errno */
int source_poll(struct arena_ring *r, struct ring_source *s, enum source_part part, int fd,
		uint32_t events);

/** source_unpoll() - cancel all polls of a source, and submit those that were queued */
void source_unpoll(struct arena_ring *r, struct ring_source *s);

/** source_drop() - end a source; its entry becomes free when its polls have ended */
void source_drop(struct arena_ring *r, struct ring_source *s);

/** source_list() - list a source, so that it is looked at in this turn */
void source_list(struct arena_ring *r, struct ring_source *s);

/** source_data() - user_data of a part's completions */
uint64_t source_data(const struct arena_ring *r, const struct ring_source *s,
		     enum source_part part);

static inline uint32_t source_index(const struct arena_ring *r, const struct ring_source *s)
{
	return (uint32_t)(s - r->sources->source);
}

/* ---- source-channel.c ---- */

/** source_channels_stage() - see ring_sources_stage() */
bool source_channels_stage(struct arena_ring *r);
/** source_channels_look() - list the channels that are ready */
void source_channels_look(struct arena_ring *r);
/** source_channels_ready() - true if a channel is ready */
bool source_channels_ready(struct arena_ring *r);
/** source_channels_sleep() - see ring_sources_sleep() */
bool source_channels_sleep(struct arena_ring *r);
/** source_channels_awake() - see ring_sources_awake() */
void source_channels_awake(struct arena_ring *r);
/** source_channel_failed() - record that a message could not be sent because of @error */
void source_channel_failed(struct ring_source *s, int error);

/* ---- source-fd.c ---- */

/** source_fds_stage() - poll again descriptors that were read; false if there is no room */
bool source_fds_stage(struct arena_ring *r);

/* ---- source-timer.c ---- */

/** source_timers_look() - list the timers that are due */
void source_timers_look(struct arena_ring *r);

#endif /* ARENA_RING_SOURCE_H */
