/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of a ring share: ring.c (the ring itself), ring-files.c (its table
 * of direct descriptors), ring-ops.c (what is pending) and ring-recv.c (buffers that the
 * kernel chooses).
 */
#ifndef ARENA_RING_CORE_H
#define ARENA_RING_CORE_H

#include <liburing.h>

#include <arena/ring.h>

/*
 * user_data: what it is of, two bits; a generation, 30 bits; a slot. A completion of
 * something that is over is known by its generation.
 */
enum ring_tag { TAG_OP, TAG_CANCEL, TAG_FILE, TAG_MESSAGE };

#define GENERATION_BITS	30
#define GENERATION_MAX	((1U << GENERATION_BITS) - 1)
/* Ends a list of slots. */
#define NONE		UINT32_MAX

/**
 * enum ring_kind - what an operation does
 * @KIND_READ: these five as enum arena_ring_rw
 * @KIND_WRITE: of bytes
 * @KIND_RECV: of bytes
 * @KIND_SEND: of bytes
 * @KIND_SEND_ZC: of bytes
 * @KIND_RECV_ANY: into buffers of the kernel's choice
 * @KIND_ACCEPT: of connections
 * @KIND_POLL: of a file
 * @KIND_FSYNC: of a file
 * @KIND_TIMEOUT: of none
 */
enum ring_kind {
	KIND_READ = ARENA_RING_READ,
	KIND_WRITE = ARENA_RING_WRITE,
	KIND_RECV = ARENA_RING_RECV,
	KIND_SEND = ARENA_RING_SEND,
	KIND_SEND_ZC = ARENA_RING_SEND_ZC,
	KIND_RECV_ANY,
	KIND_ACCEPT,
	KIND_POLL,
	KIND_FSYNC,
	KIND_TIMEOUT,
};

/**
 * struct ring_op - an operation
 * @io: what was asked for; only file and cookie where no bytes are moved
 * @ts: of a timeout
 * @generation: of this slot
 * @next: slot behind it, in the list of free ones or of those to be issued
 * @done: bytes moved
 * @poll: events to wait for
 * @group: to receive into
 * @result: for the last event
 * @flags: for the last event
 * @cqes: completions that are still to come
 * @removals: the ring's, when it was issued
 * @kind: enum ring_kind
 * @busy: in use
 * @again: goes on after an event
 * @data: fdatasync
 * @waiting: a poll in place of the operation itself, which found nothing
 * @canceling: a cancellation has not completed
 * @canceled: it was asked for
 * @over: has a result; only notifications are to come
 */
struct ring_op {
	struct arena_io io;
	struct __kernel_timespec ts;
	uint32_t generation;
	uint32_t next;
	uint32_t done;
	uint32_t poll;
	uint32_t group;
	int32_t result;
	uint32_t flags;
	uint32_t cqes;
	uint32_t removals;
	uint8_t kind;
	bool busy;
	bool again;
	bool data;
	bool waiting;
	bool canceling;
	bool canceled;
	bool over;
};

/* enum file_state - of a slot */
enum file_state { FILE_FREE, FILE_LIVE, FILE_CLOSING };

/**
 * struct ring_file - a direct descriptor
 * @generation: of this slot
 * @pending: operations on it, the ring's own included
 * @next: slot behind it, in the list of free ones for files that are added
 * @state: enum file_state
 * @socket: can be shut down
 * @stream: has no offsets: bytes come in the order in which operations do
 * @reading: an operation takes bytes from a stream
 * @writing: an operation puts bytes into a stream
 * @aborted: what it has not sent is thrown away
 */
struct ring_file {
	uint32_t generation;
	uint32_t pending;
	uint32_t next;
	uint8_t state;
	bool socket;
	bool stream;
	bool reading;
	bool writing;
	bool aborted;
};

/**
 * struct ring_park - a group's buffers in the kernel's hands, to receive into
 * @ring: where it takes them from, NULL before the first use
 * @buf: what is parked under each number, count 0 if nothing
 * @size: how many at most, a power of two
 * @parked: how many are
 */
struct ring_park {
	struct io_uring_buf_ring *ring;
	struct arena_buf *buf;
	uint32_t size;
	uint32_t parked;
};

