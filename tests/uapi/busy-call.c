// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the command MSHAREARENA_GET_BUSY refuses wrong arguments, allows each file what it
 * should (only some may empty the CPUs' batches), respects the range, and never waits.
 */
#include "busy.h"

#include "views.h"

#include <sched.h>

#define NAME "test-busy-call"
#define RW (PROT_READ | PROT_WRITE)
#define PAGES 64UL

static int region;
static char *base;

static int ask(int fd, struct msharearena_busy q)
{
	q.size = q.size ? q.size : sizeof(q);
	return command(fd, MSHAREARENA_GET_BUSY, &q);
}

#define ASK(...) ask(region, (struct msharearena_busy){ __VA_ARGS__ })

static void test_refused(void)
{
	struct msharearena_busy none = { .size = sizeof(none), .length = SZ_4K };

	is(ASK(.length = SZ_4K), 0, "GET_BUSY of one page works");
	is(ASK(.length = SZ_4K, .flags = MSHAREARENA_BUSY_DRAIN), 0,
	   "GET_BUSY with BUSY_DRAIN works");
	is(ASK(.length = SZ_4K, .flags = 2), -EINVAL, "GET_BUSY refuses an unknown flag");
	is(ASK(.length = SZ_4K, .size = sizeof(struct msharearena_busy) - 1), -EINVAL,
	   "GET_BUSY refuses a structure that is too short");
	is(ASK(.length = 0), -EINVAL, "GET_BUSY refuses length 0");
	is(ASK(.length = SZ_4K - 1), -EINVAL, "GET_BUSY refuses a length that is not whole pages");
	is(ASK(.length = SZ_4K, .offset = 8), -EINVAL,
	   "GET_BUSY refuses an offset that is not a page's");
	is(ASK(.length = 2 * PAGES * SZ_4K), 0,
	   "GET_BUSY of all of the region, with a hole, works");
	is(ASK(.length = 2 * PAGES * SZ_4K + SZ_4K), -ERANGE,
	   "GET_BUSY of more than the region is ERANGE");
	is(ASK(.length = SZ_4K, .offset = 2 * PAGES * SZ_4K), -ERANGE,
	   "GET_BUSY behind the region's end is ERANGE");
	is(ASK(.length = SZ_4K, .offset = -SZ_4K), -ERANGE,
	   "GET_BUSY of an offset that wraps is ERANGE");
	is(ASK(.length = -SZ_4K, .offset = SZ_4K), -ERANGE,
	   "GET_BUSY of a length that wraps is ERANGE");
	is(command(region, MSHAREARENA_GET_BUSY, NULL), -EFAULT,
	   "GET_BUSY without a structure is EFAULT");
	is(ctl(MSHAREARENA_GET_BUSY, &none), -ENOTTY, "GET_BUSY on the control device is ENOTTY");
}

/* An answer that cannot be stored is an error and no silent success. */
static void test_unwritable(void)
{
	struct msharearena_busy q = { .size = sizeof(q), .length = SZ_4K };
	void *p = mmap(NULL, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(p, &q, sizeof(q));
	mprotect(p, 4096, PROT_READ);
	is(command(region, MSHAREARENA_GET_BUSY, p), -EFAULT,
	   "GET_BUSY into memory that cannot be written is EFAULT");
	munmap(p, 4096);
}

/* The answer is in the structure of the question, which can be used again as it is. */
static void test_again(void)
{
	struct msharearena_busy q = { .size = sizeof(q), .length = PAGES * SZ_4K };
	struct hold h = hold_pages(base + 7 * SZ_4K, 1);
	int bad = 0;

	ok(busy_is(region, 0, PAGES * SZ_4K, SZ_4K, 7 * SZ_4K), "a page in a pipe is busy");
	for (int i = 0; i < 3; i++) {
		bad += command(region, MSHAREARENA_GET_BUSY, &q) != 0;
		bad += q.busy != SZ_4K || q.first_busy != 7 * SZ_4K;
		bad += q.flags || q.offset || q.length != PAGES * SZ_4K;
	}
	is(bad, 0, "GET_BUSY answers three times in the same structure");
	hold_end(&h);
}

static const struct {
	const char *view;
	const char *how;
	int flags;
	int drain;	/* what BUSY_DRAIN gives */
} nodes[] = {
	{ "rw", "O_RDWR", O_RDWR, 0 },
	{ "rw", "O_RDONLY", O_RDONLY, -EACCES },
	{ "rw", "O_WRONLY", O_WRONLY, 0 },
	{ "ro", "O_RDONLY", O_RDONLY, -EACCES },
	{ "look", "O_RDONLY", O_RDONLY, -EACCES },
	{ "part", "O_RDONLY", O_RDONLY, -EACCES },
	{ "part", "O_RDWR", O_RDWR, 0 },
};

/* GET_BUSY on a view reports also pages that the view does not show. */
static void test_views(void)
{
	struct hold h = hold_pages(base + 9 * SZ_4K, 1);
	struct msharearena_busy drain = {
		.length = SZ_4K, .flags = MSHAREARENA_BUSY_DRAIN,
	};

	is(layout_add(NAME, "look", "r", SZ_4K), 0, "a view of one page for reading is added");
	is(layout_add(NAME, "part", "w", SZ_4K), 0, "a view of one page for writing is added");
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		int fd = view_open(NAME, nodes[i].view, nodes[i].flags);

		ok(fd >= 0 && busy_is(fd, 0, PAGES * SZ_4K, SZ_4K, 9 * SZ_4K),
		   "GET_BUSY on %s opened %s finds the busy page", nodes[i].view, nodes[i].how);
		is(ask(fd, drain), nodes[i].drain, "BUSY_DRAIN on %s opened %s is %s",
		   nodes[i].view, nodes[i].how, nodes[i].drain ? "EACCES" : "allowed");
		close(fd);
	}
	hold_end(&h);
}

static void test_ranges(void)
{
	struct hold a = hold_pages(base + 3 * SZ_4K + 4000, 200);	/* pages 3 and 4 */
	struct hold b = hold_pages(base + 10 * SZ_4K, 1);
	struct hold c = hold_pages(base + (PAGES - 1) * SZ_4K, 4096);

	ok(busy_is(region, 0, PAGES * SZ_4K, 4 * SZ_4K, 3 * SZ_4K),
	   "four busy pages of a range are counted");
	ok(busy_is(region, 0, 2 * PAGES * SZ_4K, 4 * SZ_4K, 3 * SZ_4K),
	   "busy pages of a range with a hole are counted");
	ok(idle(region, 0, 3 * SZ_4K), "a range that ends before the first busy page is idle");
	ok(busy_is(region, 0, 4 * SZ_4K, SZ_4K, 3 * SZ_4K),
	   "a range that ends with the first busy page has one");
	ok(busy_is(region, 4 * SZ_4K, SZ_4K, SZ_4K, 4 * SZ_4K),
	   "a range of just the second busy page has one");
	ok(idle(region, 5 * SZ_4K, 5 * SZ_4K), "a range between two busy pages is idle");
	ok(busy_is(region, 5 * SZ_4K, 6 * SZ_4K, SZ_4K, 10 * SZ_4K),
	   "a range up to the third busy page has one");
	ok(busy_is(region, 11 * SZ_4K, PAGES * SZ_4K, SZ_4K, (PAGES - 1) * SZ_4K),
	   "a range up to the last busy page has one");
	ok(idle(region, PAGES * SZ_4K, PAGES * SZ_4K),
	   "a range that is nothing but a hole is idle");
	hold_end(&b);
	hold_end(&a);
	ok(busy_is(region, 0, 2 * PAGES * SZ_4K, SZ_4K, (PAGES - 1) * SZ_4K),
	   "one page is busy after two of three uses have ended");
	hold_end(&c);
	ok(idle(region, 0, 2 * PAGES * SZ_4K), "the region is idle after the last use has ended");
}

/* Ranges that span two exports, of which one begins before the range. */
static void test_exports(void)
{
	struct hold h;

	is(donate(region, SZ_4K, 8 * SZ_4K, 70 * SZ_4K), 0, "more memory is exported");
	h = hold_pages(base + 77 * SZ_4K, 1);
	ok(busy_is(region, 60 * SZ_4K, 40 * SZ_4K, SZ_4K, 77 * SZ_4K),
	   "a busy page of a second export is found in a range around both");
	ok(busy_is(region, 77 * SZ_4K, SZ_4K, SZ_4K, 77 * SZ_4K),
	   "a busy page of a second export is found when it is asked for alone");
	ok(idle(region, 71 * SZ_4K, 6 * SZ_4K) && idle(region, 78 * SZ_4K, 9 * SZ_4K),
	   "the pages before and behind a busy page of a second export are idle");
	hold_end(&h);
}

/* ---- nothing waits ---- */

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Set /proc/sys/kernel/sched_rt_runtime_us; returns the old value. */
static long rt_runtime(long us)
{
	static const char path[] = "/proc/sys/kernel/sched_rt_runtime_us";
	long old = read_long(path);
	FILE *f = fopen(path, "we");

	if (!f || fprintf(f, "%ld\n", us) < 0 || fclose(f))
		bail("%s: %s", path, strerror(errno));
	return old;
}

static bool pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

/* The child's part: take all the time of a CPU for @s seconds. */
static void spin(int cpu, volatile bool *spins, double s)
{
	struct sched_param p = { .sched_priority = 50 };
	double end;

	if (!pin_to(cpu) || sched_setscheduler(0, SCHED_FIFO, &p))
		_exit(1);
	end = seconds() + s;
	*spins = true;
	while (seconds() < end)
		;
	*spins = false;
	_exit(0);
}

/* A CPU that cannot empty its batches does not delay GET_BUSY. */
static void test_spinner(void)
{
	volatile bool *spins = mmap(NULL, 4096, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long old;
	int bad = 0, status;
	struct busy b;
	pid_t pid;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		skip("GET_BUSY beside a CPU that is never idle needs a second CPU");
		return;
	}
	pin_to(0);
	old = rt_runtime(-1);
	pid = fork();
	if (!pid)
		spin(1, spins, 4);
	for (int ms = 0; ms < 10000 && !*spins; ms++)
		usleep(1000);
	for (int i = 0; i < 20; i++)
		bad += get_busy(region, 0, 2 * PAGES * SZ_4K, MSHAREARENA_BUSY_DRAIN, &b) != 0;
	ok(*spins, "20 GET_BUSY with BUSY_DRAIN end while a SCHED_FIFO task has another CPU");
	is(bad, 0, "each GET_BUSY beside a SCHED_FIFO task gives the right answer");
	waitpid(pid, &status, 0);
	is(status, 0, "the SCHED_FIFO task ends by itself");
	rt_runtime(old);
	sched_setaffinity(0, sizeof(cpu_set_t), &(cpu_set_t){ .__bits = { 3 } });
	munmap((void *)spins, 4096);
}

int main(int argc, char **argv)
{
	long before = pages_free(SZ_4K);
	char *d;

	peer_main(argc, argv);
	region = region_anew_open(NAME, SZ_4K, 2 * PAGES * SZ_4K);
	d = donor(SZ_4K, PAGES * SZ_4K);
	madvise(d, PAGES * SZ_4K, MADV_NOHUGEPAGE);
	if (view_export(region, d, PAGES * SZ_4K, 0))
		bail("export");
	base = attach(region, RW);
	test_refused();
	test_unwritable();
	test_again();
	test_views();
	test_ranges();
	test_exports();
	test_spinner();
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(region);
	is(pages_free(SZ_4K), before, "no page is pinned after the region has ended");
	return done_testing();
}
