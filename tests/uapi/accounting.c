// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the page tables of a region are counted in meminfo, and not in the page tables of
 * any process that attaches it.
 */
#include "views.h"

#define NAME "test-accounting"
#define PAGES 512	/* 2 MiB apart: a table for each in each view */

/* The value of a line in a file like meminfo, in bytes. */
static long value_of(const char *file, const char *name)
{
	char line[256];
	long kib = -1;
	FILE *f;

	/* Each processor has a counter of its own; reading this adds them up. */
	read_long("/proc/sys/vm/stat_refresh");
	f = fopen(file, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			sscanf(line + strlen(name), ": %ld", &kib);
	if (!f || kib < 0)
		bail("%s has no %s", file, name);
	fclose(f);
	return kib << 10;
}

static long page_tables(void)
{
	return value_of("/proc/meminfo", "PageTables");
}

/* Page tables of other processes come and go, too, so the numbers are not exact. */
static bool about(long bytes, long want)
{
	return labs(bytes - want) < 512 << 10;
}

static void export_far_apart(int fd)
{
	char *p = donor(SZ_4K, SZ_4K);

	for (unsigned long i = 0; i < PAGES; i++)
		if (view_export(fd, p, SZ_4K, i * SZ_2M))
			bail("export: %s", strerror(errno));
	munmap(p, SZ_4K);
}

static void test_meminfo(int fd)
{
	struct msharearena_range r = { .length = PAGES * SZ_2M, .prot = PROT_RW };
	long before = page_tables(), tables = view_region(fd).table_bytes;
	long meminfo, more;

	export_far_apart(fd);
	more = view_region(fd).table_bytes - tables;
	meminfo = page_tables() - before;
	ok(more >= 2 * PAGES * 4096L,
	   "the region has %ld KiB of page tables for %u pages", more >> 10, PAGES);
	ok(about(meminfo, more),
	   "meminfo counts the region's page tables (%ld KiB)", meminfo >> 10);
	is(view_add(NAME, "third", &r, 1), 0, "a third view can be added");
	more = view_region(fd).table_bytes - tables;
	meminfo = page_tables() - before;
	ok(more >= 3 * PAGES * 4096L,
	   "each view has page tables of its own, together %ld KiB", more >> 10);
	ok(about(meminfo, more), "meminfo counts the page tables of three views (%ld KiB)",
	   meminfo >> 10);
}

static void test_process(int fd)
{
	long before = value_of("/proc/self/status", "VmPTE"), meminfo = page_tables();
	char *base = attach(fd, PROT_READ | PROT_WRITE);

	ok(labs(value_of("/proc/self/status", "VmPTE") - before) <= 16 << 10,
	   "a process that attaches the region has no more page tables than before");
	ok(about(page_tables(), meminfo), "attaching the region adds no page tables to meminfo");
	munmap(base, WINDOW);
	ok(labs(value_of("/proc/self/status", "VmPTE") - before) <= 16 << 10,
	   "the process has no fewer page tables after it detached");
}

int main(void)
{
	long before = page_tables();
	int fd;

	region_anew(NAME, SZ_4K, PAGES * SZ_2M);
	fd = view_open(NAME, "rw", O_RDWR);
	test_meminfo(fd);
	test_process(fd);
	close(fd);
	region_unlink(NAME);
	ok(about(page_tables(), before),
	   "meminfo has as many page tables as before after the region ended");
	return done_testing();
}
