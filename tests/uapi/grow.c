// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: memory can be exported to any offset of a region, beside holes, at the very end of
 * the window and beside memory in the same tables. Processes that have each view attached
 * see the new memory at once, and nothing else.
 */
#include "util.h"

#define NAME "test-grow"
#define RW (PROT_READ | PROT_WRITE)

static uint64_t page_size;
static int region;
static char *base;
static struct peer rw, ro;	/* attached before the region grows */

static void begin(uint64_t size, uint64_t length)
{
	diag("pages of %lu KiB", (unsigned long)size >> 10);
	page_size = size;
	region_unlink(NAME);
	if (region_create(NAME, size, length))
		bail("create");
	region = view_open(NAME, "rw", O_RDWR);
}

/* Export a first page to @offset, without which the region cannot be attached, and attach. */
static void attach_all(uint64_t offset)
{
	is(donate(region, page_size, page_size, offset), 0, "a first page is exported");
	base = attach(region, RW);
	rw = peer_start();
	ro = peer_start();
	if (!base || peer_attach(&rw, NAME, false) < 0 || peer_attach(&ro, NAME, true) < 0)
		bail("attach");
}

static void end(void)
{
	peer_kill(&rw);
	peer_kill(&ro);
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(region);
}

static int loads(struct peer *p, uint64_t offset)
{
	return PEER(*p, .op = PEER_LOAD, .a = (intptr_t)base + offset);
}

static bool hole(uint64_t offset)
{
	uint64_t v;

	return loads(&rw, offset) == SIGBUS && loads(&ro, offset) == SIGBUS &&
	       try_load(base + offset, &v) == SIGBUS &&
	       PEER(rw, .op = PEER_STORE, .a = (intptr_t)base + offset, .b = 1) == SIGSEGV &&
	       PEER(ro, .op = PEER_STORE, .a = (intptr_t)base + offset, .b = 1) == SIGSEGV;
}

/* All processes see the page's own content, and only those of the view rw can store. */
static bool page(uint64_t offset)
{
	intptr_t at = (intptr_t)base + offset;
	long stored = PEER(rw, .op = PEER_STORE, .a = at, .b = offset + 1);
	long refused = PEER(ro, .op = PEER_STORE, .a = at, .b = 9);

	if (stored || refused != SIGSEGV)
		return false;
	if (loads(&ro, offset) || ro.value != offset + 1)
		return false;
	if (loads(&rw, offset + page_size - 8) || loads(&ro, offset + page_size - 8))
		return false;
	return *(volatile uint64_t *)at == offset + 1;
}

/* Export a page to a hole in which all processes have looked before. */
static void grow_at(uint64_t offset, const char *where)
{
	ok(hole(offset), "%s is a hole before the export", where);
	is(donate(region, page_size, page_size, offset), 0, "a page is exported to %s", where);
	ok(page(offset), "all processes see the new page at %s", where);
}

static void test_ends(void)
{
	begin(page_size, WINDOW);
	attach_all(0);
	grow_at(WINDOW - page_size, "the last page of the window");
	ok(page(0), "the first page is still there");
	is(view_export(region, base, page_size, WINDOW), -ERANGE,
	   "an export behind the window gives ERANGE");
	end();
}

/* Pages beside each other, and at the first and last entries of tables. */
static void test_neighbours(void)
{
	static const struct {
		uint64_t number;
		const char *where;
	} pages[] = {
		{ 1, "the second page" },
		{ 511, "the last page of a table" },
		{ 512, "the first page of the next table" },
		{ 512 * 511, "a page in the last table of a GiB" },
		{ 512 * 512, "a page in the next GiB" },
		{ 512 * 512 * 3 + 7, "a page three GiB later" },
	};
	uint64_t last = 0;
	bool still = true;

	begin(page_size, page_size == SZ_4K ? 8 * SZ_1G : WINDOW);
	attach_all(0);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		uint64_t offset = pages[i].number * page_size;

		if (offset >= view_region(region).length)
			break;
		grow_at(offset, pages[i].where);
		still &= page(last) && page(0) && hole(offset + page_size);
		last = offset;
	}
	ok(still, "each new page leaves earlier ones as they are and a hole behind it");
	end();
}

