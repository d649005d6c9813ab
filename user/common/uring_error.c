// SPDX-License-Identifier: MIT
#include "uring_error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

#define DISABLED_PATH	"/proc/sys/kernel/io_uring_disabled"

/* kernel.io_uring_disabled: 0, 1 or 2 (no user may make rings); -1 if there is no such setting. */
static int disabled_setting(void)
{
	FILE *f = fopen(DISABLED_PATH, "re");
	int value;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

void uring_log_error(int err)
{
	int setting = disabled_setting();

	if (err == -EPERM && setting > 0)
		log_error("cannot make an io_uring: the setting kernel.io_uring_disabled is %d; "
			  "sysctl kernel.io_uring_disabled=0 allows it", setting);
	else if (err == -EPERM || err == -EACCES)
		log_error("cannot make an io_uring: a seccomp filter or a security module forbids "
			  "it; where this is a container, its profile must allow "
			  "io_uring_setup(2)");
	else if (err == -ENOSYS)
		log_error("cannot make an io_uring: the kernel has none, or a seccomp filter hides "
			  "it; allow it there, or use another kernel");
	else if (err == -ENOMEM)
		log_error("cannot make an io_uring: no memory, or RLIMIT_MEMLOCK is too low; free "
			  "memory, or raise the limit (LimitMEMLOCK= of a unit)");
	else
		log_error("cannot make an io_uring: %s", log_reason(-err));
}
