// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: demoted leaves are promoted to 1 GiB leaves again, in every view and for all
 * processes, however busy they are, after the time in promote_delay_ms.
 * timeout: 900
 */
#include "promote.h"

#include <pthread.h>

#define NAME "test-promote"
#define RW (PROT_READ | PROT_WRITE)
#define SEED 8
#define NEVER 0
#define SOON 20

static int region;
static char *base;
static uint64_t bytes;

/* Processes with each of the views rw, ro and one of which half is writable. */
enum { A_RW, B_RW, C_RO, D_MIXED, PEERS };
static struct peer peer[PEERS];

static void begin(uint64_t pages)
{
	intptr_t at;

	bytes = pages * SZ_1G;
	region = region_with(NAME, SZ_1G, bytes);
	if (layout_add(NAME, "mixed", pages > 1 ? "wr" : "w", SZ_1G))
		bail("add a view");
	base = attach(region, RW);
	fill(base, bytes, SEED);
	for (int i = 0; i < PEERS; i++) {
		peer[i] = peer_start();
		if (i != D_MIXED && peer_attach(&peer[i], NAME, i == C_RO) > 0)
			continue;
		PEER(peer[i], .op = PEER_OPEN_VIEW, .a = O_RDWR, .text = NAME "/mixed");
		at = PEER(peer[i], .op = PEER_ATTACH, .a = RW);
		if (at != (intptr_t)base)
			bail("attach");
	}
}

static void end(void)
{
	for (int i = 0; i < PEERS; i++)
		peer_kill(&peer[i]);
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(region);
}

static void unhurt(const char *what)
{
	bool good = filled(base, bytes, SEED);

	for (int i = 0; i < PEERS; i++)
		good &= PEER(peer[i], .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes,
			     .c = SEED) == 1;
	ok(good, "every process has every byte after %s", what);
}

/* True if the entries of all processes of a view point to the same table. */
static bool linked_alike(void)
{
	FILE *f = fopen(debugfs_path((uintptr_t)base, "links"), "re");
	unsigned long entry, table, first = 0;
	char line[128], view[40];
	bool alike = true;
	int pid, n = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%d %39s %lx %lx", &pid, view, &entry, &table) != 4)
			continue;
		n++;
		alike &= entry == table;
		if (strcmp(view, "rw"))
			continue;
		first = first ? first : table;
		alike &= table == first;
	}
	if (f)
		fclose(f);
	return alike && n == PEERS + 1;
}

/* One process of each view reads smaps, which demotes the leaves of its view. */
static void demote_all(void)
{
	peer_read_file("/proc/self/smaps");
	for (int i = 0; i < PEERS; i++)
		PEER(peer[i], .op = PEER_READ_FILE, .text = "/proc/self/smaps");
}

static void test_every_view(void)
{
	static const char *const views[] = { "rw", "ro", "mixed" };

	set_param("promote_delay_ms", NEVER);
	demote_all();
	is(view_region(region).demotions, 6, "reading smaps demotes two leaves in each view");
	for (int i = 0; i < 6; i++)
		ok(gib_demoted(NAME, views[i / 2], i % 2),
		   "debugfs shows a demoted leaf of %s at GiB %d", views[i / 2],
		   i % 2);
	unhurt("demotions in every view");
	usleep(500000);
	is(view_region(region).promotions, 0, "with promote_delay_ms=0 no leaf is promoted");
	set_param("promote_delay_ms", SOON);
	ok(all_promoted(region),
	   "all leaves are promoted after promote_delay_ms got another value");
	for (int i = 0; i < 6; i++)
		ok(gib_whole(NAME, views[i / 2], i % 2),
		   "debugfs shows a 1 GiB leaf of %s at GiB %d", views[i / 2], i % 2);
	ok(linked_alike(), "all processes use the same table after promotions");
	unhurt("promotions in every view");
	is(view_region(region).promotions, 6, "GET_REGION counts six promotions");
	is(view_region(region).demotions, 6, "a promotion causes no further demotions");
	is(PEER(peer[C_RO], .op = PEER_STORE, .a = (intptr_t)base), SIGSEGV,
	   "a promoted leaf of ro is still read-only");
	is(PEER(peer[D_MIXED], .op = PEER_STORE, .a = (intptr_t)base + SZ_1G + 8), SIGSEGV,
	   "a promoted read-only leaf of a mixed view is still read-only");
	is(PEER(peer[D_MIXED], .op = PEER_STORE, .a = (intptr_t)base + 8), 0,
	   "a promoted writable leaf of a mixed view can be stored to");
}

static void test_again_and_again(void)
{
	uint64_t before = view_region(region).promotions;
	int bad = 0;

	for (int i = 0; i < 10; i++) {
		PEER(peer[i % PEERS], .op = PEER_READ_FILE, .text = "/proc/self/smaps");
		bad += !all_promoted(region);
	}
	is(bad, 0, "leaves are promoted after each of ten reads of smaps");
	ok(view_region(region).promotions >= before + 20,
	   "GET_REGION counts 20 further promotions");
	ok(linked_alike(), "all processes use the same table after many promotions");
	unhurt("many demotions and promotions");
}

