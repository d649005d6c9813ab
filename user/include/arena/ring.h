/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rings: io_uring that works on extents of an arena, and on files that only the ring can close.
 *
 * An operation takes handles, never a pointer or the number of a file descriptor. Its
 * extent is IN_IO from before the operation is submitted until the kernel has finished with
 * it for good, so that the program can neither free it, nor lend it, nor read it in the
 * meantime. docs/hazards.md says how each known hazard of io_uring is met, and which tests
 * show it.
 *
 *	arena_ring_open(a, NULL, &r);
 *	arena_ring_add_file(r, fd, &file);	now fd may be closed
 *	arena_ring_read(r, &(struct arena_io){ .file = file, .buf = buf,
 *		.length = 4096, .offset = 0, .cookie = 7 }, &op);
 *	while (arena_ring_next(r, &event, -1) == 1)
 *		...
 *	arena_ring_close(r);
 *
 * A ring with the option polled asks its disks for completions, so that these need no interrupts.
 * It carries only arena_ring_read(), arena_ring_write() and I/O commands of arena_ring_nvme(); all
 * other operations and all sources return -EOPNOTSUPP. What is pending cannot be cancelled. A
 * turn asks once and never sleeps: arena_ring_next() takes the processor until there is an event
 * or the time has passed, and returns 0 at once if nothing is pending. A program that waits for
 * other things as well has a second ring for these, and takes turns of both with a timeout of 0
 * while something is pending on the polled one. The files are opened with O_DIRECT, and their
 * devices should have queues for polling (for NVMe the parameter nvme.poll_queues; see
 * queue/io_poll in sysfs): without, completions come by interrupts, and polling finds them there.
 *
 * There are no linked operations: a program starts the next step when the event of the last
 * one has come. The usual reason for a link, to continue a short read or write, does not
 * exist, because the ring continues it by itself.
 *
 * Only the thread that opened a ring can use it: for other threads, and in a child
 * after fork(2), all calls return -ECHILD. That check costs no system call.
 */
#ifndef ARENA_RING_H
#define ARENA_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arena/arena.h>
#include <arena/channel.h>
#include <arena/probe.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

#define ARENA_RING_MAX_ENTRIES	8192U
#define ARENA_RING_MAX_FILES	4096U
/* Extents of one operation. */
#define ARENA_RING_MAX_VECS	64U
#define ARENA_RING_MAX_SOURCES	4096U
/* The longest time for arena_ring_set_gather(). */
#define ARENA_RING_MAX_GATHER_US	10000000U
/* Operations and files of a ring whose options do not say. */
#define ARENA_RING_ENTRIES	64U
#define ARENA_RING_FILES	64U
/* Sources of a ring whose options do not say. */
#define ARENA_RING_SOURCES	64U

struct arena_ring;

/**
 * struct arena_file - a handle: a file of a ring, until it is removed
 * @index: entry of the ring's table
 * @generation: generation of that entry; never 0, so that a zeroed handle is none
 */
struct arena_file {
	uint32_t index;
	uint32_t generation;
};

/**
 * struct arena_op - a handle: an operation, until its last event
 * @index: entry of the ring's table
 * @generation: generation of that entry; never 0
 */
struct arena_op {
	uint32_t index;
	uint32_t generation;
};

/**
 * struct arena_source - a handle: a source of events beside operations, see source.h
 * @index: entry of the ring's table
 * @generation: generation of that entry; never 0
 */
struct arena_source {
	uint32_t index;
	uint32_t generation;
};

/**
 * enum arena_ring_uses - what a ring is for
 * @ARENA_USES_DISK: arena_ring_read(), arena_ring_write(), arena_ring_fsync(),
 *	arena_ring_discard(), arena_ring_write_zeroes()
 * @ARENA_USES_NVME: arena_ring_nvme()
 * @ARENA_USES_SOCKETS: arena_ring_accept(), arena_ring_recv(), arena_ring_skip(),
 *	arena_ring_send(), arena_ring_send_zc(), arena_ring_write() and those with provided
 *	buffers
 */
