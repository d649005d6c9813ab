// SPDX-License-Identifier: MIT
/* ADD_VIEW: what it accepts and what it refuses, at each page size. */
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

/* Page tables of the region: each view that exists has some. */
static uint64_t table_bytes(void)
{
	int fd = view_open(NAME, "ro", O_RDONLY);
	uint64_t bytes = view_region(fd).table_bytes;

	close(fd);
	return bytes;
}

/* Accepted: it exists, under a name of its own. Refused: nothing of it does. */
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
	is(try_ranges(r_, ARRAY_LEN(r_)), want, "ranges: " why);	\
} while (0)

static void test_order(void)
{
	RANGES(0, "one page", range(0, page));
	RANGES(0, "all of the region", range(0, PAGES * page));
	RANGES(0, "ranges with a gap", range(0, page), range(2 * page, page));
	RANGES(0, "adjacent", range(0, page), range(page, page));
	RANGES(-EINVAL, "ranges by descending offset", range(page, page), range(0, page));
	RANGES(-EINVAL, "the third out of order", range(0, page), range(2 * page, page),
	       range(page, page));
	RANGES(-EINVAL, "overlapping by a page", range(0, 2 * page), range(page, page));
	RANGES(-EINVAL, "one within the other", range(0, 4 * page), range(page, page));
	RANGES(-EINVAL, "twice the same", range(page, page), range(page, page));
}

static void test_bounds(void)
{
	uint64_t end = PAGES * page;

	RANGES(0, "the last page", range(end - page, page));
	RANGES(-ERANGE, "a page over the end", range(end - page, 2 * page));
	RANGES(-ERANGE, "beginning at the end", range(end, page));
	RANGES(-ERANGE, "the second over the end", range(0, page), range(end, page));
	RANGES(-ERANGE, "a whole window", range(0, WINDOW));
	RANGES(-ERANGE, "an end of 2^64", range(-page, page));
	RANGES(-ERANGE, "an end beyond 2^64", range(-page, 2 * page));
	RANGES(-ERANGE, "an end beyond 2^64 that would fit", range(page, -page));
	RANGES(-EINVAL, "an offset within a page", range(page / 2, page));
	RANGES(-EINVAL, "a length within a page", range(0, page + page / 2));
	RANGES(-EINVAL, "an offset of a byte", range(1, page));
	RANGES(-EINVAL, "a byte", range(0, 1));
	RANGES(-EINVAL, "nothing", range(page, 0));
	RANGES(-EINVAL, "nothing after something", range(0, page), range(page, 0));
}

static int try_prot(uint32_t prot)
{
	struct msharearena_range r = { .length = page, .prot = prot };

	return try_ranges(&r, 1);
}

static void test_members(void)
{
	struct msharearena_range r = range(0, page);

	is(try_prot(PROT_R), 0, "protection: READ");
	is(try_prot(PROT_RW), 0, "protection: READ and WRITE");
	is(try_prot(0), -EINVAL, "protection: nothing");
	is(try_prot(MSHAREARENA_PROT_WRITE), -EINVAL, "protection: WRITE alone");
	is(try_prot(PROT_R | 4), -EINVAL, "protection: an unknown bit");
	is(try_prot(PROT_RW | 1U << 31), -EINVAL, "protection: the highest bit");
	r.reserved = 1;
	is(try_ranges(&r, 1), -EINVAL, "a reserved bit of a range");
	r.reserved = 1U << 31;
	is(try_ranges(&r, 1), -EINVAL, "the highest reserved bit");
}

/* An otherwise valid request with one member changed. */
#define VIEW(field, value, want, why) do {				\
	struct msharearena_range r_ = range(0, page);			\
	struct msharearena_view v_ = view_args("?", &r_, 1);	\
									\
	v_.field = (value);						\
	is(try_view(v_), want, "request: " why);			\
} while (0)

static void test_request(void)
{
	VIEW(flags, 2, -EINVAL, "an unknown flag");
	VIEW(flags, MSHAREARENA_NO_NODE, -EINVAL, "a mode, but no node that could have it");
	VIEW(flags, 1U << 31, -EINVAL, "the highest flag");
	VIEW(mode, 0666, 0, "(every permission bit)");
	VIEW(mode, 0700, -EINVAL, "execute permission");
	VIEW(mode, 01600, -EINVAL, "the sticky bit");
	VIEW(mode, S_IFCHR | 0600, -EINVAL, "a type of file");
	VIEW(n_ranges, 0, -EINVAL, "no ranges");
	VIEW(n_ranges, MSHAREARENA_MAX_RANGES + 1, -EINVAL, "too many ranges");
	VIEW(n_ranges, -1, -EINVAL, "the most ranges that can be said");
	VIEW(size, sizeof(struct msharearena_view) - 1, -EINVAL, "a size that is short");
	VIEW(size, 0, -EINVAL, "size 0");
	VIEW(size, 4097, -E2BIG, "a size over a page");
	VIEW(ranges, 0, -EFAULT, "no array");
	VIEW(ranges, 1ULL << 63, -EFAULT, "an array in the kernel");
	VIEW(ranges, -8ULL, -EFAULT, "an array that ends nowhere");
}

