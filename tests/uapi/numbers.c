// SPDX-License-Identifier: MIT
/* vm: stock */
/*
 * When no device number is left, who wants one is told, and nothing is left
 * behind; when some are given back, there are some again.
 *
 * timeout: 600
 */
#include "views.h"

#define MAX_REGIONS 80
#define VIEWS 64	/* of a region */
#define NUMBERS 4096	/* that the module has */

static const char *name_of(int i)
{
	static char name[64];

	snprintf(name, sizeof(name), "test-numbers-%d", i);
	return name;
}

/* Views with numbers from @from to before @to. */
static int add_views(int i, int from, int to)
{
	struct msharearena_range r = { .length = SZ_2M, .prot = PROT_R };
	char view[32];
	int ret = 0;

	for (int n = from; n < to && !ret; n++) {
		snprintf(view, sizeof(view), "v%d", n);
		ret = view_add(name_of(i), view, &r, 1);
	}
	return ret;
}

/* As many views as there may be; how many there are then. */
static int fill_region(int i, int *ret)
{
	int n = 2;

	*ret = region_create(name_of(i), SZ_2M, SZ_2M);
	if (*ret)
		return 0;
	while (n < VIEWS) {
		*ret = add_views(i, n, n + 1);
		if (*ret)
			break;
		n++;
	}
	return n;
}

static uint64_t table_bytes(int i)
{
	int fd = view_open(name_of(i), "ro", O_RDONLY);
	uint64_t bytes = view_region(fd).table_bytes;

	close(fd);
	return bytes;
}

static void test_end(void)
{
	int i, ret = 0, total = 0;

	for (i = 0; i < MAX_REGIONS && !ret; i++)
		total += fill_region(i, &ret);
	is(ret, -ENOSPC, "there comes an end");
	is(total, NUMBERS, "after as many views as there are numbers");
	is(region_create("test-numbers-more", SZ_2M, SZ_2M), -ENOSPC, "no region gets a number");
	is(region_unlink("test-numbers-more"), -ENOENT, "nor is it there");
}

/* A region needs two numbers; with one it must not begin. */
static void test_one_left(void)
{
	is(region_unlink(name_of(0)), 0, "a region goes");
	is(region_create(name_of(0), SZ_2M, SZ_2M), 0, "and comes back");
	is(add_views(0, 2, VIEWS - 1), 0, "with all of its views but one");
	is(region_create("test-numbers-more", SZ_2M, SZ_2M), -ENOSPC,
	   "one number is not enough for a region");
	is(view_open("test-numbers-more", "rw", O_RDWR), -ENOENT, "which has no node then");
	is(add_views(0, VIEWS - 1, VIEWS), 0, "but for a view");
}

static void test_none_left(void)
{
	uint64_t tables;
	int ret;

	is(region_unlink(name_of(1)), 0, "a region goes");
	is(region_create(name_of(1), SZ_2M, SZ_2M), 0, "and comes back");
	is(fill_region(MAX_REGIONS, &ret), VIEWS - 2, "another one takes the other numbers");
	tables = table_bytes(1);
	is(add_views(1, 2, VIEWS), -ENOSPC, "a view without a number");
	is(table_bytes(1), tables, "leaves no tables");
}

int main(void)
{
	test_end();
	test_one_left();
	test_none_left();
	for (int i = 0; i <= MAX_REGIONS; i++)
		region_unlink(name_of(i));
	return done_testing();
}
