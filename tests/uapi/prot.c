// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: a view can be attached for reading, or for reading and writing, and nothing else.
 * The module's tables cannot have a page that is writable but not readable, or one that is
 * present but not accessible, so that mmap has to refuse PROT_NONE and PROT_WRITE alone with
 * EACCES and leave nothing in the window.
 */
#include "views.h"

#define NAME "test-prot"
#define RW (PROT_READ | PROT_WRITE)

static int map_as(int fd, int prot, int flags)
{
	void *at = flags & MAP_FIXED ? (void *)view_region(fd).addr : NULL;
	void *p = mmap(at, WINDOW, prot, MAP_SHARED | flags, fd, 0);
	uint64_t value = 0;

	if (p == MAP_FAILED)
		return -errno;
	diag("mapped: a load raises signal %d", try_load(p, &value));
	munmap(p, WINDOW);
	return 0;
}

static void test_node(const char *view, int open_flags, const char *how)
{
	static const struct {
		int prot;
		const char *name;
	} refused[] = {
		{ PROT_NONE, "PROT_NONE" },
		{ PROT_WRITE, "PROT_WRITE" },
		{ PROT_EXEC, "PROT_EXEC" },
		{ PROT_READ | PROT_EXEC, "PROT_READ|PROT_EXEC" },
	};
	int fd = view_open(NAME, view, open_flags);

	if (fd < 0)
		bail("open %s: %s", view, strerror(-fd));
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		is(map_as(fd, refused[i].prot, 0), -EACCES,
		   "mmap of %s, %s, with %s gives EACCES", view, how,
		   refused[i].name);
		is(map_as(fd, refused[i].prot, MAP_FIXED), -EACCES,
		   "mmap of %s, %s, with %s and MAP_FIXED gives EACCES", view, how,
		   refused[i].name);
	}
	is(view_region(fd).attached, 0, "%s, %s, is not attached after refused calls", view, how);
	close(fd);
}

static void test_allowed(void)
{
	int fd = view_open(NAME, "rw", O_RDWR);
	uint64_t value = 0;
	char *base;

	base = attach(fd, RW);
	ok(base && !try_store(base, 42),
	   "a store to memory attached with PROT_READ|PROT_WRITE succeeds");
	munmap(base, WINDOW);
	base = attach(fd, PROT_READ);
	ok(base && !try_load(base, &value) && value == 42,
	   "a load from memory attached with PROT_READ succeeds");
	is(try_store(base, 43), SIGSEGV,
	   "a store to memory attached with PROT_READ raises SIGSEGV");
	is(try_load(base + two_of(SZ_4K), &value), SIGBUS, "a load from a hole raises SIGBUS");
	munmap(base, WINDOW);
	close(fd);
}

int main(void)
{
	int fd;

	region_anew(NAME, SZ_4K, 2 * two_of(SZ_4K));
	fd = view_open(NAME, "rw", O_RDWR);
	if (donate(fd, SZ_4K, two_of(SZ_4K), 0) || layout_add(NAME, "mixed", "wr", SZ_4K) ||
	    layout_add(NAME, "read", "r", SZ_4K))
		bail("a region");
	test_node("rw", O_RDWR, "opened for both");
	test_node("ro", O_RDONLY, "opened for reading");
	test_node("mixed", O_RDWR, "opened for both");
	test_node("read", O_RDONLY, "opened for reading");
	test_allowed();
	region_unlink(NAME);
	close(fd);
	return done_testing();
}