enum arena_ring_uses {
	ARENA_USES_DISK = 1,
	ARENA_USES_NVME = 2,
	ARENA_USES_SOCKETS = 4,
};

/**
 * struct arena_ring_options - how to make a ring
 * @size: sizeof(struct arena_ring_options)
 * @entries: operations that can be pending at once, up to ARENA_RING_MAX_ENTRIES; 0 means
 *	ARENA_RING_ENTRIES
 * @files: files that can be added at once, up to ARENA_RING_MAX_FILES; 0 means
 *	ARENA_RING_FILES. As many more can be accepted. The soft RLIMIT_NOFILE is raised
 *	to twice as many if need be.
 * @registered: register the own groups with the kernel, which then need not look the pages
 *	up for each operation. They are pinned while the ring is open: they count
 *	against RLIMIT_MEMLOCK, and arena_reclaim() finds them in use. A group that
 *	cannot be registered is used unregistered.
 * @nvme: let arena_ring_nvme() be used: submissions and completions are twice as large
 * @sources: sources that can be added at once, up to ARENA_RING_MAX_SOURCES; 0 means
 *	ARENA_RING_SOURCES
 * @wait: how the ring waits: it sleeps, or it polls its channels and completions for a while
 *	or all the time, which takes a processor
 * @register_peers: register the groups of peers, too. The kernel refuses groups that are
 *	read-only in the process's view; they are used unregistered. A peer's
 *	arena_reclaim() finds the memory in use as well.
 * @features: features of the kernel to use; NULL for those that arena_probe() finds
 * @polled: completions are asked for, see above; the kernel sleeps for half the time that an
 *	operation takes where it can (Linux 6.13)
 * @uses: enum arena_ring_uses, the only ones that the ring has from its beginning to its end; 0 for
 *	all. The kernel refuses all other operations, which end with -EACCES, and almost all
 *	registrations, also those that do not come from the library: from code that has taken
 *	over the process, or from another process with the ring's descriptor.
 *	arena_ring_poll(), cancellations and sources belong to every use.
 * @closes_at_death: if the process is killed, the kernel closes its sockets at once, and resets
 *	its TCP connections. Without this a socket of the ring stays open until the last operation
 *	has ended, and a peer that takes no data delays the end of a zero-copy send.
 */
struct arena_ring_options {
	size_t size;
	uint32_t entries;
	uint32_t files;
	bool registered;
	bool nvme;
	uint32_t sources;
	enum arena_wait wait;
	bool register_peers;
	const struct arena_features *features;
	bool polled;
	uint32_t uses;
	bool closes_at_death;
};

/**
 * struct arena_vec - bytes of an extent
 * @buf: the extent
 * @from: its first byte that takes part
 * @length: bytes, at least 1; @from + @length is within the extent
 */
struct arena_vec {
	struct arena_buf buf;
	uint32_t from;
	uint32_t length;
};

/**
 * enum arena_io_flags - how bytes are transferred
 * @ARENA_IO_ALL: arena_ring_recv() waits until all bytes have come
 * @ARENA_IO_NOWAIT: where the kernel would have to wait, the operation ends with -EAGAIN;
 *	see RWF_NOWAIT of preadv2(2), MSG_DONTWAIT of recv(2)
 * @ARENA_IO_DSYNC: arena_ring_write() ends when the data is on stable storage (RWF_DSYNC)
 * @ARENA_IO_SYNC: the same, with all metadata (RWF_SYNC)
 * @ARENA_IO_NO_HOLE: arena_ring_write_zeroes() keeps the range allocated
 * @ARENA_IO_FAST: arena_ring_write_zeroes() ends with -EOPNOTSUPP where it would have to
 *	write as many zeroes
 */
enum arena_io_flags {
	ARENA_IO_ALL = 1,
	ARENA_IO_NOWAIT = 2,
	ARENA_IO_DSYNC = 4,
	ARENA_IO_SYNC = 8,
	ARENA_IO_NO_HOLE = 16,
	ARENA_IO_FAST = 32,
};

