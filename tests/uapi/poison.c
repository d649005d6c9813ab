// SPDX-License-Identifier: MIT
/*
 * Goal: memory failures, which madvise(2) injects, do no further damage. A page of a region
 * that is only suspected is not moved. The donor loses a page that has failed; processes
 * with the region attached keep it, as the kernel finds no way from a page to a region's
 * tables. The effect of a real machine check on a process that loads from the page cannot
 * be tested here.
 */
#include "poison.h"

#define NAME "test-poison"
#define RW (PROT_READ | PROT_WRITE)
#define SEED 6

static uint64_t page_size, bytes;
static int region;
static char *base, *mine;	/* the memory in the region and in the donor */
static struct peer other;
static int big;			/* a region of 1 GiB pages at a lower address */
static char *bigs;
static uint64_t frame;		/* the frame of the failed page */

static void begin(uint64_t size)
{
	diag("pages of %lu KiB", (unsigned long)size >> 10);
	page_size = size;
	bytes = two_of(size);
	region_unlink(NAME);
	region = region_create_open(NAME, size, 2 * bytes);
	if (region < 0)
		bail("create: %s", strerror(-region));
	mine = donor(size, bytes);
	madvise(mine, bytes, MADV_NOHUGEPAGE);
	fill(mine, bytes, SEED);
	frame = frame_of(mine);
	if (view_export(region, mine, bytes, 0))
		bail("export");
	base = attach(region, RW);
	other = peer_start();
	peer_attach(&other, NAME, true);
}

static void end(void)
{
	peer_kill(&other);
	munmap(base, WINDOW);
	munmap(mine, bytes);
	region_unlink(NAME);
	close(region);
}

static void unhurt(const char *what)
{
	ok(filled(base, bytes, SEED) &&
	   PEER(other, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes, .c = SEED) == 1,
	   "every process has every byte after %s", what);
}

/* The kernel would move such a page if it were not pinned. */
static void test_soft(void)
{
	char *const at[] = { base, base + bytes - 4096, mine, mine + bytes / 2 };

	for (int i = 0; i < 4; i++)
		is(madvise(at[i], 4096, MADV_SOFT_OFFLINE), -1, "MADV_SOFT_OFFLINE of the %s fails",
		   i < 2 ? "region" : "donor's memory");
	unhurt("MADV_SOFT_OFFLINE");
	fill(base, bytes, SEED + 1);
	ok(filled(mine, bytes, SEED + 1), "region and donor share the memory after a soft failure");
	fill(base, bytes, SEED);
}

/*
 * In older kernels madvise() acts as if a scrubber had found the failure, and sends no
 * signal to processes that do not access the page. A page outside of regions shows which
 * of the two this kernel does.
 */
static bool told;

static void find_told(void)
{
	char *page = mmap(NULL, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*page = 1;
	frame = frame_of(page);
	told = poison_inject(page) == SIGBUS;
	if (!told)
		diag("MADV_HWPOISON of this kernel sends no signal, so that this is not tested");
	munmap(page, 4096);
	mend(frame);
}

static void is_told(int got, const char *what)
{
	if (told)
		is(got, SIGBUS, "%s", what);
	else
		skip("MADV_HWPOISON of this kernel sends no signal (%s)", what);
}

static void test_hard(void)
{
	uint64_t v;

	is_told(poison_inject(mine), "a hard failure in the donor's memory raises SIGBUS");
	is(try_load(mine, &v), SIGBUS, "the donor loses the page that failed");
	ok(filled(mine + page_size, bytes - page_size, SEED + page_size),
	   "the donor loses only the failed page");
	unhurt("a hard failure");
	fill(base, bytes, SEED + 2);
	is(PEER(other, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes, .c = SEED + 2), 1,
	   "another process sees stores after a hard failure");
	fill(base, bytes, SEED);
}

/*
 * This is like a second machine check in the same page: the kernel looks for the address in
 * the page tables of the process, and splits leaves while doing so.
 */
static void test_again(void)
{
	is_told(poison_inject(base), "a second failure in an attached process raises SIGBUS");
	/* The kernel does not search the tables if it sends no signal. */
	is(view_region(big).demotions, told,
	   "the kernel's search demotes a leaf of another region");
	ok(filled(bigs, SZ_1G, 9), "no byte of the other region is lost");
	unhurt("a failure that is known");
}

static void test_late(void)
{
	struct peer late = peer_start();

	ok(peer_attach(&late, NAME, false) > 0, "a process can attach after a hard failure");
	is(PEER(late, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes, .c = SEED), 1,
	   "a process that attaches after a hard failure sees every byte");
	peer_kill(&late);
}

int main(int argc, char **argv)
{
	long delay, pages;
	bool loaded;

	peer_main(argc, argv);
	reserve_2m(16);
	need_1g(2);
	/* Unless it is built in. */
	loaded = access("/sys/kernel/debug/hwpoison", F_OK);
	if (loaded && system("modprobe hwpoison-inject"))
		bail("needs the module hwpoison-inject");
	find_told();
	/* No hard failures in pages of 1 GiB, which memory_failure() does not handle. */
	begin(SZ_1G);
	test_soft();
	end();
	delay = set_param("promote_delay_ms", 0);
	pages = pages_free(SZ_2M);
	for (int i = 0; i < 2; i++) {
		/* At a lower address than those that the module chooses. */
		big = region_with_at("test-poison-1g", SZ_1G, SZ_1G, 0x100000000000);
		bigs = attach(big, RW);
		fill(bigs, SZ_1G, 9);
		begin(i ? SZ_2M : SZ_4K);
		test_soft();
		test_hard();
		test_again();
		test_late();
		end();
		mend(frame);
		region_unlink("test-poison-1g");
		close(big);
		munmap(bigs, WINDOW);
	}
	set_param("promote_delay_ms", delay);
	is(pages_free(SZ_2M), pages, "all pages are free at the end");
	if (loaded && system("rmmod hwpoison-inject"))
		diag("hwpoison-inject stays");
	return done_testing();
}
