/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * liburing for all of libarena, and which versions of it will do. Everything in libarena
 * includes this in place of <liburing.h>.
 *
 * liburing 2.5, which is what Ubuntu 24.04 has, is enough: a call of a later version is only used
 * where the version was looked at. Up to 2.6 io_uring_queue_exit() unmaps memory that was given to
 * io_uring_queue_init_mem(), later versions do not: rings with memory of ours are not ended by it,
 * see uring_exit_memory().
 */
#ifndef ARENA_URING_H
#define ARENA_URING_H

#include <liburing.h>
#include <stdbool.h>
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

/* Operations of Linux 6.15 by their numbers, which liburing has from 2.10 on. */
#define URING_OP_READV_FIXED	60
#define URING_OP_WRITEV_FIXED	61

/* Polling that sleeps for a part of the time, of Linux 6.13; liburing has its flag from 2.9 on. */
#define URING_HYBRID_IOPOLL	(IORING_SETUP_IOPOLL | 1U << 17)

/* Waiting for several completions for a bounded time came with liburing 2.8 and Linux 6.12. */
#if IO_URING_VERSION_MAJOR * 1000 + IO_URING_VERSION_MINOR >= 2008
#define URING_MIN_TIMEOUT	IORING_FEAT_MIN_TIMEOUT
#else
#define URING_MIN_TIMEOUT	0U
#endif

/** uring_can_gather() - do both the kernel and liburing have what uring_gather() needs? */
static inline bool uring_can_gather(const struct io_uring *ring)
{
	return ring->features & URING_MIN_TIMEOUT;
}

/**
 * uring_gather() - submit, and wait for several completions
 * @ring: ring
 * @n: completions to wait for
 * @us: microseconds to wait for so many; after that one is enough
 * @ts: how long to wait in all, at least @us
 *
 * Return: as io_uring_submit_and_wait_timeout().
 */
static inline int uring_gather(struct io_uring *ring, unsigned int n, unsigned int us,
			       struct __kernel_timespec *ts)
{
	struct io_uring_cqe *cqe;

#if URING_MIN_TIMEOUT
	return io_uring_submit_and_wait_min_timeout(ring, &cqe, n, ts, us, NULL);
#else
	(void)n;
	(void)us;
	return io_uring_submit_and_wait_timeout(ring, &cqe, 1, ts, NULL);
#endif
}

#endif /* ARENA_URING_H */
