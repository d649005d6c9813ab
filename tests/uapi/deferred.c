// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: attaching a region is safe while the kernel is changing page tables elsewhere in
 * the same process. A notifier that is inserted then is not active yet: an attachment
 * that did not wait for it could be unmapped without the module's knowledge, and the
 * tables that all processes share would be freed.
 *
 * Method: one thread frees much memory, which takes a while, and during this time every
 * change of a range with a notifier counts as not ended. Another thread reads smaps, which
 * splits the leaf of a region of 1 GiB pages. Kernels that do both without mmap_lock, about
 * 6.16 and later, get into this state. On older ones mmap waits for both, and only the
 * notifier of another driver could cause it.
 * timeout: 600
 */
#include "util.h"

#include <pthread.h>

#define RW (PROT_READ | PROT_WRITE)
#define ROUNDS 6
#define MUCH (256UL << 20)

static char *much;
static _Atomic bool giving, given;

static void *gives_back(void *arg)
{
	giving = true;
	if (madvise(much, MUCH, MADV_DONTNEED))
		bail("MADV_DONTNEED: %s", strerror(errno));
	given = true;
	return arg;
}

static void *reads_smaps(void *arg)
{
	while (!giving)
		;
	peer_read_file("/proc/self/smaps");
	return arg;
}

/* Wait for promotion, so that there are leaves of 1 GiB to split. */
static void wait_for_leaves(int fd)
{
	for (int ms = 0; ms < 20000; ms++) {
		struct msharearena_region r = view_region(fd);

		if (r.promotions == r.demotions)
			return;
		usleep(1000);
	}
	bail("the leaves do not come back");
}

/* Attach and detach the second region while the other threads are at work. */
static long come_and_go(int first, int second, uint64_t demotions)
{
	long n = 0;

	while (!given) {
		char *p;

		if (view_region(first).demotions == demotions)
			continue;
		p = attach(second, RW);
		if (!p)
			bail("attach: %s", strerror(errno));
		munmap(p, WINDOW);
		n++;
	}
	return n;
}

static long round_of(int first, int second)
{
	uint64_t demotions = view_region(first).demotions;
	pthread_t t[2];
	long n;

	wait_for_leaves(first);
	if (madvise(much, MUCH, MADV_POPULATE_WRITE))
		bail("MADV_POPULATE_WRITE: %s", strerror(errno));
	giving = false;
	given = false;
	pthread_create(&t[0], NULL, reads_smaps, NULL);
	pthread_create(&t[1], NULL, gives_back, NULL);
	n = come_and_go(first, second, demotions);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	return n;
}

int main(int argc, char **argv)
{
	struct peer witness;
	int first, second;
	long delay, n = 0;
	char *base;

	peer_main(argc, argv);
	need_1g(1);
	delay = set_param("promote_delay_ms", 1);
	first = region_with("test-deferred-1g", SZ_1G, SZ_1G);
	second = region_with("test-deferred", SZ_4K, 2 * SZ_2M);
	base = attach(second, RW);
	fill(base, 2 * SZ_2M, 4);
	munmap(base, WINDOW);
	witness = peer_start();
	peer_attach(&witness, "test-deferred", false);
	attach(first, RW);
	much = mmap(NULL, MUCH, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(much, MUCH, MADV_NOHUGEPAGE);
	for (int i = 0; i < ROUNDS; i++) {
		n += round_of(first, second);
		ok(PEER(witness, .op = PEER_FILLED, .a = (intptr_t)base, .b = 2 * SZ_2M,
			.c = 4) == 1, "another process sees every byte after round %d", i + 1);
	}
	diag("attached and detached %ld times in the middle of it", n);
	is(view_region(second).attached, 1, "only the other process is attached at the end");
	peer_kill(&witness);
	region_unlink("test-deferred-1g");
	region_unlink("test-deferred");
	set_param("promote_delay_ms", delay);
	return done_testing();
}
