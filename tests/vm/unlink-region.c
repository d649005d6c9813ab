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
#include <unistd.h>

/* Every region has this view, and any will do. */
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
