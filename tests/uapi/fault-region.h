/* SPDX-License-Identifier: MIT */
/* A region with memory, attached by the test and by another process; limits of a user. */
#ifndef UAPI_FAULT_REGION_H
#define UAPI_FAULT_REGION_H

#include "fault.h"

#include <sys/resource.h>

static inline void must(int ret, const char *what)
{
	if (ret < 0)
		bail("%s: %s", what, strerror(-ret));
}

static inline uint64_t region_length(void)
{
	return page_size == SZ_1G ? WINDOW : 2048 * page_size;
}

static inline void region_open(void)
{
	main_fd = region_create_open(NAME, page_size, region_length());
	must(main_fd, "create");
}

static inline void region_begin(void)
{
	region_open();
	must(donate(main_fd, page_size, page_size, 0), "donate");
	base = attach(main_fd, PROT_READ | PROT_WRITE);
	if (!base || peer_attach(&other, NAME, true) < 0)
		bail("attach: %s", strerror(errno));
	fill(base, 4096, 3);
}

static inline void region_close(void)
{
	must(view_unlink(main_fd), "unlink");
	close(main_fd);
	main_fd = -1;
}

static inline void region_end(void)
{
	PEER(other, .op = PEER_DETACH);
	PEER(other, .op = PEER_CLOSE);
	munmap(base, WINDOW);
	base = NULL;
	region_close();
}

static inline void region_anew(void)
{
	region_end();
	region_begin();
}

static long old_regions, old_mbytes;

/* Allow the user exactly what the calls need, so that the next call fails after a leak. */
static inline void limit_user(void)
{
	struct rlimit memlock = { 3 * SZ_2M, 3 * SZ_2M };

	if (setrlimit(RLIMIT_MEMLOCK, &memlock))
		bail("setrlimit: %s", strerror(errno));
	old_regions = set_param("user_regions", 1);
	old_mbytes = set_param("user_mbytes", 6);
}

static inline void unlimit_user(void)
{
	set_param("user_regions", old_regions);
	set_param("user_mbytes", old_mbytes);
}

#endif /* UAPI_FAULT_REGION_H */
