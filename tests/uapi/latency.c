// SPDX-License-Identifier: MIT
/* vm: long, vm: once, run: long */
/*
 * Goal: processes that may only read regions cannot delay others for long. Two thousand
 * processes of twenty users have the ro views of two regions attached and do the worst that
 * these allow: they read smaps and numa_maps, which demotes leaves, attach and detach, open
 * nodes, poll, ask which pages of a whole region are busy while some are, and read
 * everything that everybody may read about every region. Meanwhile a writer of the same
 * regions detaches and attaches, and another process opens the node of another region,
 * unlinks one and creates one. A third region is created and removed all the time, also
 * without readers. The medians are compared with those without readers; the ratios are
 * printed, and the bound is generous.
 *
 * Method: waiting for locks is measured, not waiting for a CPU. The measuring process has a
 * CPU of its own; few of the others are active at a time, on the other CPU and with the
 * lowest priority, so that kernel threads run before them. At the end a process that
 * computes stops them for half a second at a time, wherever they are, so that a reader that
 * holds a lock holds it for long.
 *
 * timeout: 600
 */
#include "busy.h"
#include "users.h"

#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <sys/resource.h>

#define SMALL "test-latency-4k"
#define BIG "test-latency-1g"
#define OTHER "test-latency-other"
#define THIRD "test-latency-third"
#define RW (PROT_READ | PROT_WRITE)
#define BYTES (64UL << 20)
#define OTHER_BYTES (16UL << 20)

#define READERS 2000
#define USERS 20
#define RUN_US 20000
#define STOP_NS 500000000
#define ACTIVE 20
#define TURN_NS 10000000
#define SAMPLES 200
#define MAX_SECONDS 30		/* for the samples of one operation */
#define MAX_RATIO 50

/* ---- the measured operations ---- */

static int small_fd, big_fd, other_fd;
static char *other_memory;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t reattach(int fd)
{
	void *at = (void *)view_region(fd).addr;
	uint64_t began = now_ns(), ns;

	if (munmap(at, WINDOW) || !attach(fd, RW))
		bail("a writer cannot attach again: %s", strerror(errno));
	ns = now_ns() - began;
	if (try_store(at, 1))
		bail("a store in a region");
	return ns;
}

static uint64_t reattach_small(void)
{
	return reattach(small_fd);
}

static uint64_t reattach_big(void)
{
	return reattach(big_fd);
}

static uint64_t open_other(void)
{
	uint64_t began = now_ns(), ns;
	int fd = view_open(OTHER, "rw", O_RDWR);

	ns = now_ns() - began;
	if (fd < 0)
		bail("open: %s", strerror(-fd));
	close(fd);
	return ns;
}

static int other_grow(const char *name)
{
	int fd = view_open(name, "rw", O_RDWR);

	if (fd < 0 || view_export(fd, other_memory, OTHER_BYTES, 0))
		bail("memory for %s", name);
	return fd;
}

/* An open file keeps the old region, so that its end is not measured. */
static uint64_t renew_other(void)
{
	uint64_t began = now_ns(), ns;
	int ret;

	ret = region_unlink(OTHER) ?: region_create(OTHER, SZ_4K, OTHER_BYTES);
	ns = now_ns() - began;
	if (ret)
		bail("another region: %s", strerror(-ret));
	close(other_fd);
	other_fd = other_grow(OTHER);
	return ns;
}

static struct measured {
	const char *what;
	uint64_t (*fn)(void);
	double quiet;		/* medians, in us */
	double busy;
	double starved;
} measured[] = {
	{ .what = "munmap and attach, 4 KiB pages", .fn = reattach_small },
	{ .what = "munmap and attach, 1 GiB pages", .fn = reattach_big },
	{ .what = "open of another region's node", .fn = open_other },
	{ .what = "UNLINK and CREATE of another region", .fn = renew_other },
};

#define MEASURED (sizeof(measured) / sizeof(measured[0]))

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double measure(const struct measured *m, const char *when)
{
	uint64_t ns[SAMPLES], end = now_ns() + MAX_SECONDS * 1000000000ULL;
	int n = 0;

	while (n < SAMPLES && now_ns() < end) {
		ns[n++] = m->fn();
		/* Let this CPU's kernel threads run. */
		usleep(10000);
	}
	qsort(ns, n, sizeof(ns[0]), by_value);
	diag("%s, %s: median %.1f us, 95 in 100 below %.1f us, longest %.1f us (of %d)", m->what,
	     when, ns[n / 2] / 1e3, ns[n * 95 / 100] / 1e3, ns[n - 1] / 1e3, n);
	return ns[n / 2] / 1e3;
}

