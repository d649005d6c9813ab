// SPDX-License-Identifier: GPL-2.0
/*
 * Removes the names of regions that a test has left: unlink-region NAME...
 * For tests/harness.sh; its status is 0 if each is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/msharearena.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	int control = open("/dev/msharearena", O_RDWR | O_CLOEXEC);
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		struct msharearena_unlink u = { .size = sizeof(u) };

		snprintf(u.name, sizeof(u.name), "%s", argv[i]);
		if (ioctl(control, MSHAREARENA_UNLINK, &u)) {
			fprintf(stderr, "unlink-region: %s: %s\n", argv[i], strerror(errno));
			failed = 1;
		}
	}
	return failed;
}
