// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: a leaf of 1 GiB is demoted in time when the kernel is about to split it, as it does
 * for smaps and similar files. Otherwise every process would lose the data. Each leaf is
 * demoted once and stays so here, where promotion is off.
 * timeout: 600
 */
#include "util.h"

#include <pthread.h>

#define NAME "test-leaf"

static uint64_t bytes;
static char *base;
static struct peer other;

static void unhurt(const char *what)
{
	ok(filled(base, bytes, 9) &&
	   PEER(other, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes, .c = 9) == 1,
	   "neither process has lost a byte after %s", what);
}

/* All files but "maps" make the kernel split leaves. */
static void test_readers(int fd, uint64_t size)
{
	static const char *const files[] = { "maps", "smaps", "smaps_rollup", "numa_maps" };
	char path[64];

	is(view_region(fd).demotions, 0, "no leaf is demoted before a file is read");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/proc/self/%s", files[i]);
		ok(peer_read_file(path) > 0, "%s is read", path);
		is(view_region(fd).demotions, size == SZ_1G && i ? 2 : 0, size == SZ_1G && i ?
		   "each 1 GiB leaf has been demoted once after reading %s" :
		   "no leaf has been demoted after reading %s", path);
		unhurt(files[i]);
	}
}

/* A process that attaches after a demotion. */
static void test_late(int fd)
{
	struct peer late = peer_start();

	ok(peer_attach(&late, NAME, false) > 0, "a process can attach after the demotion");
	is(PEER(late, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes, .c = 9), 1,
	   "a process that attached after the demotion sees every byte");
	PEER(late, .op = PEER_FILL, .a = (intptr_t)base, .b = bytes, .c = 10);
	ok(filled(base, bytes, 10),
	   "stores of a process that attached after the demotion are seen");
	fill(base, bytes, 9);
	peer_kill(&late);
	is(view_region(fd).attached, 2,
	   "a process that attached after the demotion is detached by its end");
	unhurt("another process attached and ended");
}

/* ---- storms ---- */

static _Atomic bool stop;

static void *storm_reader(void *arg)
{
	long *reads = arg;

	while (!stop) {
		peer_read_file("/proc/self/smaps");
		peer_read_file("/proc/self/numa_maps");
		(*reads)++;
	}
	return NULL;
}

static void *storm_toucher(void *arg)
{
	long *bad = arg;

	while (!stop)
		for (uint64_t i = 0; i < bytes; i += SZ_2M)
			*bad += !filled(base + i, 4096, 9 + i);
	return NULL;
}

/*
 * Two processes read smaps and a third one attaches and is killed, each time with a new
 * region whose leaves are not demoted yet. Threads load from it all the time.
 */
static void test_storm(uint64_t size, int rounds)
{
	long reads[2] = { 0, 0 }, bad = 0;
	long demotions = 0;

	for (int i = 0; i < rounds; i++) {
		struct peer_msg smaps = { .op = PEER_READ_FILE, .text = "/proc/self/smaps" };
		int fd = region_with("test-storm", size, bytes);
		struct peer p = peer_start();
		char *old_base = base;
		pthread_t t[3];

		base = attach(fd, PROT_READ | PROT_WRITE);
		fill(base, bytes, 9);
		peer_attach(&p, "test-storm", false);
		stop = false;
		pthread_create(&t[0], NULL, storm_reader, &reads[0]);
		pthread_create(&t[1], NULL, storm_reader, &reads[1]);
		pthread_create(&t[2], NULL, storm_toucher, &bad);
		for (int j = 0; j < 5; j++)
			peer_call(&p, smaps);
		bad += PEER(p, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes, .c = 9) != 1;
		peer_send(&p, smaps);
		peer_kill(&p);
		stop = true;
		for (int j = 0; j < 3; j++)
			pthread_join(t[j], NULL);
		bad += !filled(base, bytes, 9);
		demotions += view_region(fd).demotions;
		region_unlink("test-storm");
		munmap(base, WINDOW);
		close(fd);
		base = old_base;
	}
	diag("%ld reads of smaps, %ld demotions", reads[0] + reads[1], demotions);
	is(bad, 0, "every byte is right after %d storms of readers, loads and a kill", rounds);
	if (size == SZ_1G)
		ok(demotions >= 2 * rounds, "the storms demoted each leaf");
}

static void test_size(uint64_t size)
{
	long before = pages_free(size);
	int fd;

	diag("pages of %lu KiB", (unsigned long)size >> 10);
	bytes = two_of(size);
	fd = region_with(NAME, size, bytes);
	base = attach(fd, PROT_READ | PROT_WRITE);
	other = peer_start();
	peer_attach(&other, NAME, false);
	fill(base, bytes, 9);
	test_readers(fd, size);
	test_late(fd);
	region_unlink(NAME);
	peer_kill(&other);
	munmap(base, WINDOW);
	close(fd);
	is(pages_free(size), before, "all pages are free after the first region");
	test_storm(size, size == SZ_1G ? 3 : 8);
	is(pages_free(size), before, "all pages are free after the storms");
}

int main(int argc, char **argv)
{
	long delay;

	peer_main(argc, argv);
	reserve_2m(32);
	need_1g(2);
	delay = set_param("promote_delay_ms", 0);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	set_param("promote_delay_ms", delay);
	return done_testing();
}