/* ---- readers ---- */

/* Shared with all readers. */
static struct shared {
	_Atomic int ready;
	_Atomic int attached;	/* regions, over all readers */
	_Atomic long calls;
} *shared;

static pid_t reader[READERS], spinner;
static int token[2];		/* a pipe: a reader that got a byte is active */

static void be_lowest(void)
{
	struct sched_param none = { 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_IDLE, &none))
		_exit(1);
}

static void read_all(const char *path)
{
	static char buf[8192];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
}

/* ---- the operations of a reader ---- */

struct held {
	int small;
	int big;
	char *at[2];
};

static void walk(struct held *h)
{
	(void)h;
	read_all("/proc/self/smaps");
	read_all("/proc/self/numa_maps");
}

static void reattach_ro(struct held *h)
{
	for (int i = 0; i < 2; i++) {
		if (h->at[i])
			munmap(h->at[i], WINDOW);
		h->at[i] = attach(i ? h->big : h->small, PROT_READ);
	}
}

static void open_nodes(struct held *h)
{
	(void)h;
	for (int i = 0; i < 8; i++) {
		int fd = view_open(i & 1 ? SMALL : BIG, "ro", O_RDONLY);

		if (fd >= 0)
			close(fd);
	}
}

static void look(struct held *h)
{
	struct pollfd p[] = {
		{ h->small, POLLIN | POLLPRI, 0 }, { h->big, POLLIN | POLLPRI, 0 },
	};
	struct busy b;

	get_busy(h->small, 0, BYTES, 0, &b);
	get_busy(h->big, 0, SZ_1G, 0, &b);
	poll(p, 2, 0);
}

static void ask_about_all(struct held *h)
{
	static const char *const names[] = { OTHER, THIRD };
	char path[128];

	(void)h;
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/class/mshare/%s!rw", names[i]);
		read_folder(path);
	}
	read_folder("/proc/self/fdinfo");
}

static void (*const roles[])(struct held *h) = {
	walk, reattach_ro, open_nodes, look, ask_about_all,
};

static void read_for_ever(int number)
{
	struct user u = {
		.name = "a reader", .uid = 1100 + number % USERS, .gid = 2100,
	};
	void (*role)(struct held *h) = roles[number % (sizeof(roles) / sizeof(roles[0]))];
	struct held h;
	char c;

	be_lowest();
	if (user_become(&u))
		_exit(2);
	h.small = view_open(SMALL, "ro", O_RDONLY);
	h.big = view_open(BIG, "ro", O_RDONLY);
	/* A limit of attachments may be reached. */
	h.at[0] = attach(h.small, PROT_READ);
	h.at[1] = attach(h.big, PROT_READ);
	shared->attached += !!h.at[0] + !!h.at[1];
	shared->ready++;
	while (read(token[0], &c, 1) == 1) {
		uint64_t end = now_ns() + TURN_NS;

		do {
			role(&h);
			shared->calls++;
		} while (now_ns() < end);
		if (write(token[1], &c, 1) != 1)
			break;
	}
	_exit(0);
}

static void start_readers(void)
{
	uint64_t began = now_ns();

	if (pipe2(token, O_CLOEXEC))
		bail("pipe2: %s", strerror(errno));
	for (int i = 0; i < READERS; i++) {
		reader[i] = fork();
		if (reader[i] < 0)
			bail("fork: %s", strerror(errno));
		if (!reader[i])
			read_for_ever(i);
	}
	for (int ms = 0; ms < 60000 && shared->ready < READERS; ms += 10)
		usleep(10000);
	is(shared->ready, READERS, "%d readers have started", READERS);
	diag("they have %d attachments; this took %.1f s", shared->attached,
	     (now_ns() - began) / 1e9);
	if (write(token[1], "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", ACTIVE) != ACTIVE)
		bail("write: %s", strerror(errno));
}

static void end_readers(void)
{
	for (int i = 0; i < READERS; i++)
		kill(reader[i], SIGKILL);
	for (int i = 0; i < READERS; i++)
		waitpid(reader[i], NULL, 0);
	close(token[0]);
	close(token[1]);
}

/* ---- other processes ---- */

static pid_t third;		/* creates and unlinks a third region all the time */

