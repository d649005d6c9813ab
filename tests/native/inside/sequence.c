// SPDX-License-Identifier: MIT
/*
 * A disk that goes away and comes back: a library that is loaded into arena-sp by LD_PRELOAD, and
 * answers BLKGETDISKSEQ, the question for the kernel's number of a device, with the number that the
 * file $SEQUENCE has, also for a disk that is a file.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int read_sequence(uint64_t *sequence)
{
	const char *path = getenv("SEQUENCE");
	FILE *f = path ? fopen(path, "re") : NULL;
	unsigned long long n;
	int good = f && fscanf(f, "%llu", &n) == 1;

	if (f)
		fclose(f);
	if (good)
		*sequence = n;
	return good ? 0 : -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *argument;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (request == BLKGETDISKSEQ)
		return read_sequence(argument);
	return (int)syscall(SYS_ioctl, fd, request, argument);
}
