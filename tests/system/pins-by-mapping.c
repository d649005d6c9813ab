// SPDX-License-Identifier: MIT
/* Succeeds on a kernel that refuses to register buffers of a region: see pins.h. */
#include "pins.h"

int main(void)
{
	struct io_uring ring;

	return io_uring_queue_init(1, &ring, 0) || !pins_by_mapping(&ring);
}