/* An export to a range that has memory in part brings nothing in. */
static void test_overlaps(void)
{
	long before;

	begin(page_size, 64 * page_size);
	attach_all(8 * page_size);
	before = pages_free(page_size);
	is(donate(region, page_size, 2 * page_size, 8 * page_size), -EEXIST,
	   "an export over the beginning of memory gives EEXIST");
	is(donate(region, page_size, 2 * page_size, 7 * page_size), -EEXIST,
	   "an export over the end of memory gives EEXIST");
	is(donate(region, page_size, 4 * page_size, 6 * page_size), -EEXIST,
	   "an export over all of the memory gives EEXIST");
	is(donate(region, page_size, page_size, 8 * page_size), -EEXIST,
	   "an export to exactly the place of memory gives EEXIST");
	ok(hole(7 * page_size) && hole(9 * page_size), "an export that fails brings nothing in");
	is(pages_free(page_size), before, "an export that fails keeps no page");
	is(donate(region, page_size, 8 * page_size, 0), 0,
	   "memory can be exported up to other memory");
	is(donate(region, page_size, 8 * page_size, 9 * page_size), 0,
	   "memory can be exported behind other memory");
	ok(page(7 * page_size) && page(8 * page_size) && page(9 * page_size),
	   "all processes see pages of exports that meet");
	is(view_region(region).exported, 17 * page_size,
	   "GET_REGION counts the memory of all exports");
	end();
}

/* The same memory can be exported to two offsets and to another region. */
static void test_twice(void)
{
	char *d = donor(page_size, page_size), *at;
	int second;

	begin(page_size, 64 * page_size);
	attach_all(0);
	is(view_export(region, d, page_size, 3 * page_size), 0,
	   "memory can be exported to one offset");
	is(view_export(region, d, page_size, 5 * page_size), 0,
	   "the same memory can be exported to another offset");
	region_create("test-grow-2", page_size, page_size);
	second = view_open("test-grow-2", "rw", O_RDWR);
	is(view_export(second, d, page_size, 0), 0,
	   "the same memory can be exported to another region");
	at = attach(second, RW);
	ok(at && at != base, "one process attaches both regions");
	munmap(d, page_size);
	PEER(rw, .op = PEER_STORE, .a = (intptr_t)base + 3 * page_size + 64, .b = 0x77);
	is(*(volatile uint64_t *)(base + 5 * page_size + 64), 0x77,
	   "a store is seen at another offset with the same memory");
	is(*(volatile uint64_t *)(at + 64), 0x77,
	   "a store is seen in another region with the same memory");
	end();
	is(*(volatile uint64_t *)(at + 64), 0x77,
	   "a region keeps its memory after another region with the same memory ended");
	region_unlink("test-grow-2");
	close(second);
	munmap(at, WINDOW);
}

/* The tables of both views are counted, and made only where they are needed. */
static void test_tables(void)
{
	uint64_t pages[4];

	begin(page_size, 8 * SZ_1G);
	pages[0] = view_region(region).table_bytes / 4096;
	attach_all(0);
	pages[1] = view_region(region).table_bytes / 4096;
	is(donate(region, page_size, page_size, page_size), 0,
	   "a page beside the first one is exported");
	pages[2] = view_region(region).table_bytes / 4096;
	is(donate(region, page_size, page_size, 3 * SZ_1G), 0,
	   "a page three GiB later is exported");
	pages[3] = view_region(region).table_bytes / 4096;
	is(pages[0], 2 * 4, "an empty region has four pages of tables for each view");
	is(pages[1] - pages[0], page_size == SZ_4K ? 4 : 2, "the first page adds tables");
	is(pages[2] - pages[1], page_size == SZ_1G ? 2 : 0,
	   "a page beside the first one adds tables only if it is of 1 GiB");
	is(pages[3] - pages[2], page_size == SZ_4K ? 4 : 2,
	   "an export to another GiB adds tables");
	end();
}

static void test_size(uint64_t size)
{
	long before = pages_free(size);

	page_size = size;
	test_ends();
	if (size != SZ_1G) {
		test_neighbours();
		test_overlaps();
		test_twice();
		test_tables();
	}
	is(pages_free(size), before, "all pages are free at the end");
}

/* The machine has two pages of 1 GiB. */
static void test_1g(void)
{
	long before = pages_free(SZ_1G);

	test_size(SZ_1G);
	test_twice();
	begin(SZ_1G, 8 * SZ_1G);
	attach_all(2 * SZ_1G);
	is(donate(region, SZ_1G, SZ_1G, 2 * SZ_1G), -EEXIST,
	   "an export over a GiB of memory gives EEXIST");
	is(view_export(region, base, 2 * SZ_1G, SZ_1G), -EEXIST,
	   "an export over two GiB, of which one has memory, gives EEXIST");
	grow_at(5 * SZ_1G, "a page of 1 GiB three GiB later");
	ok(page(2 * SZ_1G) && hole(3 * SZ_1G) && hole(4 * SZ_1G) && hole(6 * SZ_1G),
	   "the first page of 1 GiB stays, with holes before the second");
	is(donate(region, SZ_1G, SZ_1G, 0), -ENOMEM,
	   "a donor gets ENOMEM when the pool has no page of 1 GiB left");
	ok(hole(0), "a hole stays one when the pool had no page for it");
	end();
	is(pages_free(SZ_1G), before, "all 1 GiB pages are free at the end");
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(64);
	need_1g(2);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_1g();
	return done_testing();
}