/* The delay counts from the last demotion, and can be changed meanwhile. */
static void test_delay(void)
{
	uint64_t before = view_region(region).promotions;

	set_param("promote_delay_ms", 3600000);
	demote_all();
	usleep(500000);
	is(view_region(region).promotions, before,
	   "no leaf is promoted before promote_delay_ms is over");
	ok(gib_demoted(NAME, "rw", 0), "debugfs shows a demoted leaf before the delay is over");
	unhurt("waiting for promotion");
	set_param("promote_delay_ms", SOON);
	ok(all_promoted(region), "leaves are promoted after promote_delay_ms became short");
}

/* ---- processes that are busy, stopped, or ending ---- */

static _Atomic bool stop;

static void *maps_all_the_time(void *arg)
{
	while (!stop) {
		char *p = mmap(NULL, 1 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memset(p, 1, 1 << 20);
		munmap(p, 1 << 20);
	}
	return arg;
}

static void test_busy(void)
{
	pthread_t t[4];

	stop = false;
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, maps_all_the_time, NULL);
	demote_all();
	ok(all_promoted(region), "leaves are promoted while four threads map and unmap memory");
	stop = true;
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	ok(linked_alike(), "all processes use the same table after promotions in a busy process");
	unhurt("promotions in a busy process");
}

static void *reads_all_the_time(void *arg)
{
	while (!stop)
		peer_read_file("/proc/self/smaps");
	return arg;
}

/* The module does not notice further reads of smaps while a leaf is demoted. */
static void test_reader(void)
{
	uint64_t before = view_region(region).promotions;
	pthread_t t;

	stop = false;
	pthread_create(&t, NULL, reads_all_the_time, NULL);
	for (int ms = 0; ms < 120000 && view_region(region).promotions < before + 10; ms++)
		usleep(1000);
	ok(view_region(region).promotions >= before + 10,
	   "leaves are demoted and promoted while a thread reads smaps in a loop");
	unhurt("reads of smaps in a loop");
	stop = true;
	pthread_join(t, NULL);
	ok(all_promoted(region), "leaves are promoted when the reader of smaps stops");
}

static void test_stopped(void)
{
	int status;

	demote_all();
	kill(peer[B_RW].pid, SIGSTOP);
	waitpid(peer[B_RW].pid, &status, WUNTRACED);
	peer_read_file("/proc/self/smaps");
	ok(all_promoted(region), "leaves are promoted although a process is stopped");
	ok(linked_alike(), "a process that was stopped uses the same table");
	kill(peer[B_RW].pid, SIGCONT);
	unhurt("promotions beside a stopped process");
}

static void test_exits(void)
{
	for (int i = 0; i < 8; i++) {
		struct peer p = peer_start();

		peer_attach(&p, NAME, i % 2);
		PEER(p, .op = PEER_READ_FILE, .text = "/proc/self/smaps");
		usleep(i * 1000 * SOON / 4);
		if (i & 4)
			PEER(p, .op = PEER_DETACH);
		peer_kill(&p);
	}
	ok(all_promoted(region), "leaves are promoted while processes end");
	ok(linked_alike(), "all processes use the same table after other processes ended");
	unhurt("promotions while processes end");
}

/* Promotion must not access a region that has ended meanwhile. */
static void test_pending(void)
{
	long before = pages_free(SZ_1G);

	for (int i = 0; i < 8; i++) {
		begin(1);
		set_param("promote_delay_ms", 1 + i * 4);
		peer_read_file("/proc/self/smaps");
		usleep(i * 2000);
		end();
	}
	is(pages_free(SZ_1G), before,
	   "all pages are free after regions ended while a promotion was pending");
}

/* Regions of smaller pages have no leaves to demote. */
static void test_smaller(uint64_t size)
{
	int fd = region_with("test-promote-small", size, two_of(size));
	char *at = attach(fd, RW);

	peer_read_file("/proc/self/smaps");
	is(view_region(fd).demotions + view_region(fd).promotions, 0,
	   "reading smaps demotes nothing in a region of %lu KiB pages", (unsigned long)size >> 10);
	munmap(at, WINDOW);
	region_unlink("test-promote-small");
	close(fd);
}

int main(int argc, char **argv)
{
	long before, delay;

	peer_main(argc, argv);
	reserve_2m(16);
	need_1g(2);
	before = pages_free(SZ_1G);
	delay = set_param("promote_delay_ms", NEVER);
	begin(2);
	test_every_view();
	test_again_and_again();
	test_delay();
	test_reader();
	test_busy();
	test_stopped();
	test_exits();
	end();
	test_pending();
	test_smaller(SZ_4K);
	test_smaller(SZ_2M);
	set_param("promote_delay_ms", delay);
	is(pages_free(SZ_1G), before, "all pages are free at the end");
	return done_testing();
}
