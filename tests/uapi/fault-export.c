// SPDX-License-Identifier: MIT
/*
 * Goal: EXPORT survives the failure of any of its allocations and of its copy from the
 * caller, for each page size, in the same way as the other calls (see fault.c).
 *
 * timeout: 900
 */
#include "fault-region.h"

#define DONOR	((char *)0x600000000000)

static uint64_t export_pages;
static bool export_touched;

static void map_donor(void)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

	if (page_size != SZ_4K)
		flags = MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_HUGETLB |
			(page_size == SZ_1G ? MAP_HUGE_1GB : MAP_HUGE_2MB);
	if (mmap(DONOR, export_pages * page_size, PROT_READ | PROT_WRITE, flags, -1, 0) != DONOR)
		bail("a donor's memory: %s", strerror(errno));
	for (uint64_t i = 0; export_touched && i < export_pages; i++)
		DONOR[i * page_size] = 1;
}

static int call_export(void)
{
	return view_export(main_fd, DONOR, export_pages * page_size, target);
}

static void unmap_donor(void)
{
	munmap(DONOR, export_pages * page_size);
}

static bool complete_export(void)
{
	for (uint64_t i = 0; i < export_pages; i++) {
		char *page = base + target + i * page_size;
		int mine = try_store(page, i + 77);
		int its = PEER(other, .op = PEER_LOAD, .a = (intptr_t)page);

		if (mine || its || other.value != i + 77)
			return false;
	}
	return view_region(main_fd).exported == (1 + export_pages) * page_size;
}

static const struct scene export_scene = {
	.name = "EXPORT",
	.prepare = map_donor,
	.call = call_export,
	.clean = unmap_donor,
	.complete = complete_export,
	.undo = region_anew,
};

static void play_export(const char *name, uint64_t pages, bool touched, bool user)
{
	struct scene s = export_scene;

	export_pages = pages;
	export_touched = touched;
	s.name = name;
	s.user = user;
	play(&s);
}

/*
 * The machine has two pages of 1 GiB, and clearing one takes a second or more. So the donor
 * keeps its mapping from one try to the next, and the region has no other memory.
 */
static bool complete_export_1g(void)
{
	bool good;

	base = attach(main_fd, PROT_READ | PROT_WRITE);
	if (!base)
		return false;
	good = !try_store(base + target, 5) && DONOR[0] == 5 &&
	       view_region(main_fd).exported == page_size;
	munmap(base, WINDOW);
	base = NULL;
	return good;
}

static void region_anew_1g(void)
{
	region_close();
	region_open();
}

static void play_export_1g(void)
{
	struct scene s = {
		"EXPORT of a 1 GiB page", .call = call_export, .complete = complete_export_1g,
		.undo = region_anew_1g,
	};

	page_size = SZ_1G;
	target = 101 * SZ_1G;
	export_pages = 1;
	export_touched = true;
	region_open();
	map_donor();
	play(&s);
	unmap_donor();
	region_close();
}

static void play_exports(uint64_t size)
{
	page_size = size;
	target = 1023 * size;
	region_begin();
	if (size == SZ_4K) {
		play_export("EXPORT of new 4 KiB pages", 20, false, false);
		play_export("EXPORT of 4 KiB pages by a user", 3, true, true);
	} else {
		play_export("EXPORT of new 2 MiB pages", 3, false, false);
		play_export("EXPORT of 2 MiB pages by a user", 3, true, true);
	}
	region_end();
}

int main(int argc, char **argv)
{
	long users;

	peer_main(argc, argv);
	if (!injection_begin()) {
		printf("1..0 # SKIP fail-nth: this kernel injects no faults, 6.12-debug does\n");
		return 0;
	}
	reserve_2m(16);
	need_1g(1);
	users = module_users();
	other = peer_start();
	limit_user();
	play_exports(SZ_4K);
	play_exports(SZ_2M);
	play_export_1g();
	unlimit_user();
	injection_end();
	peer_kill(&other);
	is(module_users(), users, "the module has as many users as before the test");
	return done_testing();
}
