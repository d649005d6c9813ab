// SPDX-License-Identifier: MIT
/* vm: long */
/* Goal: ADD_VIEW accepts valid requests and refuses all others, for each page size. */
#include "views.h"

#define NAME "test-view"
#define PAGES 8

static uint64_t page;

static struct msharearena_range range(uint64_t offset, uint64_t length)
{
	return (struct msharearena_range){ .offset = offset, .length = length, .prot = PROT_R };
}

static bool node_exists(const char *view)
{
	char path[128];

	snprintf(path, sizeof(path), "/dev/mshare/" NAME "/%s", view);
	return !access(path, F_OK);
}

/* The size of the region's page tables, which grows with each view. */
static uint64_t table_bytes(void)
{
	int fd = view_open(NAME, "ro", O_RDONLY);
	uint64_t bytes = view_region(fd).table_bytes;

	close(fd);
	return bytes;
}

/* A view that is accepted must exist, with a new name; one that is refused leaves nothing. */
static int try_view(struct msharearena_view v)
{
	static unsigned int count;
	uint64_t before = table_bytes();
	int ret;

	if (!strcmp(v.view, "?"))
		snprintf(v.view, sizeof(v.view), "v%u", count++);
	ret = add_view(NAME, &v);
	if (!ret && !node_exists(v.view))
		return -ENODEV;
	if (ret && (table_bytes() != before ||
		    (v.view[0] == 'v' && node_exists(v.view))))
		return -ENOTEMPTY;
	return ret;
}

static int try_ranges(const struct msharearena_range *ranges, unsigned int n)
{
	return try_view(view_args("?", ranges, n));
}

#define RANGES(want, why, ...) do {					\
	const struct msharearena_range r_[] = { __VA_ARGS__ };		\
									\
	is(try_ranges(r_, ARRAY_LEN(r_)), want, (want) ?		\
	   "ADD_VIEW refuses " why : "ADD_VIEW accepts " why);		\
} while (0)

static void test_order(void)
{
	RANGES(0, "a range of one page", range(0, page));
	RANGES(0, "a range of the whole region", range(0, PAGES * page));
	RANGES(0, "ranges with a gap", range(0, page), range(2 * page, page));
	RANGES(0, "adjacent ranges", range(0, page), range(page, page));
	RANGES(-EINVAL, "ranges by descending offset", range(page, page), range(0, page));
	RANGES(-EINVAL, "a third range that is out of order", range(0, page), range(2 * page, page),
	       range(page, page));
	RANGES(-EINVAL, "ranges that overlap by a page", range(0, 2 * page), range(page, page));
	RANGES(-EINVAL, "a range within another one", range(0, 4 * page), range(page, page));
	RANGES(-EINVAL, "the same range twice", range(page, page), range(page, page));
}

static void test_bounds(void)
{
	uint64_t end = PAGES * page;

	RANGES(0, "a range of the last page", range(end - page, page));
	RANGES(-ERANGE, "a range across the region's end", range(end - page, 2 * page));
	RANGES(-ERANGE, "a range behind the region's end", range(end, page));
	RANGES(-ERANGE, "a second range behind the region's end", range(0, page), range(end, page));
	RANGES(-ERANGE, "a range of a whole window", range(0, WINDOW));
	RANGES(-ERANGE, "a range that ends at 2^64", range(-page, page));
	RANGES(-ERANGE, "a range that ends beyond 2^64", range(-page, 2 * page));
	RANGES(-ERANGE, "a range whose end overflows into the region", range(page, -page));
	RANGES(-EINVAL, "a range that begins within a page", range(page / 2, page));
	RANGES(-EINVAL, "a range that ends within a page", range(0, page + page / 2));
	RANGES(-EINVAL, "a range at an offset of 1", range(1, page));
	RANGES(-EINVAL, "a range of one byte", range(0, 1));
	RANGES(-EINVAL, "a range of length 0", range(page, 0));
	RANGES(-EINVAL, "a second range of length 0", range(0, page), range(page, 0));
}

static int try_prot(uint32_t prot)
{
	struct msharearena_range r = { .length = page, .prot = prot };

	return try_ranges(&r, 1);
}

