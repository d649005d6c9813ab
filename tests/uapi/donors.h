/* SPDX-License-Identifier: MIT */
/* Helpers for tests of donors: kinds of memory that take some lines to get. */
#ifndef UAPI_DONORS_H
#define UAPI_DONORS_H

#include "util.h"

#include <sys/mount.h>

#define HUGETLBFS "/tmp/msha-huge"

/* Mount a hugetlbfs and create a file of 2 MiB on it. */
static inline int hugetlbfs_begin(void)
{
	int file;

	mkdir(HUGETLBFS, 0700);
	if (mount("none", HUGETLBFS, "hugetlbfs", 0, "pagesize=2M"))
		bail("mount hugetlbfs: %s", strerror(errno));
	file = open(HUGETLBFS "/f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ftruncate(file, SZ_2M))
		bail("ftruncate: %s", strerror(errno));
	return file;
}

static inline void hugetlbfs_end(int file)
{
	close(file);
	umount(HUGETLBFS);
	rmdir(HUGETLBFS);
}

/*
 * Small pages of transparent huge pages. The kernel counts references to all small pages
 * of a huge page in one place.
 */
static inline char *donor_transparent(uint64_t length)
{
	char *p = donor(SZ_4K, length + SZ_2M);
	char *d = (char *)(((uintptr_t)p + SZ_2M - 1) & -SZ_2M);

	munmap(p, d - p);
	munmap(d + length, p + SZ_2M - d);
	madvise(d, length, MADV_HUGEPAGE);
	return d;
}

#endif /* UAPI_DONORS_H */
