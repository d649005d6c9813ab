// SPDX-License-Identifier: GPL-2.0
/*
 * unlink-region NAME...: removes the names of regions that a test has left, for
 * tests/harness.sh. The exit status is 0 if all of them could be removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/msharearena.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Any view can be used to unlink its region, and every region has the view ro. */
static int unlink_region(const char *name)
{
	struct msharearena_unlink u = { .size = sizeof(u) };
	char path[128];
	int fd, err;

	snprintf(path, sizeof(path), "/dev/mshare/%s/ro", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	err = ioctl(fd, MSHAREARENA_UNLINK, &u) ? errno : 0;
	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		int err = unlink_region(argv[i]);

		if (!err)
			continue;
		fprintf(stderr, "unlink-region: %s: %s\n", argv[i], strerror(err));
		failed = 1;
	}
	return failed;
}