static void test_members(void)
{
	struct msharearena_range r = range(0, page);

	is(try_prot(PROT_R), 0, "ADD_VIEW accepts a range to read");
	is(try_prot(PROT_RW), 0, "ADD_VIEW accepts a range to read and write");
	is(try_prot(0), -EINVAL, "ADD_VIEW refuses a range without access");
	is(try_prot(MSHAREARENA_PROT_WRITE), -EINVAL, "ADD_VIEW refuses a range to write only");
	is(try_prot(PROT_R | 4), -EINVAL, "ADD_VIEW refuses an unknown bit of the protection");
	is(try_prot(PROT_RW | 1U << 31), -EINVAL,
	   "ADD_VIEW refuses the highest bit of the protection");
	r.reserved = 1;
	is(try_ranges(&r, 1), -EINVAL, "ADD_VIEW refuses a reserved bit of a range");
	r.reserved = 1U << 31;
	is(try_ranges(&r, 1), -EINVAL, "ADD_VIEW refuses the highest reserved bit of a range");
}

/* A request that is valid except for one member. */
#define VIEW(field, value, want, why) do {				\
	struct msharearena_range r_ = range(0, page);			\
	struct msharearena_view v_ = view_args("?", &r_, 1);	\
									\
	v_.field = (value);						\
	is(try_view(v_), want, (want) ? "ADD_VIEW refuses " why :	\
	   "ADD_VIEW accepts " why);					\
} while (0)

static void test_request(void)
{
	VIEW(flags, 2, -EINVAL, "an unknown flag");
	VIEW(flags, MSHAREARENA_NO_NODE, -EINVAL, "a mode without a node");
	VIEW(flags, 1U << 31, -EINVAL, "the highest flag");
	VIEW(mode, 0666, 0, "a mode with all permissions but execution");
	VIEW(mode, 0700, -EINVAL, "a mode with execute permission");
	VIEW(mode, 01600, -EINVAL, "a mode with the sticky bit");
	VIEW(mode, S_IFCHR | 0600, -EINVAL, "a mode with a type of file");
	VIEW(n_ranges, 0, -EINVAL, "no ranges");
	VIEW(n_ranges, MSHAREARENA_MAX_RANGES + 1, -EINVAL, "too many ranges");
	VIEW(n_ranges, -1, -EINVAL, "the greatest number of ranges");
	VIEW(size, sizeof(struct msharearena_view) - 1, -EINVAL, "a size that is short");
	VIEW(size, 0, -EINVAL, "size 0");
	VIEW(size, 4097, -E2BIG, "a size over a page");
	VIEW(ranges, 0, -EFAULT, "a null pointer to the ranges");
	VIEW(ranges, 1ULL << 63, -EFAULT, "an address of the kernel for the ranges");
	VIEW(ranges, -8ULL, -EFAULT, "ranges whose end overflows");
}

/* The structure may grow: unknown bytes must be 0. */
static void test_extensible(void)
{
	struct msharearena_range r = range(0, page);
	struct {
		struct msharearena_view v;
		uint64_t newer;
	} big = { .v = view_args("newer", &r, 1) };
	int fd = view_open(NAME, "rw", O_RDWR);

	big.v.size = sizeof(big);
	big.newer = 1;
	is(command(fd, MSHAREARENA_ADD_VIEW, &big), -E2BIG,
	   "ADD_VIEW with an unknown member that is set gives E2BIG");
	ok(!node_exists("newer"), "ADD_VIEW that is refused adds nothing");
	big.newer = 0;
	is(closed(command(fd, MSHAREARENA_ADD_VIEW, &big)), 0,
	   "ADD_VIEW accepts a longer structure of zeros");
	close(fd);
}

static void test_array_end(void)
{
	struct msharearena_range *r;
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	munmap(p + 4096, 4096);
	r = (struct msharearena_range *)(p + 4096 - 2 * sizeof(*r));
	r[0] = range(0, page);
	r[1] = range(page, page);
	is(try_ranges(r, 2), 0, "ADD_VIEW accepts an array that ends where its mapping does");
	is(try_ranges(r, 3), -EFAULT,
	   "ADD_VIEW of an array that ends behind its mapping gives EFAULT");
	munmap(p, 4096);
}

static void test_names(void)
{
	static const char *const bad[] = {
		"", ".", "..", ".hidden", "a/b", "a!b", "a b", "\xc3\xa9", "a\n", "!", "/",
	};
	struct msharearena_range r = range(0, page);
	struct msharearena_view v;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		is(view_add(NAME, bad[i], &r, 1), -EINVAL, "ADD_VIEW refuses bad name %zu", i);
	v = view_args("", &r, 1);
	memset(v.view, 'n', sizeof(v.view));
	is(try_view(v), -EINVAL, "ADD_VIEW refuses a name of 32 bytes without a NUL");
	v.view[sizeof(v.view) - 1] = '\0';
	is(try_view(v), 0, "ADD_VIEW accepts a name of 31 bytes");
	v = view_args("short", &r, 1);
	v.view[sizeof(v.view) - 1] = 'x';
	is(try_view(v), -EINVAL, "ADD_VIEW refuses bytes behind the name");
	is(view_add(NAME, "rw", &r, 1), -EEXIST, "adding a view named rw gives EEXIST");
	is(view_add(NAME, "ro", &r, 1), -EEXIST, "adding a view named ro gives EEXIST");
	is(view_add(NAME, "A.b-c_9", &r, 1), 0,
	   "ADD_VIEW accepts a name with every kind of character");
	is(view_add(NAME, "A.b-c_9", &r, 1), -EEXIST,
	   "adding a view of the same name again gives EEXIST");
	is(view_add(NAME, "RW", &r, 1), 0, "ADD_VIEW accepts the name RW beside rw");
}

