// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Where memory comes into a region: at any offset, with holes, at the very end
 * of a window, beside what is there in the same tables, while processes with
 * each view are attached, who must see it at once, and see nothing else.
 */
#include "util.h"

#define NAME "test-grow"
#define RW (PROT_READ | PROT_WRITE)

static uint64_t page_size;
static int region;
static char *base;
static struct peer rw, ro;	/* attached since before it grew */

static void begin(uint64_t size, uint64_t length)
{
	diag("pages of %lu KiB", (unsigned long)size >> 10);
	page_size = size;
	region_unlink(NAME);
	if (region_create(NAME, size, length))
		bail("create");
	region = view_open(NAME, "rw", O_RDWR);
}

/* With a first page at @offset, without which nobody can attach. */
static void attach_all(uint64_t offset)
{
	is(donate(region, page_size, page_size, offset), 0, "(a first page)");
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

/* The page's own data, for everybody; only rw may store. */
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

/* A hole, in which all three have looked, becomes a page. */
static void grow_at(uint64_t offset, const char *where)
{
	ok(hole(offset), "%s: a hole", where);
	is(donate(region, page_size, page_size, offset), 0, "memory comes");
	ok(page(offset), "memory that was exported is there in all processes at once");
}

static void test_ends(void)
{
	begin(page_size, WINDOW);
	attach_all(0);
	grow_at(WINDOW - page_size, "the last page of the window");
	ok(page(0), "the first page is still there");
	is(view_export(region, base, page_size, WINDOW), -ERANGE,
	   "nothing can be exported behind the window");
	end();
}

/* Pages next to each other, and in the corners of the tables they share. */
static void test_neighbours(void)
{
	static const struct {
		uint64_t number;
		const char *where;
	} pages[] = {
		{ 1, "the next page" },
		{ 511, "the last of a table" },
		{ 512, "the first of the next table" },
		{ 512 * 511, "in the last table of a GiB" },
		{ 512 * 512, "in the next GiB" },
		{ 512 * 512 * 3 + 7, "three GiB on" },
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
	ok(still, "what was there stays, and behind it is a hole each time");
	end();
}

/* Part of it has memory: then none comes. */
static void test_overlaps(void)
{
	long before;

	begin(page_size, 64 * page_size);
	attach_all(8 * page_size);
	before = pages_free(page_size);
	is(donate(region, page_size, 2 * page_size, 8 * page_size), -EEXIST,
	   "an export over the beginning of memory is EEXIST");
	is(donate(region, page_size, 2 * page_size, 7 * page_size), -EEXIST,
	   "an export over the end of memory is EEXIST");
	is(donate(region, page_size, 4 * page_size, 6 * page_size), -EEXIST,
	   "an export over all of the memory is EEXIST");
	is(donate(region, page_size, page_size, 8 * page_size), -EEXIST, "just the same");
	ok(hole(7 * page_size) && hole(9 * page_size), "an export that fails brings nothing in");
	is(pages_free(page_size), before, "an export that fails keeps no page");
	is(donate(region, page_size, 8 * page_size, 0), 0,
	   "memory can be exported up to other memory");
	is(donate(region, page_size, 8 * page_size, 9 * page_size), 0,
	   "memory can be exported behind other memory");
	ok(page(7 * page_size) && page(8 * page_size) && page(9 * page_size),
	   "pages that meet are all there");
	is(view_region(region).exported, 17 * page_size, "exported counts it");
	end();
}

/* Two offsets and another region can show the same memory. */
static void test_twice(void)
{
	char *d = donor(page_size, page_size), *at;
	int second;

	begin(page_size, 64 * page_size);
	attach_all(0);
	is(view_export(region, d, page_size, 3 * page_size), 0, "memory at one offset");
	is(view_export(region, d, page_size, 5 * page_size), 0,
	   "the same memory can be exported to another place");
	region_create("test-grow-2", page_size, page_size);
	second = view_open("test-grow-2", "rw", O_RDWR);
	is(view_export(second, d, page_size, 0), 0,
	   "the same memory can be exported to another region");
	at = attach(second, RW);
	ok(at && at != base, "one process attaches both regions");
	munmap(d, page_size);
	PEER(rw, .op = PEER_STORE, .a = (intptr_t)base + 3 * page_size + 64, .b = 0x77);
	is(*(volatile uint64_t *)(base + 5 * page_size + 64), 0x77,
	   "pages at two places are the same memory");
	is(*(volatile uint64_t *)(at + 64), 0x77, "(there too)");
	end();
	is(*(volatile uint64_t *)(at + 64), 0x77,
	   "memory in two regions stays with one when the other ends");
	region_unlink("test-grow-2");
	close(second);
	munmap(at, WINDOW);
}

/* Tables of both views are counted, and made only where they are needed. */
static void test_tables(void)
{
	uint64_t pages[4];

	begin(page_size, 8 * SZ_1G);
	pages[0] = view_region(region).table_bytes / 4096;
	attach_all(0);
	pages[1] = view_region(region).table_bytes / 4096;
	is(donate(region, page_size, page_size, page_size), 0, "(the next page)");
	pages[2] = view_region(region).table_bytes / 4096;
	is(donate(region, page_size, page_size, 3 * SZ_1G), 0, "(one three GiB on)");
	pages[3] = view_region(region).table_bytes / 4096;
	is(pages[0], 2 * 4, "an empty region has four pages of tables a view");
	is(pages[1] - pages[0], page_size == SZ_4K ? 4 : 2, "the first page brings more tables");
	is(pages[2] - pages[1], page_size == SZ_1G ? 2 : 0,
	   "the next page lies in the same tables");
	is(pages[3] - pages[2], page_size == SZ_4K ? 4 : 2,
	   "an export to another GiB brings more tables");
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
	is(pages_free(size), before, "all pages are back");
}

/* With two pages of this size in the machine. */
static void test_1g(void)
{
	long before = pages_free(SZ_1G);

	test_size(SZ_1G);
	test_twice();
	begin(SZ_1G, 8 * SZ_1G);
	attach_all(2 * SZ_1G);
	is(donate(region, SZ_1G, SZ_1G, 2 * SZ_1G), -EEXIST, "a GiB that is there");
	is(view_export(region, base, 2 * SZ_1G, SZ_1G), -EEXIST,
	   "an export over a GiB that is half there is EEXIST");
	grow_at(5 * SZ_1G, "three GiB on");
	ok(page(2 * SZ_1G) && hole(3 * SZ_1G) && hole(4 * SZ_1G) && hole(6 * SZ_1G),
	   "what was there stays, with holes between");
	is(donate(region, SZ_1G, SZ_1G, 0), -ENOMEM, "no third page is in the pool: ENOMEM");
	ok(hole(0), "(still a hole)");
	end();
	is(pages_free(SZ_1G), before, "all pages are back");
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
