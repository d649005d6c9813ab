// SPDX-License-Identifier: MIT
/*
 * Goal: the view of each role shows what its process needs and lets it write nothing else, so
 * that no page of a region has two writers.
 * Method: for layouts of many shapes, made for each page size, a map says for each page how
 * each role's view shows it; it is compared with the groups of the layout.
 */
#include <errno.h>
#include <arena/layout.h>
#include <libarena/buffer/view.h>
#include <string.h>
#include <sys/mman.h>

#include "tap.h"

#define KIB		(1ULL << 10)
#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define READ_WRITE	(PROT_READ | PROT_WRITE)
#define MAX_PAGES	65536

static struct arena_layout layout;

/* Of the view that is looked at, and how many views so far could write a page. */
static uint8_t shown[MAX_PAGES];
static uint8_t writers[MAX_PAGES];

static struct arena_config config_of(uint64_t length, uint64_t align, uint32_t first,
				     uint32_t second)
{
	return (struct arena_config){
		.size = sizeof(struct arena_config),
		.length = length,
		.align = align,
		.channel_entries = 64,
		.classes = {
			{ .processes = first, .group = { { 1, 512, 33 }, { 2, 4096, 0 } } },
			{ .processes = second, .group = { { 1, 64, 5 }, { 3, 64 << 10, 0 } } },
		},
	};
}

static void make(const struct arena_config *c)
{
	int ret = arena_layout_make(&layout, c);

	if (ret)
		bail("cannot make a layout: %d", ret);
}

/* Draw the ranges into the map; false if they are not ones that a region accepts. */
static bool draw(const struct mshare_range *range, int n, uint64_t page)
{
	uint64_t end = 0;

	memset(shown, 0, sizeof(shown));
	for (int i = 0; i < n; i++) {
		const struct mshare_range *r = &range[i];

		if (r->offset < end || !r->length || (r->offset | r->length) % page ||
		    (r->prot != PROT_READ && r->prot != READ_WRITE))
			return false;
		end = r->offset + r->length;
		for (uint64_t p = r->offset / page; p < end / page; p++) {
			shown[p] = (uint8_t)r->prot;
			writers[p] += r->prot == READ_WRITE;
		}
	}
	return true;
}

/* All of a range of bytes is shown with @prot. */
static bool is_shown(uint64_t offset, uint64_t length, uint64_t page, int prot)
{
	for (uint64_t p = offset / page; p <= (offset + length - 1) / page; p++)
		if (shown[p] != prot)
			return false;
	return true;
}

static int wanted(uint32_t viewer, uint32_t writer)
{
	if (viewer == writer)
		return READ_WRITE;
	return ARENA_ROLE_CLASS(viewer) == ARENA_ROLE_CLASS(writer) ? PROT_NONE : PROT_READ;
}

static bool view_is_right(uint32_t role, uint64_t page)
{
	struct mshare_range range[ARENA_VIEW_RANGES];
	int n = arena_view_ranges(&layout, role, page, range);

	if (n <= 0 || !draw(range, n, page) || !is_shown(0, sizeof(layout), page, PROT_READ))
		return false;
	for (uint32_t i = 0; i < layout.n_groups; i++) {
		const struct arena_group *g = &layout.group[i];

		if (!is_shown(g->offset, (uint64_t)g->buffer_size * g->count, page,
			      wanted(role, g->role)))
			return false;
	}
	return true;
}

/* The views of all roles together. */
static void test_layout(unsigned long long length, unsigned long long page, uint32_t first,
			uint32_t second)
{
	struct arena_config c = config_of(length, page, first, second);
	int most = 0;
	bool good = true;

	make(&c);
	memset(writers, 0, sizeof(writers));
	for (uint32_t i = 0; i < first; i++)
		good = good && view_is_right(ARENA_ROLE(0, i), page);
	for (uint32_t i = 0; i < second; i++)
		good = good && view_is_right(ARENA_ROLE(1, i), page);
	for (uint64_t p = 0; p < length / page; p++)
		most = writers[p] > most ? writers[p] : most;
	ok(good, "each of %u and %u processes is shown what it needs, in %llu KiB of %llu KiB "
	   "pages", first, second, length / KIB, page / KIB);
	is(most, 1, "of %u and %u processes no two can write one page, in %llu KiB of %llu KiB "
	   "pages", first, second, length / KIB, page / KIB);
}

/* One page for the layout alone would be too much memory. */
static void test_first_page(void)
{
	struct arena_config c = config_of(5 * GIB, GIB, 2, 3);
	struct mshare_range range[ARENA_VIEW_RANGES];

	make(&c);
	is(arena_view_ranges(&layout, ARENA_ROLE(0, 0), GIB, range), 2,
	   "the first role sees its page of 1 GiB and those of the other class");
	ok(range[0].offset == 0 && range[0].length == GIB && range[0].prot == READ_WRITE,
	   "the first role can write the page of 1 GiB on which the layout lies");
	is(arena_view_ranges(&layout, ARENA_ROLE(0, 1), GIB, range), 3,
	   "the second role sees the layout, its page of 1 GiB and those of the other class");
	ok(range[0].length == GIB && range[0].prot == PROT_READ,
	   "the second role can read the page of 1 GiB on which the layout lies");
	ok(range[1].offset == GIB && range[1].length == GIB && range[1].prot == READ_WRITE,
	   "the second role can write its own page of 1 GiB");
	is(arena_view_ranges(&layout, ARENA_ROLE(1, 0), GIB, range), 2,
	   "a role of the other class sees the first class's pages and its own");
	ok(range[0].length == 2 * GIB && range[0].prot == PROT_READ,
	   "a role of the other class can read both pages of the first class");
}

static void test_refused(void)
{
	struct arena_config c = config_of(63 * MIB, 4096, 2, 2);
	struct mshare_range range[ARENA_VIEW_RANGES];

	make(&c);
	is(arena_view_ranges(&layout, ARENA_ROLE(0, 0), 2 * MIB, range), -EINVAL,
	   "a layout that is aligned to 4 KiB has no views in pages of 2 MiB");
	is(arena_view_ranges(&layout, ARENA_ROLE(0, 2), 4096, range), -ENOENT,
	   "a number that the class does not have has no view");
	is(arena_view_ranges(&layout, ARENA_ROLE(2, 0), 4096, range), -ENOENT,
	   "a class that the layout does not have has no view");
}

int main(void)
{
	static const uint32_t numbers[][2] = { { 1, 1 }, { 1, 8 }, { 3, 2 }, { 8, 1 }, { 5, 7 } };

	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		test_layout(64 * MIB, 4096, numbers[i][0], numbers[i][1]);
		/* Shares that are no multiple of a page. */
		test_layout(63 * MIB + 12288, 4096, numbers[i][0], numbers[i][1]);
		test_layout(256 * MIB, 2 * MIB, numbers[i][0], numbers[i][1]);
		test_layout(250 * MIB, 2 * MIB, numbers[i][0], numbers[i][1]);
	}
	test_first_page();
	test_refused();
	return done_testing();
}