/**
 * struct arena_ring - see ring.h
 * @uring: the ring
 * @a: whose buffers
 * @here: a page that a child of fork(2) finds zeroed
 * @thread: who opened it
 * @features: what is made use of
 * @ops: the operations
 * @n_ops: how many at most
 * @pending: how many are busy
 * @free_op: list
 * @again_first: list of those that found no room in the submission queue
 * @again_last: its end
 * @files: the direct descriptors: those that are added, then those accepted
 * @n_files: how many at most, both together
 * @free_file: list
 * @own: completions to come of the ring's own cancellations and shutdowns
 * @own_max: how many there is room for
 * @removals: how often all operations on a file were cancelled
 * @registered: for each group, whether it is registered
 * @parks: of each group
 * @closing: nothing goes on
 */
struct arena_ring {
	struct io_uring uring;
	struct arena *a;
	uint32_t *here;
	uint64_t thread;
	struct arena_features features;
	struct ring_op *ops;
	uint32_t n_ops;
	uint32_t pending;
	uint32_t free_op;
	uint32_t again_first;
	uint32_t again_last;
	struct ring_file *files;
	uint32_t n_files;
	uint32_t free_file;
	uint32_t own;
	uint32_t own_max;
	uint32_t removals;
	bool *registered;
	struct ring_park *parks;
	bool closing;
};

static inline uint64_t user_data(enum ring_tag tag, uint32_t generation, uint32_t slot)
{
	return (uint64_t)tag << 62 | (uint64_t)generation << 32 | slot;
}

/* The next of a slot's generations, none of which is 0. */
static inline uint32_t next_generation(uint32_t generation)
{
	return generation % GENERATION_MAX + 1;
}

/** ring_check() - 0 for the thread that opened it, -EEXIST, or -ECHILD after fork */
int ring_check(const struct arena_ring *r);

/** ring_submit() - everything; how many, or -errno */
int ring_submit(struct arena_ring *r);

/** ring_room() - see to it that @n SQEs can be got; 0 or -errno */
int ring_room(struct arena_ring *r, uint32_t n);

/** ring_own_sqe() - for one of the ring's own operations: one has asked ring_own_room() */
struct io_uring_sqe *ring_own_sqe(struct arena_ring *r);

/** ring_own_room() - the same as ring_room(), with room for the completions as well */
int ring_own_room(struct arena_ring *r, uint32_t n);

/** file_find() - the file, or NULL if the handle is stale; CLOSING ones count */
struct ring_file *file_find(struct arena_ring *r, struct arena_file file);

/** file_accepted() - a connection that the kernel has put into a slot */
struct arena_file file_accepted(struct arena_ring *r, uint32_t slot);

/** file_done() - one operation less is pending; the last one closes a removed file */
void file_done(struct arena_ring *r, uint32_t slot);

/** files_init() - a table of free slots, of which the kernel gives out the second half */
int files_init(struct arena_ring *r);

/** files_abort_pending() - reset what holds operations that do not end */
void files_abort_pending(struct arena_ring *r);

/** ops_init() - a list of free ones */
void ops_init(struct arena_ring *r);

/** ops_again() - issue what waits for room; true with an event if one was cancelled */
bool ops_again(struct arena_ring *r, struct arena_event *event);

/** op_complete() - a completion; true if it makes an event */
bool op_complete(struct arena_ring *r, const struct io_uring_cqe *cqe,
		 struct arena_event *event);

/** op_cancel_complete() - a cancellation's completion */
void op_cancel_complete(struct arena_ring *r, uint32_t slot, uint32_t generation);

/** recv_ready() - see to it that there is a buffer to receive into; 0 or -errno */
int recv_ready(struct arena_ring *r, struct ring_op *op);

/** recv_prep() - the operation */
void recv_prep(struct arena_ring *r, const struct ring_op *op, struct io_uring_sqe *sqe);

/** recv_buffer() - the one that a completion is of, OWNED now; count 0 if none */
struct arena_buf recv_buffer(struct arena_ring *r, struct ring_op *op,
			     const struct io_uring_cqe *cqe);

/** recv_end() - give back what the operation holds */
void recv_end(struct arena_ring *r, struct ring_op *op);

/** recv_close() - give back what the kernel holds; nothing is pending any more */
void recv_close(struct arena_ring *r);

/** recv_free() - private memory only */
void recv_free(struct arena_ring *r);

#endif /* ARENA_RING_CORE_H */