/**
 * struct arena_io - a transfer between extents and a file
 * @file: the file
 * @buf: the extent, if it is one; a zeroed handle if @vec is given
 * @from: the first byte of that extent that takes part
 * @length: bytes of it, at least 1; @from + @length is within the extent
 * @n_vecs: entries of @vec, at most ARENA_RING_MAX_VECS
 * @vec: a list of extents, which is copied; NULL if it is one. All bytes together are less
 *	than 2^31.
 * @offset: offset in the file; ignored if the file has no offsets. The last byte is
 *	below 2^63.
 * @cookie: number of the caller, which comes back in the events
 * @flags: enum arena_io_flags
 *
 * A later version may add members at the end. The library reads them only if a flag of that
 * version is set, so a program that was built with this structure may pass it.
 */
struct arena_io {
	struct arena_file file;
	struct arena_buf buf;
	uint32_t from;
	uint32_t length;
	uint32_t n_vecs;
	const struct arena_vec *vec;
	uint64_t offset;
	uint64_t cookie;
	uint32_t flags;
};

/**
 * enum arena_event_flags - information beside the result of an event
 * @ARENA_EVENT_MORE: not the last event of this operation, whose buffer is still IN_IO, or
 *	of this source
 * @ARENA_EVENT_CANCELED: the operation was ended by arena_ring_cancel(), or with its file
 * @ARENA_EVENT_SHORT: the file ended before all bytes were transferred
 * @ARENA_EVENT_REARMED: the kernel had ended the operation, and the ring has started it again
 * @ARENA_EVENT_EXPIRED: the operation was ended because its deadline had passed; the result is
 *	-ETIME
 * @ARENA_EVENT_COPIED: in the last event of arena_ring_send_zc(): data was copied all the same
 */
enum arena_event_flags {
	ARENA_EVENT_MORE = 1,
	ARENA_EVENT_CANCELED = 2,
	ARENA_EVENT_SHORT = 4,
	ARENA_EVENT_REARMED = 8,
	ARENA_EVENT_EXPIRED = 16,
	ARENA_EVENT_COPIED = 32,
};

/**
 * enum arena_event_type - the kind of object to which an event belongs
 * @ARENA_EVENT_OPERATION: an operation
 * @ARENA_EVENT_CHANNEL: see arena_ring_add_channel()
 * @ARENA_EVENT_PROCESS: see arena_ring_add_process()
 * @ARENA_EVENT_TIMER: see arena_ring_add_timer()
 * @ARENA_EVENT_SIGNAL: see arena_ring_add_signals()
 * @ARENA_EVENT_WAKER: see arena_ring_add_waker()
 */
enum arena_event_type {
	ARENA_EVENT_OPERATION,
	ARENA_EVENT_CHANNEL,
	ARENA_EVENT_PROCESS,
	ARENA_EVENT_TIMER,
	ARENA_EVENT_SIGNAL,
	ARENA_EVENT_WAKER,
};

/**
 * struct arena_event - an event of an operation or a source
 * @type: kind of the object
 * @cookie: cookie of the operation or source
 * @source: the source; zero for an operation
 * @op: the operation; zero for a source
 * @buf: its buffer, the first if it has a list, zero if it has none; without
 *	ARENA_EVENT_MORE all its buffers are again what they were before
 * @file: its file; of an accept without error, the new connection
 * @result: bytes transferred, poll(2)'s events, or 0; or -errno
 * @bytes: bytes transferred in all, also before an error
 * @value: for sources and arena_ring_nvme(), see there; else 0
 * @flags: enum arena_event_flags
 * @reserved: 0; for members to come, as a caller may have an array of them
 */
struct arena_event {
	enum arena_event_type type;
	uint32_t flags;
	uint64_t cookie;
	uint64_t value;
	struct arena_source source;
	struct arena_op op;
	struct arena_buf buf;
	struct arena_file file;
	int32_t result;
	uint32_t bytes;
	uint64_t reserved[3];
};

