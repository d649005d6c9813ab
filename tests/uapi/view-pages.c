// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: each page of an added view allows the right access: in views that were added
 * before, between and after the exports, with attachments from before an export, and while
 * leaves of 1 GiB are demoted and promoted.
 *
 * Clearing four pages of 1 GiB takes long under emulation.
 * timeout: 600
 */
#include "views.h"

#define NAME "test-view-pages"

/* Memory is exported in two parts; pages that are in neither stay holes. */
struct plan {
	uint64_t page;
	const char *layout;
	unsigned int first, n_first;
	unsigned int second, n_second;
};

/* The range 'ww' gets its memory from both exports, and the last 'w' none. */
static const struct plan plans[] = {
	{ SZ_4K, "wr.wwr.w", 0, 4, 4, 3 },
	{ SZ_4K, ".rw..wr.", 5, 3, 0, 4 },
	{ SZ_2M, "wr.wwr.w", 0, 4, 4, 3 },
	{ SZ_2M, ".rw..wr.", 5, 3, 0, 4 },
	{ SZ_1G, "wrw", 0, 1, 1, 1 },
	{ SZ_1G, "r.wr", 2, 1, 1, 1 },
};

/* The place of a load and a store: the first, a middle or the last word of a page. */
static uint64_t place(uint64_t page, int i)
{
	return i == 0 ? 0 : i == 1 ? page / 2 + 8 : page - 8;
}

/* Check one page, with a peer that attached the view and this process, which can write all. */
static bool page_allows(struct peer *p, char *at, uint64_t page, char letter, bool memory)
{
	int load = memory && letter != '.' ? 0 : SIGBUS;
	int store = memory && letter == 'w' ? 0 : SIGSEGV;
	static uint64_t fresh;
	int sig;

	for (int i = 0; i < 3; i++) {
		volatile uint64_t *word = (uint64_t *)(at + place(page, i));
		intptr_t a = (intptr_t)word;

		if (memory)
			*word = ++fresh;
		sig = PEER(*p, .op = PEER_LOAD, .a = a);
		if (sig != load || (!load && p->value != fresh))
			return false;
		sig = PEER(*p, .op = PEER_STORE, .a = a, .b = ++fresh);
		if (sig != store || (memory && *word != fresh - !!store))
			return false;
	}
	return true;
}

static bool has_memory(const struct plan *p, unsigned int i, bool grown)
{
	return (i >= p->first && i < p->first + p->n_first) ||
	       (grown && i >= p->second && i < p->second + p->n_second);
}

static void check_pages(struct peer *peer, char *base, const struct plan *p, bool grown,
			const char *what)
{
	for (unsigned int i = 0; p->layout[i]; i++) {
		bool memory = has_memory(p, i, grown);

		ok(page_allows(peer, base + i * p->page, p->page, p->layout[i], memory),
		   "in a view %s page %u%s allows the access '%c'", what, i,
		   memory ? "" : " (a hole)", p->layout[i]);
	}
}

static void export_pages(int fd, const struct plan *p, unsigned int first, unsigned int n)
{
	int ret = donate(fd, p->page, n * p->page, first * p->page);

	if (ret)
		bail("donate: %s", strerror(-ret));
}

/* Reading smaps demotes the leaves of the peer's view, which are promoted some time later. */
static void test_demotion(struct peer *peer, int fd, char *base, const struct plan *p)
{
	struct peer_msg m = { .op = PEER_READ_FILE, .text = "/proc/self/smaps" };
	struct msharearena_region before = view_region(fd);

	ok(peer_call(peer, m) > 0 && view_region(fd).demotions > before.demotions,
	   "reading smaps demotes leaves of the view");
	check_pages(peer, base, p, true, "after a demotion");
	for (int i = 0; i < 60000 && view_region(fd).promotions == before.promotions; i++)
		usleep(1000);
	ok(view_region(fd).promotions > before.promotions, "the leaves of the view are promoted");
	check_pages(peer, base, p, true, "after a promotion");
}

