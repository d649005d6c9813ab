/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of a ring's files: handles, and how a file is ended while operations are
 * pending on it.
 *
 * From Linux 6.13 on the files are direct descriptors. Before, a direct descriptor that
 * is closed stays open inside until all operations that were begun earlier, on any file,
 * have ended: one idle connection would keep all others open. There the files are file
 * descriptors whose numbers only the ring knows, and which it closes when the last
 * operation has ended. The same holds for a ring whose sockets are to be closed when the
 * process dies: direct descriptors live as long as the last operation.
 *
 * The kernel's table also has the claim of the arena's role, so that the claim ends with the
 * last operation of the ring, and not before.
 *
 * It counts the operations on a file, but must not know what they do; ops.h is built on it.
 */
#ifndef ARENA_RING_FILES_H
#define ARENA_RING_FILES_H

#include "core.h"

/* enum ring_file_state - state of an entry */
enum ring_file_state { FILE_FREE, FILE_LIVE, FILE_CLOSING };

/**
 * struct ring_file - an entry of the table
 * @generation: generation of this entry
 * @pending: operations on it, the ring's own included
 * @next: the next free entry
 * @fd: the file descriptor, if the ring has no direct ones
 * @state: enum ring_file_state
 * @block: it is a block device
 * @socket: it can be shut down
 * @stream: it has no offsets: bytes come in the order in which operations do
 * @reading: an operation takes bytes from a stream
 * @writing: an operation puts bytes into a stream
 * @aborted: bytes that were not sent are discarded
 * @is_kept: without direct descriptors: the kernel's table has the file, too
 * @packets: it is a socket of packets, which no peer keeps from being closed
 * @resets: it is a connection that is reset if the process dies
 */
struct ring_file {
	uint32_t generation;
	uint32_t pending;
	uint32_t next;
	int fd;
	uint8_t state;
	bool block;
	bool socket;
	bool stream;
	bool reading;
	bool writing;
	bool aborted;
	bool is_kept;
	bool packets;
	bool resets;
};

/** ring_files_init() - an empty table; 0 or -errno */
int ring_files_init(struct arena_ring *r);

/** ring_files_close() - close all files when nothing is pending; in a child, its copies */
void ring_files_close(struct arena_ring *r);

/** ring_file_find() - the file, perhaps a CLOSING one, or NULL if the handle is stale */
struct ring_file *ring_file_find(struct arena_ring *r, struct arena_file file);

/** ring_file_target() - the number that stands for the file in an SQE */
static inline int ring_file_target(const struct arena_ring *r, struct arena_file file)
{
	return r->direct ? (int)file.index : r->files[file.index].fd;
}

/**
 * ring_file_accepted() - make a connection one of the ring's files
 * @r: ring
 * @result: result of the accept
 * @file: the handle
 *
 * Return: 0, or -ENFILE if the table is full: the connection is closed then.
 */
int ring_file_accepted(struct arena_ring *r, int result, struct arena_file *file);

/** ring_file_done() - an operation on it has ended; the last one closes a removed file */
void ring_file_done(struct arena_ring *r, uint32_t index);

/** ring_files_abort_pending() - reset connections whose operations do not end */
void ring_files_abort_pending(struct arena_ring *r);

#endif /* ARENA_RING_FILES_H */
