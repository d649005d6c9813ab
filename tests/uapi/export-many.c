// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the time of an export does not depend on the number of earlier exports. The last of
 * forty thousand small exports must not take much longer than the first. The ratio of the
 * medians is printed; the bound is generous, but less than what a search through all
 * earlier exports would take.
 * timeout: 300
 */
#include "util.h"

#define NAME "test-export-many"
#define N 40000
#define PART 2000
#define MAX_RATIO 4

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The median time of the exports from @first on, each of one page. */
static uint64_t export_part(int fd, const char *d, unsigned int first)
{
	static uint64_t ns[PART];

	for (unsigned int i = 0; i < PART; i++) {
		uint64_t at = (first + i) * SZ_4K, began = now_ns();
		int ret = view_export(fd, d + at, SZ_4K, at);

		ns[i] = now_ns() - began;
		if (ret)
			bail("export %u: %s", first + i, strerror(-ret));
	}
	qsort(ns, PART, sizeof(ns[0]), by_value);
	return ns[PART / 2];
}

int main(void)
{
	long pinned = pinned_pages();
	uint64_t part[N / PART], began;
	double ratio;
	char *d;
	int fd;

	region_unlink(NAME);
	if (region_create(NAME, SZ_4K, N * SZ_4K))
		bail("create");
	fd = view_open(NAME, "rw", O_RDWR);
	d = donor(SZ_4K, N * SZ_4K);
	if (!d)
		bail("a donor: %s", strerror(errno));
	madvise(d, N * SZ_4K, MADV_NOHUGEPAGE);
	fill(d, N * SZ_4K, 1);
	for (unsigned int i = 0; i < N / PART; i++) {
		part[i] = export_part(fd, d, i * PART);
		diag("exports from %5u on: %.1f us each", i * PART, part[i] / 1000.0);
	}
	is(view_region(fd).exported, N * SZ_4K, "%d pages are exported one by one", N);
	ratio = (double)part[N / PART - 1] / part[0];
	ok(ratio < MAX_RATIO,
	   "the last %d exports took %.1f times as long as the first, less than %d times",
	   PART, ratio, MAX_RATIO);
	region_unlink(NAME);
	began = now_ns();
	close(fd);
	diag("the region's end: %.1f ms", (now_ns() - began) / 1e6);
	munmap(d, N * SZ_4K);
	is(pinned_pages(), pinned, "no page is pinned at the end");
	return done_testing();
}
