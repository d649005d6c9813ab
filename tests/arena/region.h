/* SPDX-License-Identifier: MIT */
/*
 * A region for tests that run natively and in the virtual machine. The module provides it where
 * it is loaded; otherwise it is a memfd.
 */
#ifndef TESTS_ARENA_REGION_H
#define TESTS_ARENA_REGION_H

#include <arena/layout.h>
#include <libarena/owner.h>
#include <mshare.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "tap.h"

#ifdef ARENA_DEBUG
#define IS_DEBUG	true
#else
#define IS_DEBUG	false
#endif

/*
 * Fork a child that can use its parent's arenas, which the library refuses with -ECHILD. Tests
 * misuse an arena in such a child where that ends the process.
 */
static inline pid_t fork_as_owner(void)
{
	uint32_t process = *owner_process;
	pid_t pid = fork();

	if (!pid)
		*owner_process = process;
	return pid;
}

/* One of the few address ranges that ThreadSanitizer leaves to the program. */
#ifdef __SANITIZE_THREAD__
#define ARENA_TEST_ADDR	0x7e8000000000ULL
#else
#define ARENA_TEST_ADDR	0	/* any */
#endif

/* Creates, populates and attaches a region; ends the test if that is not possible. */
static inline struct mshare *arena_test_region(const char *name, uint64_t length)
{
	const struct mshare_options o = {
		.size = sizeof(o),
		.addr = ARENA_TEST_ADDR,
		.length = length,
		.page_size = 4096,
		/* A region without a name ends with the test even if the test is killed. */
		.flags = MSHARE_UNNAMED,
	};
	struct mshare *m;
	void *base;
	int ret;

	ret = mshare_create(name, &o, &m);
	if (!ret)
		ret = mshare_populate(m, 0, length);
	if (!ret)
		ret = mshare_attach(m, &base);
	if (ret)
		bail("cannot make region %s: %s", name, strerror(-ret));
	return m;
}

/*
 * Uses of the groups: a process of the first class has groups of small and of large buffers,
 * a process of the second class has large ones only.
 */
enum { USE_SMALL = 1, USE_FIRST = 2, USE_SECOND = 3 };

/* Two classes of one process each, with half of the region for each class. */
static inline struct arena_config arena_test_config(uint64_t length)
{
	return (struct arena_config){
		.size = sizeof(struct arena_config),
		.length = length,
		.classes = {
			{ .processes = 1,
			  .group = { { USE_SMALL, 512, 1024 }, { USE_FIRST, 4096, 0 } } },
			{ .processes = 1, .group = { { USE_SECOND, 4096, 0 } } },
		},
	};
}

/* As arena_test_region(), with a layout written into the region. */
static inline struct mshare *arena_test_arena(const char *name, const struct arena_config *c)
{
	struct mshare *m = arena_test_region(name, c->length);
	static struct arena_layout layout;
	void *base;
	int ret = arena_layout_make(&layout, c);

	if (!ret)
		ret = mshare_attach(m, &base);
	if (ret)
		bail("cannot lay out region %s: %s", name, strerror(-ret));
	arena_layout_write(base, &layout);
	return m;
}

/* The process that made the region calls this. */
static inline void arena_test_end(struct mshare *m)
{
	mshare_close(m);
}

#endif /* TESTS_ARENA_REGION_H */