/**
 * arena_ring_open() - make a ring
 * @a: arena whose extents it uses; must outlive the ring
 * @options: copied; NULL means that all is zero but its size
 * @out: the ring, to be closed with arena_ring_close()
 *
 * The ring keeps the claim of the arena's role: if the process is killed, the role is not free
 * before the last operation of the ring has ended.
 *
 * Return: 0; -EINVAL if a member of @options is out of bounds; -E2BIG if @options has members that
 * this library does not know; -EOPNOTSUPP if this kernel lacks a feature that is needed, see
 * arena_features_why(); -EMFILE if the hard RLIMIT_NOFILE is less than twice its @files; or an
 * error of io_uring_setup(2).
 */
int arena_ring_open(struct arena *a, const struct arena_ring_options *options,
		    struct arena_ring **out);

/**
 * arena_ring_close() - end everything that is pending, then the ring; NULL is allowed
 *
 * It waits until the kernel has finished with every operation, notifications of
 * zero-copy sends included. After that none of its buffers is IN_IO. A TCP connection is
 * reset if an operation on it is still pending after it was cancelled, so the wait does
 * not depend on a peer; it does depend on disks. In a child after fork(2) only the child's
 * copy is released.
 *
 * Return: 0, or -ECHILD for another thread than the one that opened it: nothing is
 * done then.
 */
int arena_ring_close(struct arena_ring *r);

/**
 * arena_ring_add_file() - let operations use a file
 * @r: ring
 * @fd: open; the ring keeps a reference of its own, and the caller may close @fd afterwards
 * @file: the handle
 *
 * A regular file or block device that is not removed, of a ring that is not for sockets alone,
 * stays open until the last operation of the ring has ended, even if the process is killed. A lock
 * of its open file description, or the exclusive use of a device (O_EXCL), is released no earlier,
 * provided that no other descriptor of that description is left. So who gets the lock next knows
 * that no operation of the former holder can happen any more, whatever file of the ring it was on.
 *
 * Return: 0; -ENFILE if the table is full, perhaps because operations on removed files are
 * still pending; -EBADF.
 */
int arena_ring_add_file(struct arena_ring *r, int fd, struct arena_file *file);

/**
 * arena_ring_remove_file() - end a file
 *
 * The handle is stale from now on. Operations that are pending on the file are
 * cancelled and give their events; the sending side of a socket is shut down, so the peer sees
 * its end at once. The file is closed and its entry is free when the last of them has ended: a
 * zero-copy send holds it until the peer has taken the data.
 *
 * Return: 0; -ESTALE; -EAGAIN if it could not be submitted: nothing has changed then.
 */
int arena_ring_remove_file(struct arena_ring *r, struct arena_file file);

/**
 * arena_ring_shutdown() - end the sending side of a socket
 * @r: ring
 * @file: socket
 *
 * The peer sees the end behind the bytes that were sent, and its bytes can still be received. A
 * socket that is closed while bytes of the peer are unread resets the connection, and the peer
 * may lose what it has not read: to end it well, call this function when all sends have given
 * their events, then arena_ring_skip() up to the peer's end, within a limit of time and length,
 * then arena_ring_remove_file(). There is no event.
 *
 * Return: 0; -ESTALE; -EINVAL for a file that is no socket; -EAGAIN if it could not be
 * submitted: nothing has changed then.
 */
int arena_ring_shutdown(struct arena_ring *r, struct arena_file file);

/**
 * arena_ring_abort_file() - end a file, and discard bytes that are not sent yet: TCP resets
 *
 * Also allowed for a file that was removed and is not closed yet.
 */
int arena_ring_abort_file(struct arena_ring *r, struct arena_file file);

/**
 * arena_ring_read() - read all bytes, up to the end of the file
 * @r: ring
 * @io: copied
 * @op: filled with the operation, for arena_ring_cancel(); may be NULL
 *
 * It is submitted by the next arena_ring_submit() or arena_ring_next(). There is one
 * event: all bytes, or fewer with ARENA_EVENT_SHORT, or an error.
 *
 * Return: 0; -EAGAIN if as many operations as the ring has entries are pending;
 * -EOPNOTSUPP if the ring is polled and does not carry such operations;
 * -EBUSY if one is pending on this socket or pipe in the same direction, whose bytes
 * would mix with these; -ESTALE if the file is removed; -EINVAL if a part is not within
 * its extent, if the transfer ends beyond the largest file, if the list is too long or a flag
 * does not belong to this call; an error of arena_io_begin(); an error of io_uring_enter(2).
 * Nothing has changed then.
 */
