// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: the parameters user_regions and user_mbytes limit what a user may have exactly, and
 * the quota is given back when a region ends.
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
/* Capabilities that might be mistaken for CAP_SYS_RESOURCE. */
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
	is(create(&ann, 0), 0, "a user can create the first region of two");
	is(create(&ann, 1), 0, "a user can create the second region of two");
	is(create(&ann, 2), -EDQUOT, "a user's third region of two gives EDQUOT");
	is(view_open(numbered(2), "ro", O_RDONLY), -ENOENT,
	   "the region that was refused does not exist");
	is(create(&others, 2), -EDQUOT, "a third region of two gives EDQUOT to %s", others.name);
	is(create(&bob, 3), 0, "another user can create a region");
	is(create(&root, 4), 0, "root can create a region");
	is(create(&exempt, 5), 0, "%s can create a third region of two", exempt.name);
	is(create(&ann, 6), -EDQUOT, "the user still cannot create a third region of two");
	is(region_unlink(numbered(5)), 0, "a region of an exempt process is unlinked");
	is(create(&ann, 6), -EDQUOT, "the end of an exempt region gives the user no quota");
	is(region_unlink(numbered(1)), 0, "one of the user's two regions ends");
	is(create(&ann, 6), 0, "the user can create a region after one of two has ended");
	is(create(&ann, 7), -EDQUOT, "the user cannot create a second one after one has ended");
	unlink_all();
}

/* A region counts until it ends, and not only until it is unlinked. */
static void test_ends(void)
{
	char *map;
	int fd;

	param_set("user_regions", 1);
	is(create(&ann, 0), 0, "a user can create one region of one");
	fd = view_open(numbered(0), "rw", O_RDWR);
	is(donate(fd, SZ_2M, SZ_2M, 0), 0, "root exports memory to the user's region");
	map = attach(fd, PROT_READ);
	is(region_unlink(numbered(0)), 0, "the user's region is unlinked");
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
		is(create(&ann, n), 0, "a user can create region %d of three", n);
	param_set("user_regions", 1);
	fd = view_open(numbered(2), "rw", O_RDWR);
	is(donate(fd, SZ_2M, SZ_2M, 0), 0,
	   "memory can be exported to a region that a lower limit would not allow");
	close(fd);
	for (int n = 0; n < 3; n++) {
		is(create(&ann, 3), -EDQUOT,
		   "a lower limit of 1 allows no new region while %d exist", 3 - n);
		region_unlink(numbered(n));
	}
	is(create(&ann, 3), 0, "a region can be created when there are fewer than the lower limit");
	param_set("user_regions", 0);
	for (int n = 4; n < 10; n++)
		is(create(&ann, n), 0, "a limit of 0 allows a further region (%d)", n - 3);
	unlink_all();
}

/* Create a region at the address of another one. */
static int do_create_at(void *arg)
{
	struct msharearena_create c = create_args(NAME "-at", SZ_2M, SZ_2M);

	c.addr = *(uint64_t *)arg;
	return create_named(&c);
}

