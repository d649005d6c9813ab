// SPDX-License-Identifier: MIT
#include <common/log.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
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

static int restrict_task(void)
{
	const struct task_restriction nothing = { .n = 0 };

	return syscall(SYS_io_uring_register, TASK, IORING_REGISTER_RESTRICTIONS, &nothing, 1) ?
	       -errno : 0;
}

/*
 * Before Linux 7.0 the call takes rings only, which is EINVAL, or EBADF before 6.13. EPERM says
 * that somebody has restricted the rings of this task before. All of that is fine, as this is only
 * a second lock behind the filter of system calls.
 */
int sandbox_rings(const struct sandbox_profile *p)
{
	int ret = restrict_task();

	if (ret == -EINVAL || ret == -EBADF || ret == -EPERM) {
		log_debug("sandbox: rings that can do nothing: not on this machine, or already (%s)",
			  strerror(-ret));
		return 0;
	}
	return sandbox_result(p, "rings that can do nothing", 0, ret);
}