int arena_ring_read(struct arena_ring *r, const struct arena_io *io, struct arena_op *op);

/**
 * arena_ring_write() - write all bytes; one event
 *
 * Like write(2) it raises SIGPIPE on a pipe or socket without a reader; arena_ring_send() does
 * not.
 */
int arena_ring_write(struct arena_ring *r, const struct arena_io *io, struct arena_op *op);

/**
 * arena_ring_recv() - receive the bytes that have come, at least one; 0 at the end
 *
 * With ARENA_IO_ALL it is as arena_ring_read(): all bytes, or fewer with
 * ARENA_EVENT_SHORT if the peer closes before.
 */
int arena_ring_recv(struct arena_ring *r, const struct arena_io *io, struct arena_op *op);

/** arena_ring_send() - send all bytes; one event; return as arena_ring_read() */
int arena_ring_send(struct arena_ring *r, const struct arena_io *io, struct arena_op *op);

/**
 * arena_ring_send_zc() - send all bytes, without a copy where that is possible
 *
 * It has two events. The first, with ARENA_EVENT_MORE, comes when everything has been
 * queued, so that the next send may begin. The second comes when the kernel does not need the
 * buffer any more. If the send fails, or the data was copied, there is only the second one. To
 * a peer on the same machine the kernel copies the data, but keeps the buffer all the same
 * until the peer has received it. The last event has ARENA_EVENT_COPIED if any of the data was
 * copied; arena_ring_send() is cheaper to such a peer.
 */
int arena_ring_send_zc(struct arena_ring *r, const struct arena_io *io, struct arena_op *op);

/**
 * arena_ring_skip() - receive bytes and drop them
 * @r: ring
 * @file: socket
 * @length: bytes, at least 1
 * @cookie: the caller's
 * @op: the operation; may be NULL
 *
 * It is for data that the program does not need, such as the payload of a request that was
 * refused, and takes no buffer. It has one event, with result 0, and with
 * ARENA_EVENT_SHORT if the peer closed the connection before all bytes had come.
 *
 * Return: as arena_ring_read(); -EINVAL if @file is no socket.
 */
int arena_ring_skip(struct arena_ring *r, struct arena_file file, uint64_t length,
		    uint64_t cookie, struct arena_op *op);

/**
 * arena_ring_recv_any() - receive into buffers that the kernel takes from a group
 * @r: ring
 * @file: stream socket: an empty datagram would look like the end, a long one would be cut
 * @group: one of our own, not for control
 * @cookie: the caller's
 * @op: the operation; may be NULL
 *
 * It receives until the peer closes the connection or it is cancelled. For each buffer
 * there is an event with ARENA_EVENT_MORE: the buffer is OWNED and holds as many bytes as
 * the result says, and the program frees it with arena_put(). An idle connection
 * holds no buffer. At most 256 buffers of the group are provided to the kernel, for all
 * connections together; they are IN_IO until the ring is closed.
 *
 * The last event has result 0 if the peer has closed the connection, or an error. It is
 * -ENOBUFS if no buffer of the group is free; the next call receives the remaining bytes.
 *
 * Return: as arena_ring_read(); as arena_get() if no buffer can be had.
 */
int arena_ring_recv_any(struct arena_ring *r, struct arena_file file, uint32_t group,
			uint64_t cookie, struct arena_op *op);

/**
 * arena_ring_accept() - accept connections, until it is cancelled or fails
 *
 * There is an event with ARENA_EVENT_MORE for each connection, which is a file of the ring.
 * If the table of files is full, the connection is closed and the operation ends with
 * -ENFILE.
 *
 * Return: as arena_ring_read().
 */