/* The structure may grow: unknown bytes must be zero. */
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
	   "ADD_VIEW with a member set that it does not know is E2BIG");
	ok(!node_exists("newer"), "ADD_VIEW that is refused adds nothing");
	big.newer = 0;
	is(closed(command(fd, MSHAREARENA_ADD_VIEW, &big)), 0,
	   "ADD_VIEW takes a longer structure of zeros");
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
	is(try_ranges(r, 2), 0, "an array that ends where its mapping does");
	is(try_ranges(r, 3), -EFAULT, "one range more is EFAULT");
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
		is(view_add(NAME, bad[i], &r, 1), -EINVAL, "bad name %zu of a view", i);
	v = view_args("", &r, 1);
	memset(v.view, 'n', sizeof(v.view));
	is(try_view(v), -EINVAL, "32 bytes without a NUL");
	v.view[sizeof(v.view) - 1] = '\0';
	is(try_view(v), 0, "31 bytes are a name");
	v = view_args("short", &r, 1);
	v.view[sizeof(v.view) - 1] = 'x';
	is(try_view(v), -EINVAL, "bytes after the view's name");
	is(view_add(NAME, "rw", &r, 1), -EEXIST, "a view named rw");
	is(view_add(NAME, "ro", &r, 1), -EEXIST, "a view named ro");
	is(view_add(NAME, "A.b-c_9", &r, 1), 0, "every kind of character");
	is(view_add(NAME, "A.b-c_9", &r, 1), -EEXIST, "the same name again");
	is(view_add(NAME, "RW", &r, 1), 0, "capital letters are other names");
}

/* A second region has names of its own, and both go with their region. */
static void test_regions(void)
{
	struct msharearena_range r = range(0, page);
	struct msharearena_view late = view_args("late", &r, 1);
	int rw = region_anew_open(NAME "2", page, PAGES * page), fd;

	is(view_add(NAME "2", "both", &r, 1), 0, "a view of one region");
	is(view_add(NAME, "both", &r, 1), 0, "a view with the same name of another region");
	fd = view_open(NAME "2", "both", O_RDONLY);
	ok(!strcmp(view_region(fd).name, NAME "2") && !strcmp(view_region(fd).view, "both"),
	   "GET_REGION says whose and which");
	is(region_unlink(NAME "2"), 0, "unlink one");
	is(view_open(NAME "2", "both", O_RDONLY), -ENOENT, "its node is gone");
	ok(node_exists("both"), "the view of the other region is still there");
	is(add_view_open(rw, &late), -ENOENT, "a region without a name gets no view with a node");
	late.flags = MSHAREARENA_NO_NODE;
	late.mode = 0;
	is(closed(add_view_open(rw, &late)), 0,
	   "a region without a name gets a view without a node");
	is(add_view_open(rw, &late), -EEXIST, "the name of a view without a node is taken");
	close(fd);
	close(rw);
}

/* As many as there may be, with a hole after each. */
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
	is(view_add(NAME "2", "most", r, n), 0, "%u ranges", n);
	is(view_add(NAME "2", "more", r, n + 1),
	   n == MSHAREARENA_MAX_RANGES ? -EINVAL : -ERANGE, "one more is refused");
	region_unlink(NAME "2");
	free(r);
}

/* rw and ro are two of 64. */
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
	is(ret, -ENOSPC, "too many views");
	is(i - 1, 64, "a region has 64 views and no more");
	is(view_add(NAME "2", "v2", &r, 1), -EEXIST, "a name that is taken says so first");
	region_unlink(NAME "2");
	region_anew(NAME "2", page, PAGES * page);
	is(view_add(NAME "2", "v2", &r, 1), 0, "a new region begins anew");
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
		/* The names of 64 views are not enough for all of it. */
		region_anew(NAME, page, PAGES * page);
		test_names();
		test_regions();
		test_most_ranges();
		test_most_views();
		region_unlink(NAME);
	}
	return done_testing();
}
