/* SPDX-License-Identifier: MIT */
/*
 * Disks behind one interface. There are three backends: NVMe commands past the block layer, a block
 * device, and a regular file. Each of them finds out what its disk can do, begins operations on the
 * library's ring and says how they ended.
 *
 * A backend must not know of requests, of their order, of replies, nor of the network process.
 */
#ifndef SP_BACKEND_H
#define SP_BACKEND_H

#include <arena/ring.h>
#include <stdbool.h>
#include <stdint.h>

#include "kind.h"

/**
 * enum backend_operation - operations of a disk
 * @BACKEND_READ: move bytes from disk to memory
 * @BACKEND_WRITE: move bytes from memory to disk
 * @BACKEND_FLUSH: make durable what was written
 * @BACKEND_DISCARD: forget the contents of a range
 * @BACKEND_ZERO: let a range read as zeroes
 */
enum backend_operation {
	BACKEND_READ,
	BACKEND_WRITE,
	BACKEND_FLUSH,
	BACKEND_DISCARD,
	BACKEND_ZERO,
};

/**
 * struct backend_limits - what an open disk can do
 * @bytes: size; a file may end within a block, of which then only these bytes exist
 * @tail: where the last part of such a file begins, which a read or write lies in as a whole or not
 *	at all; a multiple of @block_size, and behind the end of other disks
 * @block_size: least unit of I/O in bytes, a power of two, 512 to 4096
 * @max_bytes: bytes of one read or write at most, a multiple of @block_size
 * @max_discard: bytes of one discard at most, likewise
 * @max_zero: bytes of one BACKEND_ZERO at most, likewise
 * @atomic_bytes: bytes of a write that is done completely or not at all
 * @discard_granularity: bytes of the units that it discards; 0 if it cannot discard
 * @is_readonly: it must not be written
 * @has_fua: one write can be made durable without a flush
 * @has_discard: it discards
 * @has_zero: it has BACKEND_ZERO, which is faster than to write as many zeroes
 * @is_rotational: it has a seek time
 * @has_volatile_cache: what was not flushed can be lost with the power
 * @discard_needs_buffer: a discard needs an extent of the SP to work with
 */
struct backend_limits {
	uint64_t bytes;
	uint64_t tail;
	uint32_t block_size;
	uint32_t max_bytes;
	uint64_t max_discard;
	uint64_t max_zero;
	uint32_t atomic_bytes;
	uint32_t discard_granularity;
	bool is_readonly;
	bool has_fua;
	bool has_discard;
	bool has_zero;
	bool is_rotational;
	bool has_volatile_cache;
	bool discard_needs_buffer;
};

/**
 * struct backend_io - one operation, of whole blocks, of which the last may end behind the disk
 * @operation: enum backend_operation
 * @buf: extent that holds the bytes; for a discard an extent to work with, if it needs one
 * @from: first byte of @buf that takes part
 * @offset: first byte on the disk
 * @length: bytes, within the limits
 * @is_fua: the operation is durable when it has ended
 * @no_hole: keep the range allocated; with BACKEND_ZERO
 * @fast: fail rather than write as many zeroes; with BACKEND_ZERO
 * @cookie: comes back in the event of the end
 */
struct backend_io {
	enum backend_operation operation;
	struct arena_buf buf;
	uint32_t from;
	uint64_t offset;
	uint64_t length;
	bool is_fua;
	bool no_hole;
	bool fast;
	uint64_t cookie;
};

struct backend;

/**
 * struct backend_part - the first part of a range
 * @length: bytes, at least 1 and at most those of the range
 * @is_hole: it is not allocated, and reads as zeroes
 */
struct backend_part {
	uint64_t length;
	bool is_hole;
};

/**
 * struct backend_ops - functions of a kind of backend
 * @kind: the kind
 * @begin: begin an operation on the ring. Return: 0; -EAGAIN if the ring has no room now; or
 *	another -errno
 * @result: how the operation of an event ended. Return: 0; -EAGAIN if it should be begun
 *	again; or another -errno, and @why says more about it, a constant text
 * @size: how many bytes the disk has now; 0 if it is gone
 * @survey: find out what a range of at least one byte begins with. It blocks, and any thread may
 *	call it. NULL if the disk cannot tell its holes
 * @is_dense: does the disk have no hole at all? NULL like @survey; likewise for any thread
 */
