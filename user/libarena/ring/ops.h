/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of operations: how an operation begins, is issued, waits for room, continues and
 * makes its events.
 *
 * What an operation does is a class of its own (rw.c, network.c, storage.c, nvme.c).
 * The table calls the functions of that class and must not know any class by name.
 */
#ifndef ARENA_RING_OPS_H
#define ARENA_RING_OPS_H

#include "files.h"

/**
 * struct ring_class - what one kind of operation does
 * @prep: fill in an SQE; it is called each time the operation is issued
 * @succeed: a completion without an error has come; true if that makes an event
 * @retry: may the operation be tried again after this error? NULL for never
 * @ready: 0 if it can be issued, or the error to end with; NULL if it always can
 * @end: release what the operation holds; NULL if it holds nothing
 * @in: it receives bytes or connections from its file
 * @moves: bytes go through its file in order: one operation at a time in one direction
 * @once: the ring does not issue it again after -EINTR, since it may have been done
 * @admin: it is an NVMe command of the admin queue
 * @waits: after -EAGAIN the ring polls the file and tries again
 * @polls: a polled ring carries it
 */
struct ring_class {
	void (*prep)(struct arena_ring *r, struct ring_op *op, struct io_uring_sqe *sqe);
	bool (*succeed)(struct arena_ring *r, struct ring_op *op,
			const struct io_uring_cqe *cqe, struct arena_event *event);
	bool (*retry)(struct arena_ring *r, struct ring_op *op, int32_t error);
	int (*ready)(struct arena_ring *r, struct ring_op *op);
	void (*end)(struct arena_ring *r, struct ring_op *op);
	bool in;
	bool moves;
	bool once;
	bool admin;
	bool waits;
	bool polls;
};

/**
 * struct ring_rw - a transfer between extents and a file
 * @iov: the memory that is not transferred yet
 * @n_iov: entries of @iov
 * @n_bufs: extents that are IN_IO
 * @buf: these extents
 * @offset: offset in the file of the rest; -1 for a stream
 * @length: bytes of all extents
 * @flags: enum arena_io_flags
 * @group: group of all extents, if it is registered; else -1
 * @one: the entry of @iov, if there is only one extent
 */
struct ring_rw {
	struct iovec *iov;
	uint32_t n_iov;
	uint32_t n_bufs;
	const struct arena_buf *buf;
	uint64_t offset;
	uint32_t length;
	uint32_t flags;
	int32_t group;
	struct iovec one;
};

/**
 * struct ring_range - bytes of a file
 * @offset: first byte
 * @length: bytes
 * @done: zeroes that were written, if that is the way
 * @ways: bits of the ways that are not known to fail; the lowest is tried now
 */
struct ring_range {
	uint64_t offset;
	uint64_t length;
	uint64_t done;
	uint32_t ways;
};

/**
 * struct ring_op - an entry of the table
 * @class: what it does
 * @file: its file
 * @cookie: number that the caller gave
 * @buf: the extent that its events name, the first if it has several
 * @generation: generation of this entry
 * @next: the entry behind it in the list of free ones or of those to be requeued
 * @done: bytes that were transferred
 * @result: result in the last event
 * @flags: flags in the last event
 * @cqes: completions to come
 * @faults: number of tries that ended with -EFAULT
 * @removals: value of the ring's @removals when it was issued
 * @busy: the entry is in use
 * @multishot: it continues after an event
 * @waiting: a poll was issued in its place, because it would have had to wait
 * @canceling: a cancellation has not completed
 * @nowait: -EAGAIN is its result
 * @ending: why it was asked to end: -ECANCELED, -ETIME or another error; or 0
 * @over: it has its result; only notifications are to come
 * @is_copied: data that was to be sent without a copy was copied
 * @rw: for transfers
 * @range: for discarding and zeroing
 * @skip: bytes to receive and drop, and bytes dropped so far
 * @poll: for a poll: events to wait for
 * @group: for a recv into any buffer: the group
 * @datasync: for a flush: fdatasync(2) in place of fsync(2)
 */
