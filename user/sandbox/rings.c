// SPDX-License-Identifier: MIT
#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measures.h"

/* In place of a ring's descriptor, so that the call is about the task. */
#define TASK	(-1)

/**
 * struct task_restriction - what a ring that the task opens may do, as Linux 7.0 has it
 * @flags: 0
 * @n: restrictions that follow; with none of them the ring may do nothing
 * @reserved: zeroes
 *
 * See struct io_uring_task_restriction of linux/io_uring.h, which older headers do not have.
 */
struct task_restriction {
	uint16_t flags;
	uint16_t n;
	uint32_t reserved[3];
};

/* Before Linux 7.0 the call takes rings only, which is EINVAL, or EBADF before 6.13. */
static int restrict_task(void)
{
	const struct task_restriction nothing = { .n = 0 };

	if (!syscall(SYS_io_uring_register, TASK, IORING_REGISTER_RESTRICTIONS, &nothing, 1))
		return 0;
	return errno == EBADF ? -EINVAL : -errno;
}

int sandbox_rings(const struct sandbox_profile *p)
{
	return sandbox_result(p, "rings that can do nothing", SANDBOX_RINGS, restrict_task());
}