/* Two regions can have views of the same name, which end with their region. */
static void test_regions(void)
{
	struct msharearena_range r = range(0, page);
	struct msharearena_view late = view_args("late", &r, 1);
	int rw = region_anew_open(NAME "2", page, PAGES * page), fd;

	is(view_add(NAME "2", "both", &r, 1), 0, "a view is added to one region");
	is(view_add(NAME, "both", &r, 1), 0, "a view of the same name is added to another region");
	fd = view_open(NAME "2", "both", O_RDONLY);
	ok(!strcmp(view_region(fd).name, NAME "2") && !strcmp(view_region(fd).view, "both"),
	   "GET_REGION gives the names of the region and the view");
	is(region_unlink(NAME "2"), 0, "one of the two regions is unlinked");
	is(view_open(NAME "2", "both", O_RDONLY), -ENOENT,
	   "the view of the unlinked region has no node");
	ok(node_exists("both"), "the view of the other region still has its node");
	is(add_view_open(rw, &late), -ENOENT,
	   "adding a view with a node to an unlinked region gives ENOENT");
	late.flags = MSHAREARENA_NO_NODE;
	late.mode = 0;
	is(closed(add_view_open(rw, &late)), 0,
	   "a view without a node can be added to an unlinked region");
	is(add_view_open(rw, &late), -EEXIST, "adding a view without a node again gives EEXIST");
	close(fd);
	close(rw);
}

/* A view has as many ranges as it may, with a gap after each. */
static void test_most_ranges(void)
{
	unsigned int n = WINDOW / page / 2 < MSHAREARENA_MAX_RANGES ?
			 WINDOW / page / 2 : MSHAREARENA_MAX_RANGES;
	struct msharearena_range *r = calloc(n + 1, sizeof(*r));

	if (!r)
		bail("calloc");
	region_anew(NAME "2", page, WINDOW);
	for (unsigned int i = 0; i <= n; i++)
		r[i] = range(2 * i * page, page);
	is(view_add(NAME "2", "most", r, n), 0, "ADD_VIEW accepts %u ranges", n);
	is(view_add(NAME "2", "more", r, n + 1),
	   n == MSHAREARENA_MAX_RANGES ? -EINVAL : -ERANGE,
	   "ADD_VIEW refuses one range more than that");
	region_unlink(NAME "2");
	free(r);
}

/* The views rw and ro count among the 64 of a region. */
static void test_most_views(void)
{
	struct msharearena_range r = range(0, page);
	char name[16];
	int i, ret = 0;

	region_anew(NAME "2", page, PAGES * page);
	for (i = 2; !ret && i < 100; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		ret = view_add(NAME "2", name, &r, 1);
	}
	is(ret, -ENOSPC, "adding more views than a region may have gives ENOSPC");
	is(i - 1, 64, "a region can have 64 views");
	is(view_add(NAME "2", "v2", &r, 1), -EEXIST,
	   "adding a view of a name that is taken to a full region gives EEXIST");
	region_unlink(NAME "2");
	region_anew(NAME "2", page, PAGES * page);
	is(view_add(NAME "2", "v2", &r, 1), 0,
	   "views of an ended region do not count for a new one");
	region_unlink(NAME "2");
}

int main(void)
{
	static const uint64_t sizes[] = { SZ_4K, SZ_2M, SZ_1G };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		page = sizes[i];
		diag("pages of %lu KiB", (unsigned long)page >> 10);
		region_anew(NAME, page, PAGES * page);
		test_order();
		test_bounds();
		test_members();
		test_request();
		test_extensible();
		test_array_end();
		/* One region cannot have enough views for all of these. */
		region_anew(NAME, page, PAGES * page);
		test_names();
		test_regions();
		test_most_ranges();
		test_most_views();
		region_unlink(NAME);
	}
	return done_testing();
}
