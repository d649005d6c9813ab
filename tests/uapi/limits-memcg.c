// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the page tables that an export needs are charged to the memory cgroup of the
 * process that exports. When its memory.max is reached, the export fails and leaves
 * nothing behind.
 *
 * timeout: 300
 */
#include "memcg.h"
#include "views.h"

#define NAME "test-memcg"
#define PAGES 256	/* 2 MiB apart: a table for each, in each of two views */

static long stat_of(const char *name)
{
	char key[64];
	long value, found = -1;
	FILE *f;

	f = fopen(GROUP "/memory.stat", "re");
	while (f && fscanf(f, "%63s %ld", key, &value) == 2)
		if (!strcmp(key, name))
			found = value;
	if (!f || found < 0)
		bail("memory.stat of the cgroup has no %s", name);
	fclose(f);
	return found;
}

/* The kernel counts in batches, so the value may be late and not quite exact. */
static bool falls_below(const char *name, long limit)
{
	for (int ms = 0; ms < 30000; ms++) {
		if (stat_of(name) < limit)
			return true;
		usleep(1000);
	}
	return false;
}

/* ---- in the cgroup: one page is exported again and again, to offsets far apart ---- */

static char *small_page;

static int export_at(int fd, unsigned int i)
{
	return view_export(fd, small_page, SZ_4K, i * SZ_2M);
}

/* Export up to @n pages from @first on; returns how many succeeded. */
static unsigned int export_some(unsigned int first, unsigned int n, int *ret)
{
	int fd = view_open(NAME, "rw", O_RDWR);
	unsigned int i;

	*ret = 0;
	for (i = 0; i < n && !*ret; i++)
		*ret = export_at(fd, first + i);
	close(fd);
	return *ret ? i - 1 : i;
}

static int fill_region(void *arg)
{
	int ret;

	(void)arg;
	return export_some(0, PAGES, &ret) == PAGES && !ret ? 0 : 1;
}

static void test_charged(int fd)
{
	long before = stat_of("pagetables"), outside = view_region(fd).table_bytes;
	long tables, charged;

	is(in_group(fill_region, NULL), 0,
	   "a process in the cgroup exports a page %d times", PAGES);
	tables = view_region(fd).table_bytes - outside;
	charged = stat_of("pagetables") - before;
	ok(tables >= 2 * PAGES * 4096L,
	   "the exports in the cgroup need %ld KiB of page tables", tables >> 10);
	ok(charged > tables / 4 * 3 && charged < tables / 4 * 5,
	   "the cgroup is charged with %ld KiB of page tables after the process ended",
	   charged >> 10);
}

static void test_not_charged(void)
{
	long before = stat_of("pagetables");

	is(fill_region(NULL), 0, "a process outside of the cgroup exports as much");
	ok(stat_of("pagetables") - before < PAGES * 4096L / 2,
	   "page tables of exports outside of the cgroup are not charged to it");
}

/* ---- at the limit ---- */

/* Shared with the child. */
static struct {
	unsigned int n;
	int ret;
} *outcome;

static int fill_until_full(void *arg)
{
	(void)arg;
	outcome->n = export_some(0, 512, &outcome->ret);
	return 0;
}

static int go_on(void *arg)
{
	int ret;

	(void)arg;
	return export_some(outcome->n, 16, &ret) == 16 ? 0 : 1;
}

static bool all_there(const char *base, unsigned int n)
{
	uint64_t value;

	for (unsigned int i = 0; i < n; i++)
		if (try_load(base + i * SZ_2M, &value) || value != 4711)
			return false;
	return true;
}

static void test_full(int fd)
{
	char limit[32];
	uint64_t value;
	char *base;

	snprintf(limit, sizeof(limit), "%ld", group_bytes() + (1L << 20));
	group_write(GROUP "/memory.max", limit);
	oom_log_begin();
	is(in_group(fill_until_full, NULL), 0, "a process exports in a cgroup of %s bytes", limit);
	oom_log_end();
	is(outcome->ret, -ENOMEM, "an export in a full cgroup gives ENOMEM");
	ok(outcome->n > 16 && outcome->n < 512,
	   "exports in a small cgroup fail after %u of them", outcome->n);
	is(view_region(fd).exported, outcome->n * SZ_4K,
	   "GET_REGION counts each export that succeeded in a small cgroup");
	base = attach(fd, PROT_READ);
	ok(base && all_there(base, outcome->n),
	   "each page that was exported in a small cgroup is there");
	is(try_load(base + outcome->n * SZ_2M, &value), SIGBUS,
	   "the export that failed in a small cgroup has brought nothing in");
	group_write(GROUP "/memory.max", "max");
	is(in_group(go_on, NULL), 0, "exports succeed after memory.max was raised");
	ok(all_there(base, outcome->n + 16), "each page is there after memory.max was raised");
	munmap(base, WINDOW);
}

static void with_region(void (*test)(int fd))
{
	long free = pages_free(SZ_4K);
	int fd;

	region_anew(NAME, SZ_4K, SZ_1G);
	fd = view_open(NAME, "rw", O_RDWR);
	test(fd);
	close(fd);
	region_unlink(NAME);
	is(pages_free(SZ_4K), free, "no page is pinned after the region ended");
	ok(falls_below("pagetables", 300 << 10),
	   "the cgroup is not charged with page tables after the region ended");
}

static void test_outside(int fd)
{
	(void)fd;
	test_not_charged();
}

int main(void)
{
	if (!group_begin()) {
		skip("no cgroup2 with the memory controller at " CGROUPS);
		return done_testing();
	}
	/* This memory is touched before the cgroup is limited. */
	small_page = donor(SZ_4K, SZ_4K);
	outcome = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*(volatile uint64_t *)small_page = 4711;
	outcome->n = 0;
	with_region(test_charged);
	with_region(test_outside);
	with_region(test_full);
	group_end();
	return done_testing();
}
