// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * RLIMIT_MEMLOCK: what a user exports is locked memory of his, over all of his
 * processes and regions, until the region ends.
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

/* Without the capability his limit can still be lowered, never raised. */
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
	is(give(&ann, 0, page, 1, 0), -ENOMEM, "no limit at all left");
	is(give(&ann, page - 1, page, 1, 0), -ENOMEM, "a byte less than a page");
	is(give(&ann, page, page, 2, 0), -ENOMEM, "two pages are ENOMEM where one fits");
	is(give(&ann, page, page, 1, 0), 0, "a page exactly");
	is(give(&ann, 2 * page - 1, page, 1, 1), -ENOMEM, "a byte less than two");
	is(give(&others, 2 * page - 1, page, 1, 1), -ENOMEM,
	   "a byte less than two pages does not suffice for %s", others.name);
	is(give(&ann, 2 * page, page, 1, 1), 0, "two pages exactly, by two processes");
	region_unlink(NAME);
	new_region(NAME, page);
	is(give(&ann, 2 * page, page, 2, 0), 0,
	   "two pages at once are accepted when the region has ended");
	region_unlink(NAME);
}

static void test_users(uint64_t page)
{
	new_region(NAME, page);
	is(give(&ann, page, page, 1, 0), 0, "a page of one user's");
	is(give(&ann, page, page, 1, 1), -ENOMEM, "his limit is reached");
	is(give(&bob, page, page, 1, 1), 0, "pages of one user do not count for another");
	region_unlink(NAME);
	new_region(NAME, page);
	is(give(&locker, 0, page, 1, 0), 0, "%s is exempt", locker.name);
	is(give(&ann, page, page, 1, 1), 0,
	   "pages of an exempt process use up nothing of the user's limit");
	region_unlink(NAME);
	new_region(NAME, page);
	is(give(&ann, page, page, 1, 0), 0, "what was exempt gives nothing back either");
	is(give(&ann, page, page, 1, 1), -ENOMEM, "(one page and no more)");
	region_unlink(NAME);
}

/* The region's end gives it back, and nothing before. */
static void test_end(uint64_t page)
{
	struct gift other = { .name = NAME "2", .page = page, .pages = 1, .limit = page };
	int fd;

	new_region(NAME, page);
	new_region(NAME "2", page);
	is(give(&ann, page, page, 1, 0), 0, "a page");
	is(as(&ann, do_give, &other), -ENOMEM, "memory of one region counts for other regions");
	fd = view_open(NAME, "ro", O_RDONLY);
	region_unlink(NAME);
	is(as(&ann, do_give, &other), -ENOMEM, "pages count while the unlinked region is open");
	close(fd);
	is(as(&ann, do_give, &other), 0, "pages do not count after the region was closed");
	region_unlink(NAME "2");
}

/* What fails half way is not counted. */
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
		is(as(&ann, give_torn, &g), 0, "memory that ends too early, or is read-only");
		is(give(&ann, 2 * page, page, 1, 64), -ERANGE, "a page beyond the region");
	}
	is(give(&ann, 2 * page, page, 1, 0), 0, "a page");
	for (int i = 0; i < 3; i++)
		is(give(&ann, 2 * page, page, 1, 0), -EEXIST,
		   "an export to the same place again is EEXIST");
	is(give(&ann, 2 * page, page, 1, 1), 0,
	   "an export that failed is not charged: another page can be exported");
	is(give(&ann, 2 * page, page, 1, 2), -ENOMEM,
	   "no more than the pages within the limit are accepted");
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
		is(pages_free(sizes[i]), free, "all memory is given back");
	}
	return done_testing();
}
