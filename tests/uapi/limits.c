// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * What one user may have: the parameters user_regions and user_mbytes, exactly
 * at their limits, and when a share is given back.
 *
 * timeout: 600
 */
#include "users.h"
#include "views.h"

#include <sys/resource.h>

#define NAME "test-limits"
#define SZ_1M (1UL << 20)

static const struct user root = { .name = "root" };
static const struct user ann = { .name = "ann", .uid = 1011, .gid = 1011 };
static const struct user bob = { .name = "bob", .uid = 1012, .gid = 1012 };
static const struct user exempt = { .name = "ann with CAP_SYS_RESOURCE", .uid = 1011,
				    .gid = 1011, .caps = CAP(SYS_RESOURCE) };
/* All that could be mistaken for it. */
static const struct user others = { .name = "ann with other capabilities", .uid = 1011,
				    .gid = 1011,
				    .caps = CAP(SYS_ADMIN) | CAP(IPC_LOCK) | CAP(CHOWN) |
					    CAP(FOWNER) | CAP(DAC_OVERRIDE) };

static const char *numbered(int n)
{
	static char name[4][64];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(name[turn], sizeof(name[turn]), NAME "-%d", n);
	return name[turn];
}

static int do_create(void *arg)
{
	return region_create(numbered(*(int *)arg), SZ_2M, 8 * SZ_2M);
}

static int create(const struct user *u, int n)
{
	return as(u, do_create, &n);
}

static void unlink_all(void)
{
	for (int n = 0; n < 10; n++)
		region_unlink(numbered(n));
}

/* ---- regions ---- */

static void test_regions(void)
{
	param_set("user_regions", 2);
	is(create(&ann, 0), 0, "the first of two regions");
	is(create(&ann, 1), 0, "the second of two regions");
	is(create(&ann, 2), -EDQUOT, "the third is one too many");
	is(view_open(numbered(2), "ro", O_RDONLY), -ENOENT,
	   "the region that was one too many does not exist");
	is(create(&others, 2), -EDQUOT, "the third region is one too many for %s", others.name);
	is(create(&bob, 3), 0, "another user has a share of his own");
	is(create(&root, 4), 0, "root is exempt");
	is(create(&exempt, 5), 0, "%s is exempt from the limit", exempt.name);
	is(create(&ann, 6), -EDQUOT, "regions of exempt processes use up no share");
	is(region_unlink(numbered(5)), 0, "a region of an exempt process is unlinked");
	is(create(&ann, 6), -EDQUOT, "(still two)");
	is(region_unlink(numbered(1)), 0, "a region of hers ends");
	is(create(&ann, 6), 0, "there is room for another region after one has ended");
	is(create(&ann, 7), -EDQUOT, "there is room for one region and not for two");
	unlink_all();
}

/* Its end is what counts, not that of its name. */
static void test_ends(void)
{
	char *map;
	int fd;

	param_set("user_regions", 1);
	is(create(&ann, 0), 0, "one region");
	fd = view_open(numbered(0), "rw", O_RDWR);
	is(donate(fd, SZ_2M, SZ_2M, 0), 0, "(memory of root's)");
	map = attach(fd, PROT_READ);
	is(region_unlink(numbered(0)), 0, "unlinked");
	is(create(&ann, 1), -EDQUOT, "an unlinked region counts while it is open");
	close(fd);
	is(create(&ann, 1), -EDQUOT, "an unlinked region counts while it is attached");
	munmap(map, WINDOW);
	is(create(&ann, 1), 0, "a region that has ended does not count");
	unlink_all();
}

static void test_changes(void)
{
	int fd;

	param_set("user_regions", 3);
	for (int n = 0; n < 3; n++)
		is(create(&ann, n), 0, "region %d of three", n);
	param_set("user_regions", 1);
	fd = view_open(numbered(2), "rw", O_RDWR);
	is(donate(fd, SZ_2M, SZ_2M, 0), 0, "a lower limit takes no region away");
	close(fd);
	for (int n = 0; n < 3; n++) {
		is(create(&ann, 3), -EDQUOT,
		   "a lower limit allows no new region with %d left", 3 - n);
		region_unlink(numbered(n));
	}
	is(create(&ann, 3), 0, "a new region can be made when there is room below the limit");
	param_set("user_regions", 0);
	for (int n = 4; n < 10; n++)
		is(create(&ann, n), 0, "0 is no limit (%d)", n - 3);
	unlink_all();
}

/* Where another region is. */
static int do_create_at(void *arg)
{
	struct msharearena_create c = create_args(NAME "-at", SZ_2M, SZ_2M);

	c.addr = *(uint64_t *)arg;
	return create_named(&c);
}

/* What could not be made is not counted. */
static void test_failures(void)
{
	uint64_t taken;
	int fd;

	param_set("user_regions", 2);
	is(create(&ann, 0), 0, "one of two regions");
	fd = view_open(numbered(0), "ro", O_RDONLY);
	taken = view_region(fd).addr;
	close(fd);
	for (int i = 0; i < 3; i++) {
		is(create(&ann, 0), -EEXIST, "one whose name is taken is not made");
		is(as(&ann, do_create_at, &taken), -EBUSY,
		   "a region whose address is taken is not made");
	}
	is(create(&ann, 1), 0, "the other");
	is(create(&ann, 2), -EDQUOT,
	   "what failed has not been counted: no third region is allowed");
	unlink_all();
	param_set("user_regions", 0);
}

/* ---- memory ---- */

struct gift {
	int n;
	uint64_t page, bytes, at;
};

