// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core.h"

#include <errno.h>

int ring_submit(struct arena_ring *r)
{
	int all = 0;

	/* Without SUBMIT_ALL the kernel stops behind an SQE that it could not begin. */
	while (io_uring_sq_ready(&r->uring)) {
		int ret = io_uring_submit(&r->uring);

		r->counters.enters++;
		if (ret <= 0)
			return ret ? ret : -EAGAIN;
		all += ret;
	}
	return all;
}

int ring_room(struct arena_ring *r, uint32_t n)
{
	int ret = 0;

	if (io_uring_sq_space_left(&r->uring) < n)
		ret = ring_submit(r);
	return ret < 0 ? ret : 0;
}

int ring_own_room(struct arena_ring *r, uint32_t n)
{
	return r->own_max - r->own < n ? -EAGAIN : ring_room(r, n);
}

struct io_uring_sqe *ring_own_sqe(struct arena_ring *r)
{
	r->own++;
	return io_uring_get_sqe(&r->uring);
}