struct backend_ops {
	enum backend_kind kind;
	int (*begin)(struct backend *b, const struct backend_io *io);
	int (*result)(struct backend *b, const struct arena_event *e, const char **why);
	uint64_t (*size)(const struct backend *b);
	struct backend_part (*survey)(const struct backend *b, uint64_t offset, uint64_t length);
	bool (*is_dense)(const struct backend *b);
};

/**
 * struct backend - a disk
 * @ops: functions of its kind
 * @path: as the command line names it
 * @limits: what it can do
 * @sequence: the kernel's number of the device, which is another one whenever it comes; 0 if there
 *	is none
 * @longest: bytes that the disk may grow to if it is a file that is written; 0 otherwise
 * @fd: the file on which operations begin
 * @tail_fd: BACKEND_FILE: the same file without O_DIRECT, for its tail; -1 if it has none
 * @guard: a file that keeps others from the disk if @fd does not; or -1
 * @arena: the arena of the buffers
 * @ring: the ring of the operations
 * @file: @fd as a file of the ring
 * @tail_file: @tail_fd as a file of the ring
 * @data_ring: the ring of reads and writes: a polled one, or @ring
 * @data_file: @fd as a file of that ring
 * @nsid: BACKEND_NVME: number of the namespace
 * @lba_shift: BACKEND_NVME: power of two of @limits.block_size
 * @is_gone: it is a device that was there, and is not any more
 * @can_deallocate: BACKEND_NVME: a write of zeroes may deallocate blocks
 */
struct backend {
	const struct backend_ops *ops;
	const char *path;
	struct backend_limits limits;
	uint64_t sequence;
	uint64_t longest;
	int fd;
	int tail_fd;
	int guard;
	struct arena *arena;
	struct arena_ring *ring;
	struct arena_file file;
	struct arena_file tail_file;
	struct arena_ring *data_ring;
	struct arena_file data_file;
	uint32_t nsid;
	uint32_t lba_shift;
	bool is_gone;
	bool can_deallocate;
};

/**
 * backend_open() - open a disk and find out what it can do
 * @b: filled
 * @path: character or block device of an NVMe namespace, block device, or regular file
 * @kind: the kind of backend to use
 * @readonly: do not write the disk even if that is possible
 *
 * The call logs which kind was chosen, and why, or what is wrong.
 *
 * A disk that is in use is tried again for a while.
 *
 * Return: 0 or -errno; -ECANCELED if SIGTERM or SIGINT came meanwhile.
 */
int backend_open(struct backend *b, const char *path, enum backend_kind kind, bool readonly);

/**
 * backend_check_polling() - can the disk be asked for completions?
 * @b: the disk, which is open
 *
 * Return: 0; or -EOPNOTSUPP if it has no queues for that, which was logged.
 */
int backend_check_polling(const struct backend *b);

/**
 * backend_attach() - attach a disk to rings, so that operations can begin
 * @b: the disk, which is open
 * @a: arena of the buffers
 * @r: ring of that arena, with its option nvme if backend_is_nvme()
 * @polled: likewise, with its option polled: it carries reads and writes; NULL if @r does
 *
 * Return: 0 or -errno; the error was logged.
 */
int backend_attach(struct backend *b, struct arena *a, struct arena_ring *r,
		   struct arena_ring *polled);

/* How many files backend_attach() adds to a ring at most. */
#define BACKEND_FILES	3U

/** backend_look() - look up the size of the disk, which may have grown or shrunk, for its limits */
void backend_look(struct backend *b);

/** backend_close() - close the disk, of which no operation must be pending */
void backend_close(struct backend *b);

/** backend_is_nvme() - does the disk's ring need the option nvme? */
static inline bool backend_is_nvme(const struct backend *b)
{
	return b->ops->kind == BACKEND_NVME;
}

#endif /* SP_BACKEND_H */