int arena_ring_accept(struct arena_ring *r, struct arena_file file, uint64_t cookie,
		      struct arena_op *op);

/**
 * arena_ring_poll() - wait until a file is ready
 * @r: ring
 * @file: file
 * @events: as for poll(2), or with EPOLLEXCLUSIVE as for epoll_ctl(2)
 * @multishot: continue after the first event, until it is cancelled or fails
 * @cookie: the caller's
 * @op: the operation; may be NULL
 *
 * With @multishot there is an event when the state of the file changes: after each event the
 * program has to take everything that is there.
 *
 * Return: as arena_ring_read().
 */
int arena_ring_poll(struct arena_ring *r, struct arena_file file, uint32_t events,
		    bool multishot, uint64_t cookie, struct arena_op *op);

/** arena_ring_fsync() - fsync(2), or fdatasync(2) if only @data; return as above */
int arena_ring_fsync(struct arena_ring *r, struct arena_file file, bool data,
		     uint64_t cookie, struct arena_op *op);

/**
 * struct arena_range - bytes of a file
 * @file: regular file or block device
 * @offset: first byte
 * @length: bytes, at least 1; @offset + @length is less than 2^63, and should be within the
 *	file
 * @cookie: the caller's, comes back in the event
 * @flags: enum arena_io_flags
 *
 * It can grow as struct arena_io does.
 */
struct arena_range {
	struct arena_file file;
	uint64_t offset;
	uint64_t length;
	uint64_t cookie;
	uint32_t flags;
};

/**
 * arena_ring_discard() - tell the storage that the content of a range is not needed
 * @r: ring
 * @range: copied; without flags
 * @op: the operation; may be NULL
 *
 * A file gets a hole, which reads as zeroes. What a block device returns for a range that was
 * discarded depends on the device; the range has to be aligned to its blocks. The ring uses
 * the block device's discard command (Linux 6.12). On older kernels it asks the device to
 * zero the range if it can do so without writing. There is one event, with result 0, or
 * -EOPNOTSUPP if the storage can do none of it.
 *
 * Return: as arena_ring_read(); -EINVAL if @range is not one, or the file has no offsets.
 */
int arena_ring_discard(struct arena_ring *r, const struct arena_range *range,
		       struct arena_op *op);

/**
 * arena_ring_write_zeroes() - make a range read as zeroes
 * @r: ring
 * @range: copied; its flags can be ARENA_IO_NO_HOLE and ARENA_IO_FAST
 * @op: the operation; may be NULL
 *
 * The ring tries the cheapest way first: it deallocates the range, unless ARENA_IO_NO_HOLE is
 * given; it has the storage zero the range; it writes zeroes, unless ARENA_IO_FAST is
 * given. A file grows only if zeroes are written. There is one event, with result 0, when the
 * range reads as zeroes. After an error any part of it may read as zeroes.
 *
 * Return: as arena_ring_discard(); -EOPNOTSUPP if no way is left with these flags.
 */
int arena_ring_write_zeroes(struct arena_ring *r, const struct arena_range *range,
			    struct arena_op *op);

/**
 * arena_ring_cancel() - ask that an operation ends
 *
 * The operation has ended when its last event comes, which also says whether it had done its
 * work before. Its buffer stays IN_IO until then.
 *
 * Return: 0; -ESTALE if its last event was given; -EALREADY if it was asked before and the
 * kernel has not answered yet; -EAGAIN if it could not be submitted.
 */
int arena_ring_cancel(struct arena_ring *r, struct arena_op op);

/**
 * arena_ring_set_deadline() - end an operation at a certain time
 * @r: ring
 * @op: operation, of any kind
 * @deadline_ns: CLOCK_MONOTONIC, in nanoseconds; INT64_MAX for no deadline
 *
 * It replaces the deadline that the operation had. A program may set a new one after each
 * event of a multishot operation, so that the operation ends when nothing has come for a while.
 *
 * Once the deadline has passed the operation is cancelled: as after arena_ring_cancel(),
 * it may still do its work, and its buffers are IN_IO until its last event. If it was ended
 * that event has ARENA_EVENT_EXPIRED and the result -ETIME. Its @bytes is the number of bytes
 * that were transferred before.
 *
 * Only arena_ring_next() looks at the clock, and sleeps no longer than until the first
 * deadline. A deadline costs no system call and nothing in the kernel.
 *
 * Return: 0; -ESTALE if its last event was given.
 */
