// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the ranges of an added view, which stay in the kernel's memory until the region
 * ends, up to 96 KiB for each view, are charged to the memory cgroup of the process that
 * adds the view. Adding a view fails when that cgroup's memory.max is reached.
 * Method: the cost of views beside their ranges is measured first, by as many views with
 * one range each.
 * timeout: 300
 */
#include "memcg.h"
#include "views.h"

#define NAME "test-memcg-views"
#define VIEWS 62		/* with rw and ro this is the limit of a region */
#define RANGES MSHAREARENA_MAX_RANGES
#define RANGES_BYTES ((long)(RANGES * sizeof(struct msharearena_range)))

static struct msharearena_range ranges[RANGES];

/* Shared with the child. */
static struct outcome {
	unsigned int n_ranges;	/* the ranges of each view */
	unsigned int added;
	int ret;
} *outcome;

static int add_views(void *arg)
{
	struct outcome *o = arg;
	char name[16];

	for (o->added = 0; o->added < VIEWS; o->added++) {
		snprintf(name, sizeof(name), "v%u", o->added);
		o->ret = view_add(NAME, name, ranges, o->n_ranges);
		if (o->ret)
			break;
	}
	return 0;
}

/* The bytes that the cgroup is charged with for the views, while they exist. */
static long charge_of(unsigned int n_ranges)
{
	long before, after;

	region_anew(NAME, SZ_4K, 2 * RANGES * SZ_4K);
	before = group_bytes();
	*outcome = (struct outcome){ .n_ranges = n_ranges };
	is(in_group(add_views, outcome), 0,
	   "a process in the cgroup adds %d views of %u ranges", VIEWS, n_ranges);
	is(outcome->ret, 0, "adding views of %u ranges in the cgroup succeeds", n_ranges);
	after = group_bytes();
	region_unlink(NAME);
	diag("memory.current: %ld KiB before, %ld KiB after", before >> 10, after >> 10);
	return after - before;
}

static void test_charged(void)
{
	long bare = charge_of(1), full = charge_of(RANGES);

	ok(full - bare > VIEWS * RANGES_BYTES / 10 * 9,
	   "the cgroup is charged with %ld KiB for ranges of %ld KiB", (full - bare) >> 10,
	   (VIEWS * RANGES_BYTES) >> 10);
}

static void test_limit(void)
{
	char limit[32];
	long before;

	region_anew(NAME, SZ_4K, 2 * RANGES * SZ_4K);
	before = group_bytes();
	/* Room for the cost of views beside their ranges, and for some of the ranges. */
	snprintf(limit, sizeof(limit), "%ld", before + (3L << 20));
	group_write(GROUP "/memory.max", limit);
	*outcome = (struct outcome){ .n_ranges = RANGES };
	oom_log_begin();
	is(in_group(add_views, outcome), 0, "a process adds views in a cgroup that has 3 MiB left");
	oom_log_end();
	is(outcome->ret, -ENOMEM, "adding views in a small cgroup gives ENOMEM");
	ok(outcome->added < VIEWS, "adding views in a small cgroup fails after %u of %d",
	   outcome->added, VIEWS);
	group_write(GROUP "/memory.max", "max");
	*outcome = (struct outcome){ .n_ranges = RANGES };
	is(view_add(NAME, "last", ranges, 1), outcome->added < VIEWS ? 0 : -ENOSPC,
	   "a process outside of the cgroup can add a view afterwards");
	region_unlink(NAME);
}

int main(void)
{
	if (!group_begin()) {
		skip("there is no cgroup2 with the memory controller at " CGROUPS);
		return done_testing();
	}
	for (unsigned int i = 0; i < RANGES; i++)
		ranges[i] = (struct msharearena_range){
			.offset = 2 * i * SZ_4K, .length = SZ_4K, .prot = PROT_R,
		};
	outcome = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED)
		bail("mmap: %s", strerror(errno));
	test_charged();
	test_limit();
	group_end();
	return done_testing();
}
