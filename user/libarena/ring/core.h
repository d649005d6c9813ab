/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The ring below its operations: the check of the calling thread, room in the queues, and the
 * user_data of completions.
 *
 * All other parts of a ring are built on this one. It must not know what an operation does,
 * how files are kept or where provided buffers come from; it only has pointers to those
 * tables, which ops.h, files.h and provided.h describe.
 */
#ifndef ARENA_RING_CORE_H
#define ARENA_RING_CORE_H

#include <arena/ring.h>

#include "../owner.h"
#include "../uring.h"
#include "heap.h"

/*
 * user_data: two bits for the kind of the entry, 30 bits for its generation, and its index. A
 * late completion of an entry that has ended is recognised by its generation.
 */
enum ring_tag { TAG_OP, TAG_CANCEL, TAG_FILE, TAG_SOURCE };

#define GENERATION_BITS	30
#define GENERATION_MAX	((1U << GENERATION_BITS) - 1)
/* Ends a list of indexes. */
#define NONE		UINT32_MAX

struct ring_op;
struct ring_file;
struct ring_provided;
struct ring_sources;
struct nvme_uring_cmd;

/**
 * struct arena_ring - see ring.h
 * @uring: the ring
 * @a: the arena whose buffers are used
 * @owner: the thread that opened the ring
 * @features: features of the kernel that the ring uses
 * @ops: the table of operations
 * @n_ops: entries of @ops
 * @pending: operations whose last event was not given
 * @free_op: list of free entries of @ops
 * @requeue_first: list of operations that wait for room in the submission queue
 * @requeue_last: its end
 * @deadlines: deadlines of operations, by their index
 * @bufs: for each operation, room for a list of extents
 * @iovs: for each operation, room for a list of addresses
 * @msgs: for each operation, the header of a message
 * @zeroes: memory that is zero, to write zeroes from
 * @sink: memory that is never read, to receive skipped bytes into
 * @files: the table of files: those that were added, then those that were accepted
 * @n_files: entries of @files, both halves together
 * @free_file: list of free entries in the first half of @files
 * @free_accepted: list of free entries in the second half; empty if the kernel chooses them
 * @direct: files are direct descriptors, else file descriptors
 * @mortal: sockets are closed when the process dies, see closes_at_death in ring.h
 * @for_files: it may carry operations on regular files and block devices
 * @own: completions to come of the ring's own cancellations and shutdowns
 * @own_max: how many of them the completion queue has room for
 * @removals: number of times that all operations on a file were cancelled
 * @registered: for each group, whether it is registered with the kernel
 * @provided: for each group, the buffers that the kernel may choose from
 * @faults_pass: -EFAULT may only mean that the module replaces an entry of a page table
 * @closing: no operation continues
 * @is_polled: completions are asked for, see ring.h
 * @sources: the table of sources
 * @nvme: for each operation, room for a command; NULL if the ring has no option nvme
 * @turn_cqes: completions that belong to this turn and were not handled yet
 * @counters: what was done
 * @gather: completions for which a turn waits, if so many can come; 0 or 1 for no gathering
 * @gather_us: microseconds for which a turn gathers
 * @extra: the additional value in a CQE32 of the completion that is handled now
 */
struct arena_ring {
	struct io_uring uring;
	struct arena *a;
	uint64_t owner;
	struct arena_features features;
	struct ring_op *ops;
	uint32_t n_ops;
	uint32_t pending;
	uint32_t free_op;
	uint32_t requeue_first;
	uint32_t requeue_last;
	struct ring_heap deadlines;
	struct arena_buf *bufs;
	struct iovec *iovs;
	struct msghdr *msgs;
	void *zeroes;
	void *sink;
	struct ring_file *files;
	uint32_t n_files;
	uint32_t free_file;
	uint32_t free_accepted;
	bool direct;
	bool mortal;
	bool for_files;
	uint32_t own;
	uint32_t own_max;
	uint32_t removals;
	bool *registered;
	struct ring_provided *provided;
	bool faults_pass;
	bool closing;
	bool is_polled;
	struct ring_sources *sources;
	struct nvme_uring_cmd *nvme;
	uint32_t turn_cqes;
	struct arena_ring_counters counters;
	uint32_t gather;
	uint32_t gather_us;
	uint64_t extra;
};

static inline uint64_t user_data(enum ring_tag tag, uint32_t generation, uint32_t index)
{
	return (uint64_t)tag << 62 | (uint64_t)generation << 32 | index;
}

/* The next generation of an entry. It is never 0. */
static inline uint32_t next_generation(uint32_t generation)
{
	return generation % GENERATION_MAX + 1;
}

/** ring_check() - 0 for the thread that opened it; -ECHILD for others and after fork(2) */
static inline int ring_check(const struct arena_ring *r)
{
	return owner_check(r->owner);
}

/** ring_is_child() - true if this process is a child of the one that opened the ring */
static inline bool ring_is_child(const struct arena_ring *r)
{
	return owner_is_parent(r->owner);
}

/** ring_submit() - submit everything; the number of SQEs, or -errno */
int ring_submit(struct arena_ring *r);

/** ring_room() - make sure that @n SQEs can be had; 0 or -errno */
int ring_room(struct arena_ring *r, uint32_t n);

/** ring_own_sqe() - an SQE for the ring's own use, after ring_own_room() has said 0 */
struct io_uring_sqe *ring_own_sqe(struct arena_ring *r);

/** ring_own_room() - as ring_room(), and make sure that their completions find room */
int ring_own_room(struct arena_ring *r, uint32_t n);

/** ring_has_completion() - true if one is there, or comes as soon as the kernel is entered */
bool ring_has_completion(const struct arena_ring *r);

#endif /* ARENA_RING_CORE_H */