static int do_give(void *arg)
{
	const struct gift *g = arg;
	int fd = view_open(numbered(g->n), "rw", O_RDWR);

	return fd < 0 ? -ENOLINK : donate(fd, g->page, g->bytes, g->at);
}

static int give(const struct user *u, int n, uint64_t page, uint64_t bytes, uint64_t at)
{
	struct gift g = { .n = n, .page = page, .bytes = bytes, .at = at };

	return as(u, do_give, &g);
}

/* A region that everybody may write to. */
static void shared_region(int n, uint64_t page)
{
	struct msharearena_create c = create_args(numbered(n), page, WINDOW);

	c.mode = 0666;
	if (create_named(&c))
		bail("create: %s", strerror(errno));
}

/* @fits: bytes that @mbytes allow, while a page more is too much. */
static void test_exact(uint64_t page, uint64_t fits, unsigned int mbytes)
{
	diag("pages of %lu KiB, %u MiB", (unsigned long)page >> 10, mbytes);
	param_set("user_mbytes", mbytes);
	shared_region(0, page);
	is(give(&ann, 0, page, fits + page, 0), -EDQUOT, "a page too many at once");
	is(give(&ann, 0, page, fits, 0), 0, "exactly what fits");
	is(give(&ann, 0, page, page, fits), -EDQUOT, "a page more than the limit is EDQUOT");
	is(give(&others, 0, page, page, fits), -EDQUOT,
	   "a page more than the limit is EDQUOT for %s", others.name);
	if (page != SZ_1G)
		is(give(&bob, 0, page, fits, fits), 0, "another user has his own share of it");
	is(give(&exempt, 0, page, page, 2 * fits), 0, "%s is exempt", exempt.name);
	if (page != SZ_1G)
		is(give(&ann, 0, page, page, 3 * fits), -EDQUOT,
		   "an export by an exempt process gives nothing back");
	unlink_all();
}

static void test_sum(void)
{
	uint64_t part = SZ_1M;
	int fd;

	diag("several exports and regions");
	param_set("user_mbytes", 4);
	shared_region(0, SZ_4K);
	shared_region(1, SZ_4K);
	is(give(&ann, 0, SZ_4K, part, 0), 0, "1 of 4 MiB");
	is(give(&ann, 1, SZ_4K, part, 0), 0, "2, in another region");
	is(give(&ann, 0, SZ_4K, part, 8 * part), 0, "3");
	is(give(&ann, 1, SZ_4K, part - SZ_4K, part), 0, "4, but for a page");
	is(give(&ann, 0, SZ_4K, 2 * SZ_4K, part), -EDQUOT,
	   "two pages are too many where one is left");
	for (int i = 0; i < 3; i++) {
		is(give(&ann, 0, SZ_4K, SZ_4K, 0), -EEXIST, "what failed is not counted");
		is(give(&ann, 0, SZ_4K, SZ_4K, WINDOW), -ERANGE,
		   "an export beyond the region's end is not counted");
		is(give(&ann, 0, SZ_2M, SZ_2M, SZ_2M), -EDQUOT,
		   "an export that is refused is not counted");
	}
	is(give(&ann, 0, SZ_4K, SZ_4K, part), 0, "one page is not too many where one is left");
	is(give(&ann, 1, SZ_4K, SZ_4K, 4 * part), -EDQUOT, "the share of memory is used up");
	is(give(&root, 1, SZ_4K, SZ_4K, 4 * part), 0, "root exports beyond the share");
	fd = view_open(numbered(0), "ro", O_RDONLY);
	region_unlink(numbered(0));
	is(give(&ann, 1, SZ_4K, SZ_4K, 6 * part), -EDQUOT, "unlinked and open, it counts");
	close(fd);
	is(give(&ann, 1, SZ_4K, 2 * part + SZ_4K, 6 * part), 0, "what the ended region had");
	is(give(&ann, 1, SZ_4K, SZ_4K, 10 * part), -EDQUOT,
	   "an ended region gives back what it had and no more");
	unlink_all();
}

static void test_lower(void)
{
	uint64_t value;
	char *map;
	int fd;

	diag("a lower limit");
	param_set("user_mbytes", 4);
	shared_region(0, SZ_2M);
	is(give(&ann, 0, SZ_2M, 2 * SZ_2M, 0), 0, "4 MiB of 4");
	param_set("user_mbytes", 1);
	fd = view_open(numbered(0), "rw", O_RDWR);
	map = attach(fd, PROT_READ | PROT_WRITE);
	ok(map && !try_store(map + 2 * SZ_2M - 8, 5) &&
	   !try_load(map + 2 * SZ_2M - 8, &value) && value == 5, "nothing is taken away");
	is(give(&ann, 0, SZ_2M, SZ_2M, 2 * SZ_2M), -EDQUOT, "nothing is given");
	param_set("user_mbytes", 0);
	is(give(&ann, 0, SZ_2M, SZ_2M, 2 * SZ_2M), 0, "0 is no limit");
	munmap(map, WINDOW);
	close(fd);
	unlink_all();
}

int main(void)
{
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	reserve_2m(16);
	need_1g(2);
	param_keep();
	setrlimit(RLIMIT_MEMLOCK, &none);
	unlink_all();
	control_for_all(true);
	test_regions();
	test_ends();
	test_changes();
	test_failures();
	control_for_all(false);
	test_exact(SZ_4K, 3 * SZ_1M, 3);
	test_exact(SZ_2M, 2 * SZ_2M, 4);
	test_exact(SZ_2M, 2 * SZ_2M, 5);
	test_exact(SZ_1G, SZ_1G, 1024);
	test_exact(SZ_1G, SZ_1G, 2047);
	test_sum();
	test_lower();
	return done_testing();
}
