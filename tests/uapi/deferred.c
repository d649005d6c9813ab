// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * A region is attached while the kernel is in the middle of changing page
 * tables elsewhere in the same process. A notifier that is inserted then does
 * not work yet: an attachment that did not wait for it could be unmapped without
 * a warning, and with it the tables that all processes share.
 *
 * The middle is made long: a thread gives back much memory, which takes a while
 * during which any other change of a watched range counts as not ended; another
 * one reads smaps, which splits the leaf of a region of 1 GiB pages. Kernels
 * that do both without mmap_lock, about 6.16 and later, get there; on older ones
 * mmap waits for both, and only a driver's notifier could do it.
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

/* Whole leaves, so that there is something to split. */
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

/* Attach the second region, and leave at once, as long as it lasts. */
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
			.c = 4) == 1, "round %d: the witness has every byte", i + 1);
	}
	diag("attached and detached %ld times in the middle of it", n);
	is(view_region(second).attached, 1, "only the witness is attached");
	peer_kill(&witness);
	region_unlink("test-deferred-1g");
	region_unlink("test-deferred");
	set_param("promote_delay_ms", delay);
	return done_testing();
}
