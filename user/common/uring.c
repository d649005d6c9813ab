// SPDX-License-Identifier: MIT
#include "uring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"

bool uring_is_transient(int ret)
{
	return ret == -EINTR || ret == -EAGAIN || ret == -EBUSY;
}

void uring_submit(struct io_uring *ring)
{
	while (io_uring_sq_ready(ring)) {
		int ret = io_uring_submit(ring);

		if (ret >= 0 || ret == -EINTR)
			continue;
		if (!uring_is_transient(ret)) {
			log_error("cannot submit to io_uring: %s", strerror(-ret));
			exit(EXIT_FAILURE);
		}
		/* Give other processes time to free some memory. */
		clock_sleep_ms(1);
	}
}

struct io_uring_sqe *uring_sqe(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	while (!sqe) {
		uring_submit(ring);
		sqe = io_uring_get_sqe(ring);
	}
	return sqe;
}