static void test_plan(const struct plan *p)
{
	long free = pages_free(p->page);
	struct peer early, between, after;
	char *base;
	int fd;

	diag("pages of %lu KiB, layout %s", (unsigned long)p->page >> 10, p->layout);
	region_anew(NAME, p->page, strlen(p->layout) * p->page);
	fd = view_open(NAME, "rw", O_RDWR);
	is(layout_add(NAME, "before", p->layout, p->page), 0,
	   "a view is added before the first export");
	export_pages(fd, p, p->first, p->n_first);
	base = attach(fd, PROT_READ | PROT_WRITE);
	early = view_peer(NAME, "before", PROT_READ | PROT_WRITE);
	check_pages(&early, base, p, false, "added before the exports");
	is(layout_add(NAME, "between", p->layout, p->page), 0,
	   "a view is added between two exports");
	between = view_peer(NAME, "between", PROT_READ | PROT_WRITE);
	check_pages(&between, base, p, false, "added between the exports");

	export_pages(fd, p, p->second, p->n_second);
	check_pages(&early, base, p, true, "added before, after both exports,");
	check_pages(&between, base, p, true, "added between, after both exports,");
	is(layout_add(NAME, "after", p->layout, p->page), 0, "a view is added after both exports");
	after = view_peer(NAME, "after", PROT_READ | PROT_WRITE);
	check_pages(&after, base, p, true, "added after the exports");
	/* Demotion alternates between the two twins of a table. */
	for (int i = 0; i < 3 && p->page == SZ_1G; i++)
		test_demotion(&after, fd, base, p);
	peer_kill(&early);
	peer_kill(&between);
	peer_kill(&after);
	munmap(base, WINDOW);
	close(fd);
	region_unlink(NAME);
	is(pages_free(p->page), free, "all pages are free at the end");
}

/*
 * Ranges and memory that cross the border of page tables: at 1 GiB, and for 4 KiB pages at
 * 2 MiB. On each side of the border there is a page that the view shows, and beyond it two
 * pages that it does not show.
 */
static void test_border(uint64_t page, uint64_t border)
{
	static const char layout[] = "..wr..";
	struct msharearena_range r[] = {
		{ .offset = border - page, .length = page, .prot = PROT_RW },
		{ .offset = border, .length = page, .prot = PROT_R },
	};
	uint64_t tables;
	struct peer p;
	char *base;
	int fd;

	diag("pages of %lu KiB around %#lx", (unsigned long)page >> 10, (unsigned long)border);
	region_anew(NAME, page, 2 * SZ_1G);
	fd = view_open(NAME, "rw", O_RDWR);
	is(donate(fd, page, 6 * page, border - 3 * page), 0,
	   "memory is exported on both sides of a border");
	tables = view_region(fd).table_bytes;
	is(view_add(NAME, "border", r, 2), 0,
	   "a view of one page on each side of a border is added");
	/* Three tables and their list at first; below, one of each level for each side. */
	ok(view_region(fd).table_bytes - tables <= (page == SZ_4K ? 8 : 6) * 4096,
	   "the view has no more tables than it needs on both sides of the border");
	base = attach(fd, PROT_READ | PROT_WRITE);
	p = view_peer(NAME, "border", PROT_READ | PROT_WRITE);
	for (int i = 0; layout[i]; i++)
		ok(page_allows(&p, base + border + (i - 3L) * (long)page, page, layout[i], true),
		   "page %d of the layout %s allows the right access", i, layout);
	peer_kill(&p);
	munmap(base, WINDOW);
	close(fd);
	region_unlink(NAME);
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(16);
	need_1g(2);
	for (size_t i = 0; i < ARRAY_LEN(plans); i++)
		test_plan(&plans[i]);
	test_border(SZ_4K, SZ_2M);
	test_border(SZ_4K, SZ_1G);
	test_border(SZ_2M, SZ_1G);
	return done_testing();
}