int arena_ring_set_deadline(struct arena_ring *r, struct arena_op op, int64_t deadline_ns);

/**
 * arena_ring_submit() - let the kernel begin all queued operations
 *
 * Return: the number of submitted operations; or an error of io_uring_enter(2): operations that
 * were not submitted wait for the next call.
 */
int arena_ring_submit(struct arena_ring *r);

/**
 * arena_ring_next_many() - wait for events, and take those that have come
 * @r: ring
 * @events: filled from the first on
 * @n: entries of @events, at least 1
 * @timeout_ms: how long to wait for the first one, 0 not at all, -1 for ever
 *
 * Events come in turns. When the program has taken all events of a turn, the next call submits
 * the operations that the program has started in the meantime, sends the queued messages of
 * channels, and collects new events or waits for them, with one io_uring_enter(2) at most. An
 * event that arrives during a turn belongs to the next turn, so that a flood of events does
 * not keep the ring from submitting.
 *
 * Return: the number of events; 0 if none came in time; -EINVAL if @n is 0; -EINTR; -ECHILD; an
 * error of io_uring_enter(2).
 */
int arena_ring_next_many(struct arena_ring *r, struct arena_event *events, uint32_t n,
			 int timeout_ms);

/**
 * arena_ring_set_gather() - let turns wait for several completions at once
 * @r: ring
 * @n: completions; 0 or 1 for the usual way, in which the first one ends the wait
 * @us: for how many microseconds, 1 to ARENA_RING_MAX_GATHER_US; ignored if @n is 0 or 1
 *
 * Where operations end one after the other, a ring that sleeps is woken for each of them. With
 * this a turn that finds nothing sleeps until @n completions are there or @us have passed; after
 * that the first one wakes it. It never waits for more completions than operations are pending,
 * so that a program with one operation under way is not slowed down. A timer, a deadline and the
 * timeout of arena_ring_next_many() end the wait in time; an event of another source, such as a
 * message of a channel, counts as one completion, so it can come @us later than it would have.
 *
 * A ring that looks before it sleeps (ARENA_WAIT_POLL, ARENA_WAIT_ADAPT) gathers only when it
 * sleeps. Without ARENA_HAS_MIN_TIMEOUT this has no effect.
 *
 * Return: 0; -EINVAL if @us is out of bounds; -ECHILD for another thread or after fork(2).
 */
int arena_ring_set_gather(struct arena_ring *r, uint32_t n, uint32_t us);

/** arena_ring_next() - the next event: arena_ring_next_many() with room for one */
static inline int arena_ring_next(struct arena_ring *r, struct arena_event *event, int timeout_ms)
{
	return arena_ring_next_many(r, event, 1, timeout_ms);
}

/** arena_ring_pending() - operations whose last event has not been given */
uint32_t arena_ring_pending(const struct arena_ring *r);

/**
 * struct arena_ring_counters - what a ring has done
 * @size: sizeof(struct arena_ring_counters), set by the caller
 * @enters: calls of io_uring_enter(2)
 * @turns: turns that arena_ring_next_many() has begun
 */
struct arena_ring_counters {
	size_t size;
	uint64_t enters;
	uint64_t turns;
};

/**
 * arena_ring_counters() - what a ring has done so far
 * @r: ring
 * @out: filled; its size is set
 *
 * Return: 0; -EINVAL or -E2BIG if the size is not that of such a structure.
 */
int arena_ring_counters(const struct arena_ring *r, struct arena_ring_counters *out);

/** arena_ring_is_registered() - whether a group is registered with the kernel */
bool arena_ring_is_registered(const struct arena_ring *r, uint32_t group);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_RING_H */
