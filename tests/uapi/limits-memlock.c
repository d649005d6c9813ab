// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: memory that a user exports counts as the user's locked memory (RLIMIT_MEMLOCK),
 * summed up over all processes and regions of the user, until the region ends.
 *
 * timeout: 600
 */
#include "users.h"
#include "views.h"

#include <sys/resource.h>

#define NAME "test-memlock"

static const struct user ann = { .name = "ann", .uid = 1021, .gid = 1021 };
static const struct user bob = { .name = "bob", .uid = 1022, .gid = 1022 };
static const struct user locker = { .name = "ann with CAP_IPC_LOCK", .uid = 1021, .gid = 1021,
				    .caps = CAP(IPC_LOCK) };
static const struct user others = { .name = "ann with other capabilities", .uid = 1021,
				    .gid = 1021,
				    .caps = CAP(SYS_ADMIN) | CAP(SYS_RESOURCE) |
					    CAP(DAC_OVERRIDE) };

struct gift {
	const char *name;
	uint64_t page, pages, at;
	rlim_t limit;
};

/* Export as the user whose limit was lowered before. */
static int do_give(void *arg)
{
	const struct gift *g = arg;
	struct rlimit limit = { g->limit, g->limit };
	int fd;

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return -ECHILD;
	fd = view_open(g->name, "rw", O_RDWR);
	return fd < 0 ? -ENOLINK : donate(fd, g->page, g->pages * g->page, g->at * g->page);
}

/* @limit: bytes; @at: page of the region */
static int give(const struct user *u, rlim_t limit, uint64_t page, uint64_t pages, uint64_t at)
{
	struct gift g = {
		.name = NAME, .page = page, .pages = pages, .at = at, .limit = limit,
	};

	return as(u, do_give, &g);
}

static void new_region(const char *name, uint64_t page)
{
	struct msharearena_create c = create_args(name, page, 64 * page);

	region_unlink(name);
	c.mode = 0666;
	if (create_named(&c))
		bail("create: %s", strerror(errno));
}

static void test_bytes(uint64_t page)
{
	new_region(NAME, page);
	is(give(&ann, 0, page, 1, 0), -ENOMEM, "exporting a page with a limit of 0 gives ENOMEM");
	is(give(&ann, page - 1, page, 1, 0), -ENOMEM,
	   "exporting a page with a limit that is a byte less gives ENOMEM");
	is(give(&ann, page, page, 2, 0), -ENOMEM,
	   "exporting two pages with a limit of one gives ENOMEM");
	is(give(&ann, page, page, 1, 0), 0, "a page can be exported with a limit of one page");
	is(give(&ann, 2 * page - 1, page, 1, 1), -ENOMEM,
	   "exporting a second page with a limit that is a byte less than two gives ENOMEM");
	is(give(&others, 2 * page - 1, page, 1, 1), -ENOMEM,
	   "exporting a second page with that limit gives ENOMEM to %s", others.name);
	is(give(&ann, 2 * page, page, 1, 1), 0,
	   "a second process can export a second page with a limit of two pages");
	region_unlink(NAME);
	new_region(NAME, page);
	is(give(&ann, 2 * page, page, 2, 0), 0,
	   "two pages at once can be exported after the region has ended");
	region_unlink(NAME);
}

static void test_users(uint64_t page)
{
	new_region(NAME, page);
	is(give(&ann, page, page, 1, 0), 0, "a user exports a page with a limit of one page");
	is(give(&ann, page, page, 1, 1), -ENOMEM, "a second page of that user gives ENOMEM");
	is(give(&bob, page, page, 1, 1), 0, "another user can export a page to the same region");
	region_unlink(NAME);
	new_region(NAME, page);
	is(give(&locker, 0, page, 1, 0), 0, "%s can export with a limit of 0", locker.name);
	is(give(&ann, page, page, 1, 1), 0,
	   "pages of an exempt process do not count against the user's limit");
	region_unlink(NAME);
	new_region(NAME, page);
	is(give(&ann, page, page, 1, 0), 0,
	   "a user can export a page after a region with exempt pages ended");
	is(give(&ann, page, page, 1, 1), -ENOMEM,
	   "the end of a region with exempt pages does not raise the user's limit");
	region_unlink(NAME);
}

/* Locked memory is given back when the region ends, and not before. */
static void test_end(uint64_t page)
{
	struct gift other = { .name = NAME "2", .page = page, .pages = 1, .limit = page };
	int fd;

	new_region(NAME, page);
	new_region(NAME "2", page);
	is(give(&ann, page, page, 1, 0), 0, "a page is exported to one of two regions");
	is(as(&ann, do_give, &other), -ENOMEM, "memory of one region counts for another region");
	fd = view_open(NAME, "ro", O_RDONLY);
	region_unlink(NAME);
	is(as(&ann, do_give, &other), -ENOMEM,
	   "pages of an unlinked region count while it is open");
	close(fd);
	is(as(&ann, do_give, &other), 0,
	   "pages of an unlinked region do not count after it was closed");
	region_unlink(NAME "2");
}

/* An export that fails half way does not count. */
static int give_torn(void *arg)
{
	const struct gift *g = arg;
	struct rlimit limit = { g->limit, g->limit };
	int fd = view_open(g->name, "rw", O_RDWR);
	char *p = donor(g->page, 2 * g->page);
	int ret;

	if (fd < 0 || !p || setrlimit(RLIMIT_MEMLOCK, &limit))
		return -ECHILD;
	munmap(p + g->page, g->page);
	ret = view_export(fd, p, 2 * g->page, g->at * g->page);
	if (ret != -EFAULT && ret != -EOPNOTSUPP)
		return ret ? ret : -EPROTO;
	mprotect(p, g->page, PROT_READ);
	ret = view_export(fd, p, g->page, g->at * g->page);
	return ret == -EACCES ? 0 : ret ? ret : -EPROTO;
}

static void test_failures(uint64_t page)
{
	struct gift g = { .name = NAME, .page = page, .limit = 2 * page, .at = 8 };

	new_region(NAME, page);
	for (int i = 0; i < 3; i++) {
		is(as(&ann, give_torn, &g), 0,
		   "exports of memory that ends too early or is read-only fail");
		is(give(&ann, 2 * page, page, 1, 64), -ERANGE,
		   "an export beyond the region gives ERANGE");
	}
	is(give(&ann, 2 * page, page, 1, 0), 0, "a page can be exported after exports that failed");
	for (int i = 0; i < 3; i++)
		is(give(&ann, 2 * page, page, 1, 0), -EEXIST,
		   "an export to the same place again gives EEXIST");
	is(give(&ann, 2 * page, page, 1, 1), 0,
	   "a second page can be exported, as exports that failed do not count");
	is(give(&ann, 2 * page, page, 1, 2), -ENOMEM,
	   "a third page over the limit gives ENOMEM");
	region_unlink(NAME);
}

int main(void)
{
	static const uint64_t sizes[] = { SZ_4K, SZ_2M, SZ_1G };
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &none);
	reserve_2m(16);
	need_1g(2);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		long free = pages_free(sizes[i]);

		diag("pages of %lu KiB", (unsigned long)sizes[i] >> 10);
		test_bytes(sizes[i]);
		test_users(sizes[i]);
		test_end(sizes[i]);
		if (sizes[i] != SZ_1G)
			test_failures(sizes[i]);
		is(pages_free(sizes[i]), free, "all pages are free at the end");
	}
	return done_testing();
}