struct ring_op {
	const struct ring_class *class;
	struct arena_file file;
	uint64_t cookie;
	struct arena_buf buf;
	uint32_t generation;
	uint32_t next;
	uint32_t done;
	int32_t result;
	uint32_t flags;
	uint32_t cqes;
	uint32_t faults;
	uint32_t removals;
	int32_t ending;
	bool busy;
	bool multishot;
	bool waiting;
	bool canceling;
	bool nowait;
	bool over;
	bool is_copied;
	union {
		struct ring_rw rw;
		struct ring_range range;
		struct {
			uint64_t length;
			uint64_t done;
		} skip;
		uint32_t poll;
		uint32_t group;
		bool datasync;
	};
};

/** ring_ops_init() - a list of free entries */
void ring_ops_init(struct arena_ring *r);

/**
 * ring_op_new() - take an entry for an operation
 * @r: ring
 * @class: what it does
 * @file: its file; a zeroed handle if it has none
 * @cookie: number that the caller gave
 * @op: the entry; to be passed to ring_op_begin() or ring_op_drop()
 *
 * Return: 0; an error of ring_check(); -EAGAIN if no entry is free; -ESTALE; -EBUSY; an
 * error of io_uring_enter(2).
 */
int ring_op_new(struct arena_ring *r, const struct ring_class *class,
		struct arena_file file, uint64_t cookie, struct ring_op **op);

/** ring_op_index() - the index of its entry */
static inline uint32_t ring_op_index(const struct arena_ring *r, const struct ring_op *op)
{
	return (uint32_t)(op - r->ops);
}

/** ring_op_drop() - free an entry whose operation did not begin */
void ring_op_drop(struct arena_ring *r, struct ring_op *op);

/** ring_op_begin() - issue it; nothing can fail any more */
void ring_op_begin(struct arena_ring *r, struct ring_op *op, struct arena_op *handle);

/** ring_op_is_ending() - true if it must not be issued any more */
bool ring_op_is_ending(struct arena_ring *r, const struct ring_op *op);

/** ring_op_end() - ask the kernel to end it, for this reason; 0, -EALREADY or -errno */
int ring_op_end(struct arena_ring *r, struct ring_op *op, int32_t reason);

/** ring_op_requeue() - issue it later, when ring_ops_requeue() is called */
void ring_op_requeue(struct arena_ring *r, struct ring_op *op);

/** ring_op_continue() - issue it once more unless it is ending; true if that is an event */
bool ring_op_continue(struct arena_ring *r, struct ring_op *op, struct arena_event *event);

/** ring_op_fill_event() - fill in an event of an operation that is not its last one */
void ring_op_fill_event(struct arena_ring *r, const struct ring_op *op, int32_t result,
			uint32_t flags, struct arena_event *event);

/** ring_op_finish() - it has a result; true if that makes an event now */
bool ring_op_finish(struct arena_ring *r, struct ring_op *op, int32_t result,
		    uint32_t flags, struct arena_event *event);

/** ring_op_finish_canceled() - ring_op_finish() with the reason why it was ended */
bool ring_op_finish_canceled(struct arena_ring *r, struct ring_op *op,
			     struct arena_event *event);

/** ring_op_done() - a class's @succeed for operations whose first completion is the last */
bool ring_op_done(struct arena_ring *r, struct ring_op *op, const struct io_uring_cqe *cqe,
		  struct arena_event *event);

/**
 * ring_op_happened() - make one of many events of a multishot operation
 * @r: ring
 * @op: operation
 * @result: for the event
 * @more: false if the kernel has ended it, so that it must be issued again
 * @event: filled
 */
void ring_op_happened(struct arena_ring *r, struct ring_op *op, int32_t result, bool more,
		      struct arena_event *event);

/** ring_ops_requeue() - issue operations that wait for room; true if one made an event */
bool ring_ops_requeue(struct arena_ring *r, struct arena_event *event);

/** ring_op_complete() - a completion has come; true if it makes an event */
bool ring_op_complete(struct arena_ring *r, const struct io_uring_cqe *cqe,
		      struct arena_event *event);

/** ring_ops_expire() - ask the kernel to end operations whose deadline has passed */
void ring_ops_expire(struct arena_ring *r);

/** ring_op_cancel_complete() - the kernel has answered a cancellation */
void ring_op_cancel_complete(struct arena_ring *r, uint32_t index, uint32_t generation);

#endif /* ARENA_RING_OPS_H */
