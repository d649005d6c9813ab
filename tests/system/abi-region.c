// SPDX-License-Identifier: MIT
/*
 * Helper of test-abi.sh: creates the region "test-abi", prints its address in hexadecimal
 * and the lines of fdinfo for its file, and keeps the region until its input ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/msharearena.h>

static int print_info(int fd)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		fputs(line, stdout);
	fclose(f);
	return 0;
}

int main(void)
{
	struct msharearena_create c = {
		.size = sizeof(c),
		.length = MSHAREARENA_PAGE_4K,
		.page_size = MSHAREARENA_PAGE_4K,
		.uid = -1,
		.gid = -1,
		.mode = 0600,
		.name = "test-abi",
	};
	struct msharearena_region r = { .size = sizeof(r) };
	int ctl = open("/dev/msharearena", O_RDWR | O_CLOEXEC);
	int fd = ctl < 0 ? -1 : ioctl(ctl, MSHAREARENA_CREATE, &c);
	struct msharearena_unlink u = { .size = sizeof(u) };
	char byte;

	if (fd < 0 || ioctl(fd, MSHAREARENA_GET_REGION, &r)) {
		perror("abi-region");
		return 1;
	}
	printf("%llx\n", (unsigned long long)r.addr);
	if (print_info(fd))
		return 1;
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return ioctl(fd, MSHAREARENA_UNLINK, &u) ? 1 : 0;
}
