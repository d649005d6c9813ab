/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * liburing for all of libarena, and which versions of it will do. Everything in libarena
 * includes this in place of <liburing.h>.
 *
 * No call newer than liburing 2.5 is used, which is what Ubuntu 24.04 has. Up to 2.6
 * io_uring_queue_exit() unmaps memory that was given to io_uring_queue_init_mem(), later
 * versions do not: rings with memory of ours are not ended by it, see uring_exit_memory().
 */
#ifndef ARENA_URING_H
#define ARENA_URING_H

#include <liburing.h>
#include <sys/mman.h>
#include <unistd.h>

#if !defined(IO_URING_VERSION_MAJOR) || \
	IO_URING_VERSION_MAJOR * 1000 + IO_URING_VERSION_MINOR < 2005
#error "libarena needs liburing 2.5 or newer (Debian, Ubuntu: liburing-dev)"
#endif

/**
 * uring_exit_memory() - end a ring made by io_uring_queue_init_mem(), with any liburing
 * @ring: the ring; its descriptor is not registered with itself
 * @memory: what was given to io_uring_queue_init_mem(); it is unmapped
 * @size: bytes of @memory
 *
 * The kernel keeps the pages for as long as it needs them.
 */
static inline void uring_exit_memory(struct io_uring *ring, void *memory, size_t size)
{
	close(ring->ring_fd);
	munmap(memory, size);
}

#endif /* ARENA_URING_H */
