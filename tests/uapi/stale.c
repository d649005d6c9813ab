// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: after a detach no CPU has a translation of the region left. A thread that runs on
 * another CPU all the time, with the region in its TLB, must fault everywhere as soon as
 * munmap has returned. A load or a store that succeeds could reach memory that belongs to
 * somebody else by then.
 * timeout: 600
 */
#include "witness.h"

#include <pthread.h>
#include <sched.h>

#define NAME "test-stale"
#define RW (PROT_READ | PROT_WRITE)
#define ROUNDS 8
#define POINTS 128

/* Both sides spin, so that no other program runs on the CPU and flushes the TLB. */
enum { IDLE, WARM, READY, GONE, CHECKED, QUIT };
static _Atomic int phase;
static int stale_loads, stale_stores, warm;

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bail("sched_setaffinity: %s", strerror(errno));
}

/* The points are spread over all pages, at a different place in each. */
static char *point(int i)
{
	return base + (bytes / POINTS) * i + (i * 72) % 4096;
}

/* The number of points from which a load succeeds. */
static int loads(void)
{
	uint64_t v;
	int n = 0;

	for (int i = 0; i < POINTS; i++)
		n += !try_load(point(i), &v);
	return n;
}

static void *watch(void *arg)
{
	(void)arg;
	pin_to(1);
	while (phase != QUIT) {
		if (phase == WARM) {
			warm += loads() == POINTS;
			phase = READY;
			/* Load also while the region is being detached. */
			while (phase == READY)
				loads();
		}
		if (phase != GONE)
			continue;
		for (int i = 0; i < POINTS; i++)
			stale_stores += !try_store(point(i), 0x5a1e);
		stale_loads += loads();
		phase = CHECKED;
	}
	return NULL;
}

static void turn(int to, int until)
{
	phase = to;
	while (phase != until)
		;
}

enum { MUNMAP, MUNMAP_MORE, MAP_OVER, MREMAP_OVER, WAYS };

static const char *const ways[WAYS] = {
	"munmap", "munmap of more than the window", "mmap with MAP_FIXED over the window",
	"mremap of other memory over the window",
};

static void detach(int way, char *spare)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;

	switch (way) {
	case MUNMAP:
		munmap(base, WINDOW);
		break;
	case MUNMAP_MORE:
		munmap(base - 4096, WINDOW + 8192);
		break;
	case MAP_OVER:
		mmap(base, WINDOW, PROT_NONE, flags, -1, 0);
		break;
	case MREMAP_OVER:
		mremap(spare, WINDOW, WINDOW, MREMAP_MAYMOVE | MREMAP_FIXED, base);
		break;
	}
}

static void test_way(int way)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	stale_loads = 0;
	stale_stores = 0;
	warm = 0;
	for (int i = 0; i < ROUNDS; i++) {
		char *spare = mmap(NULL, WINDOW, PROT_NONE, flags, -1, 0);

		turn(WARM, READY);
		detach(way, spare);
		turn(GONE, CHECKED);
		munmap(spare, WINDOW);
		munmap(base, WINDOW);
		if (attach(region, RW) != base)
			bail("attach again: %s", strerror(errno));
	}
	is(warm, ROUNDS, "another CPU loads from the region before %s", ways[way]);
	is(stale_loads, 0, "no load on another CPU succeeds after %s", ways[way]);
	is(stale_stores, 0, "no store on another CPU succeeds after %s", ways[way]);
	unhurt(ways[way]);
}

/* Each way is tried with whole leaves, and with demoted leaves of 1 GiB. */
static void test_ways(void)
{
	for (int way = 0; way < WAYS; way++)
		test_way(way);
	if (page_size != SZ_1G)
		return;
	peer_read_file("/proc/self/smaps");
	ok(view_region(region).demotions > 0, "leaves are demoted before each way is tried again");
	for (int way = 0; way < WAYS; way++)
		test_way(way);
}

/* Memory becomes read-only at once when the view ro takes the place of rw. */
static void test_read_only_instead(void)
{
	int ro = view_open(NAME, "ro", O_RDONLY);

	stale_stores = 0;
	for (int i = 0; i < ROUNDS; i++) {
		turn(WARM, READY);
		if (mmap(base, WINDOW, PROT_READ, MAP_SHARED | MAP_FIXED, ro, 0) != base)
			bail("attach ro: %s", strerror(errno));
		turn(GONE, CHECKED);
		munmap(base, WINDOW);
		attach(region, RW);
	}
	is(stale_stores, 0,
	   "no store on another CPU succeeds after the view ro was attached in place of rw");
	unhurt("attaching ro in place of rw");
	close(ro);
}

static void test_size(uint64_t size)
{
	pthread_t t;

	witness_begin(NAME, size);
	pin_to(0);
	phase = IDLE;
	pthread_create(&t, NULL, watch, NULL);
	test_ways();
	test_read_only_instead();
	phase = QUIT;
	pthread_join(t, NULL);
	witness_end();
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		printf("1..0 # SKIP this needs two CPUs\n");
		return 0;
	}
	reserve_2m(32);
	need_1g(2);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	return done_testing();
}