/* A region that could not be created does not count. */
static void test_failures(void)
{
	uint64_t taken;
	int fd;

	param_set("user_regions", 2);
	is(create(&ann, 0), 0, "a user creates one region of two before creations that fail");
	fd = view_open(numbered(0), "ro", O_RDONLY);
	taken = view_region(fd).addr;
	close(fd);
	for (int i = 0; i < 3; i++) {
		is(create(&ann, 0), -EEXIST, "creating a region whose name is taken gives EEXIST");
		is(as(&ann, do_create_at, &taken), -EBUSY,
		   "creating a region whose address is taken gives EBUSY");
	}
	is(create(&ann, 1), 0,
	   "the user can create the second region of two after creations that failed");
	is(create(&ann, 2), -EDQUOT,
	   "the user cannot create a third region of two after creations that failed");
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

/* Create a region that everybody may write to. */
static void shared_region(int n, uint64_t page)
{
	struct msharearena_create c = create_args(numbered(n), page, WINDOW);

	c.mode = 0666;
	if (create_named(&c))
		bail("create: %s", strerror(errno));
}

/* @fits: the bytes that @mbytes allow, while one page more is too much */
static void test_exact(uint64_t page, uint64_t fits, unsigned int mbytes)
{
	diag("pages of %lu KiB, %u MiB", (unsigned long)page >> 10, mbytes);
	param_set("user_mbytes", mbytes);
	shared_region(0, page);
	is(give(&ann, 0, page, fits + page, 0), -EDQUOT,
	   "one export of a page more than the limit gives EDQUOT");
	is(give(&ann, 0, page, fits, 0), 0, "exactly as much as the limit can be exported");
	is(give(&ann, 0, page, page, fits), -EDQUOT, "a further page over the limit gives EDQUOT");
	is(give(&others, 0, page, page, fits), -EDQUOT,
	   "a further page over the limit gives EDQUOT to %s", others.name);
	if (page != SZ_1G)
		is(give(&bob, 0, page, fits, fits), 0,
		   "another user can export as much to the same region");
	is(give(&exempt, 0, page, page, 2 * fits), 0, "%s can export more than the limit",
	   exempt.name);
	if (page != SZ_1G)
		is(give(&ann, 0, page, page, 3 * fits), -EDQUOT,
		   "an export by an exempt process gives the user no quota");
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
	is(give(&ann, 0, SZ_4K, part, 0), 0, "a user can export the first of 4 MiB");
	is(give(&ann, 1, SZ_4K, part, 0), 0,
	   "the user can export the second of 4 MiB to another region");
	is(give(&ann, 0, SZ_4K, part, 8 * part), 0, "the user can export the third of 4 MiB");
	is(give(&ann, 1, SZ_4K, part - SZ_4K, part), 0,
	   "the user can export the fourth of 4 MiB but one page");
	is(give(&ann, 0, SZ_4K, 2 * SZ_4K, part), -EDQUOT,
	   "two pages give EDQUOT when one page of the limit is left");
	for (int i = 0; i < 3; i++) {
		is(give(&ann, 0, SZ_4K, SZ_4K, 0), -EEXIST,
		   "an export over existing memory gives EEXIST and does not count");
		is(give(&ann, 0, SZ_4K, SZ_4K, WINDOW), -ERANGE,
		   "an export beyond the region's end gives ERANGE and does not count");
		is(give(&ann, 0, SZ_2M, SZ_2M, SZ_2M), -EDQUOT,
		   "an export over the limit gives EDQUOT and does not count");
	}
	is(give(&ann, 0, SZ_4K, SZ_4K, part), 0, "the last page of the limit can be exported");
	is(give(&ann, 1, SZ_4K, SZ_4K, 4 * part), -EDQUOT, "a page more than 4 MiB gives EDQUOT");
	is(give(&root, 1, SZ_4K, SZ_4K, 4 * part), 0, "root can export more than the limit");
	fd = view_open(numbered(0), "ro", O_RDONLY);
	region_unlink(numbered(0));
	is(give(&ann, 1, SZ_4K, SZ_4K, 6 * part), -EDQUOT,
	   "memory of an unlinked region counts while it is open");
	close(fd);
	is(give(&ann, 1, SZ_4K, 2 * part + SZ_4K, 6 * part), 0,
	   "as much as an ended region had can be exported again");
	is(give(&ann, 1, SZ_4K, SZ_4K, 10 * part), -EDQUOT,
	   "no more than an ended region had can be exported");
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
	is(give(&ann, 0, SZ_2M, 2 * SZ_2M, 0), 0, "a user can export 4 MiB of 4");
	param_set("user_mbytes", 1);
	fd = view_open(numbered(0), "rw", O_RDWR);
	map = attach(fd, PROT_READ | PROT_WRITE);
	ok(map && !try_store(map + 2 * SZ_2M - 8, 5) &&
	   !try_load(map + 2 * SZ_2M - 8, &value) && value == 5,
	   "memory stays when the limit is lowered below it");
	is(give(&ann, 0, SZ_2M, SZ_2M, 2 * SZ_2M), -EDQUOT, "no more memory can be exported then");
	param_set("user_mbytes", 0);
	is(give(&ann, 0, SZ_2M, SZ_2M, 2 * SZ_2M), 0, "a limit of 0 allows any export");
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
