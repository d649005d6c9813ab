/* SPDX-License-Identifier: MIT */
/* Helpers for tests of memory that fails: its page frame, and how it is made usable again. */
#ifndef UAPI_POISON_H
#define UAPI_POISON_H

#include "util.h"

static inline uint64_t frame_of(const char *at)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(fd, &entry, sizeof(entry), (uintptr_t)at / 4096 * 8) != sizeof(entry))
		bail("pagemap: %s", strerror(errno));
	close(fd);
	return entry & ((1ULL << 55) - 1);
}

/* Make the page at @at fail. Returns the signal that this process got, or 0. */
static inline int poison_inject(char *at)
{
	int sig = sigsetjmp(util_jump, 1);

	if (!sig) {
		util_catch(true);
		if (madvise(at, 4096, MADV_HWPOISON))
			diag("MADV_HWPOISON: %s", strerror(errno));
	}
	util_catch(false);
	return sig;
}

/* Make the page usable again. The mark of a huge page is on its first small page. */
static inline void mend(uint64_t frame)
{
	FILE *f = fopen("/sys/kernel/debug/hwpoison/unpoison-pfn", "we");

	if (!f || fprintf(f, "0x%llx\n", (unsigned long long)frame) < 0 || fclose(f))
		bail("unpoison: %s", strerror(errno));
}

#endif /* UAPI_POISON_H */