static void come_and_go(void)
{
	third = fork();
	if (third < 0)
		bail("fork: %s", strerror(errno));
	if (third)
		return;
	other_memory = donor(SZ_4K, OTHER_BYTES);
	for (;;) {
		region_unlink(THIRD);
		if (region_create(THIRD, SZ_4K, OTHER_BYTES))
			_exit(1);
		close(other_grow(THIRD));
		usleep(5000);
	}
}

static int region_for_all(const char *name, uint64_t page_size, uint64_t length)
{
	struct msharearena_create c = create_args(name, page_size, length);
	int fd, ret;

	region_unlink(name);
	c.mode = 0644;
	ret = create_named(&c);
	if (ret)
		bail("create %s: %s", name, strerror(-ret));
	fd = view_open(name, "rw", O_RDWR);
	ret = donate(fd, page_size, length, 0);
	if (ret)
		bail("donate to %s: %s", name, strerror(-ret));
	return fd;
}

static void be_first(void)
{
	struct sched_param p = { .sched_priority = 10 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &p))
		bail("a CPU for the measuring process: %s", strerror(errno));
}

/*
 * Any user can take the CPU from processes of the same user at any moment, also in the
 * middle of a call that holds locks.
 */
static void start_spinner(void)
{
	spinner = fork();
	if (spinner < 0)
		bail("fork: %s", strerror(errno));
	if (spinner)
		return;
	be_lowest();
	sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	for (;;) {
		uint64_t end;

		usleep(RUN_US);
		end = now_ns() + STOP_NS;
		while (now_ns() < end)
			;
	}
}

static long measure_all(size_t where, const char *when)
{
	uint64_t demoted = view_region(big_fd).demotions, began = now_ns();
	long calls = shared->calls;

	for (size_t i = 0; i < MEASURED; i++)
		*(double *)((char *)&measured[i] + where) = measure(&measured[i], when);
	calls = shared->calls - calls;
	diag("in these %.1f s readers did %ld things, with %lld demotions",
	     (now_ns() - began) / 1e9, calls,
	     (long long)(view_region(big_fd).demotions - demoted));
	return calls;
}

static void test_under_readers(void)
{
	be_first();
	measure_all(offsetof(struct measured, quiet), "quiet");
	start_readers();
	ok(measure_all(offsetof(struct measured, busy), "under readers") > ACTIVE,
	   "the readers were active");
	start_spinner();
	ok(measure_all(offsetof(struct measured, starved), "under starved readers") > 0,
	   "the readers were active while another process took their CPU");
	kill(spinner, SIGKILL);
	waitpid(spinner, NULL, 0);
	end_readers();
}

static void compare(const struct measured *m, double median, const char *whom)
{
	ok(median < MAX_RATIO * m->quiet,
	   "%s takes %.1f times as long beside %s, less than %d times",
	   m->what, median / m->quiet, whom, MAX_RATIO);
}

int main(void)
{
	struct rlimit files = { 4096, 4096 };
	char *small, *big;
	struct hold h;
	long delay;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		skip("this needs one CPU for the readers and one for the measurement");
		return done_testing();
	}
	need_1g(1);
	setrlimit(RLIMIT_NOFILE, &files);
	shared = mmap(NULL, 4096, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	delay = set_param("promote_delay_ms", 1);
	small_fd = region_for_all(SMALL, SZ_4K, BYTES);
	big_fd = region_for_all(BIG, SZ_1G, SZ_1G);
	region_unlink(OTHER);
	if (region_create(OTHER, SZ_4K, OTHER_BYTES))
		bail("create " OTHER);
	other_memory = donor(SZ_4K, OTHER_BYTES);
	/* Without this, each child would get a copy of the pinned memory. */
	madvise(other_memory, OTHER_BYTES, MADV_DONTFORK);
	other_fd = other_grow(OTHER);
	come_and_go();
	small = attach(small_fd, RW);
	big = attach(big_fd, RW);
	/* Some pages are always busy, so that GET_BUSY has to look at all of them. */
	h = hold_pages(small, 4 * SZ_4K);
	test_under_readers();
	for (size_t i = 0; i < MEASURED; i++) {
		compare(&measured[i], measured[i].busy, "readers");
		compare(&measured[i], measured[i].starved, "starved readers");
	}
	kill(third, SIGKILL);
	waitpid(third, NULL, 0);
	hold_end(&h);
	munmap(small, WINDOW);
	munmap(big, WINDOW);
	region_unlink(SMALL);
	region_unlink(BIG);
	region_unlink(OTHER);
	region_unlink(THIRD);
	close(small_fd);
	close(big_fd);
	close(other_fd);
	set_param("promote_delay_ms", delay);
	return done_testing();
}
