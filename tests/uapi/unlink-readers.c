// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: processes that only read about a region cannot delay its owner's UNLINK, or open(2)
 * of another region. Processes of another user read everything about a large region, look
 * for busy pages in it and read their own files in /proc, over and over, with the lowest
 * priority and on a CPU that other processes of that user keep busy, so that they are
 * stopped in the middle of whatever they do. An UNLINK that waited for one of them would take many
 * times as long as one of the same region beside the busy CPU alone. The best of some rounds
 * counts, because the machine itself may stop for a while.
 * timeout: 400
 */
#include "busy.h"
#include "users.h"

#include <sched.h>

#define NAME "test-unlink-readers"
#define OTHER "test-unlink-readers-other"
#define RW (PROT_READ | PROT_WRITE)
#define BYTES (1UL << 30)
#define READERS 12
#define SPINNERS 3
#define ROUNDS 3
#define STARVED_MS 60000	/* the readers end then, so that the test ends */
#define MAX_TIMES 10

static const struct user reader = { .name = "a reader", .uid = 1100, .gid = 2100 };

static pid_t readers[READERS], spinners[SPINNERS];
static char *memory;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void run_on(int cpu, int policy)
{
	struct sched_param none = { 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, policy, &none))
		bail("CPU %d: %s", cpu, strerror(errno));
}

/* Each reader begins with a different operation. */
static void read_for_ever(int number)
{
	int fd = view_open(NAME, "ro", O_RDONLY);

	attach(fd, PROT_READ);
	for (;; number++) {
		switch (number % 4) {
		case 0:
		case 1:
			read_folder("/sys/class/mshare/" NAME "!ro");
			break;
		case 2:
			get_busy(fd, 0, BYTES, 0, &(struct busy){ 0 });
			break;
		default:
			read_folder("/proc/self/fdinfo");
			close(view_open(NAME, "ro", O_RDONLY));
		}
	}
}

static void start(int n_readers)
{
	for (int i = 0; i < n_readers; i++) {
		readers[i] = fork();
		if (readers[i])
			continue;
		run_on(1, SCHED_IDLE);
		if (user_become(&reader))
			_exit(1);
		read_for_ever(i);
	}
	/* Wait until each has begun. */
	sleep(2);
	for (int i = 0; i < SPINNERS; i++) {
		spinners[i] = fork();
		if (spinners[i])
			continue;
		run_on(1, SCHED_OTHER);
		for (double end = now_ms() + STARVED_MS; now_ms() < end;)
			;
		_exit(0);
	}
	usleep(300000);
}

static void end_all(pid_t *pid, int n)
{
	for (int i = 0; i < n; i++)
		kill(pid[i], SIGKILL);
	for (int i = 0; i < n; i++)
		waitpid(pid[i], NULL, 0);
}

static int begin(void)
{
	struct msharearena_create c = create_args(NAME, SZ_4K, BYTES);
	int fd, ret;

	region_unlink(NAME);
	c.mode = 0644;
	ret = create_named(&c);
	if (ret)
		bail("create: %s", strerror(-ret));
	fd = view_open(NAME, "rw", O_RDWR);
	ret = view_export(fd, memory, BYTES, 0);
	if (ret)
		bail("export: %s", strerror(-ret));
	return fd;
}

/* Measure open(2) of another region's node while UNLINK runs. */
static pid_t open_meanwhile(double *took)
{
	pid_t pid = fork();
	double began;
	int fd;

	if (pid)
		return pid;
	usleep(200000);
	began = now_ms();
	fd = view_open(OTHER, "rw", O_RDWR);
	*took = now_ms() - began;
	_exit(fd < 0);
}

/*
 * Measure UNLINK of the region and an open of the other one beside @n_readers, in ms. Return: how
 * many of both failed.
 */
static int measure(int n_readers, double *unlinked, double *opened)
{
	int fd = begin(), status, bad;
	double began;
	pid_t pid;

	start(n_readers);
	pid = open_meanwhile(opened);
	began = now_ms();
	bad = !!region_unlink(NAME);
	*unlinked = now_ms() - began;
	if (waitpid(pid, &status, 0) != pid || status)
		bad++;
	diag("%d readers: UNLINK took %.1f ms, and meanwhile an open %.1f ms", n_readers, *unlinked,
	     *opened);
	end_all(spinners, SPINNERS);
	end_all(readers, n_readers);
	close(fd);
	return bad;
}

int main(void)
{
	double *took = mmap(NULL, 4096, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double unlinked, best_unlinked = 1e9, best_opened = 1e9, alone = 0;
	int bad = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		skip("this needs one CPU for the readers and one for the measurement");
		return done_testing();
	}
	memory = donor(SZ_4K, BYTES);
	/* Without this, each child would get a copy of the pinned memory. */
	if (!memory || madvise(memory, BYTES, MADV_DONTFORK))
		bail("a donor: %s", strerror(errno));
	region_unlink(OTHER);
	if (region_create(OTHER, SZ_4K, SZ_2M))
		bail("create " OTHER);
	run_on(0, SCHED_OTHER);
	for (int i = 0; i < ROUNDS; i++) {
		bad += measure(0, &unlinked, took);
		alone = unlinked > alone ? unlinked : alone;
		bad += measure(READERS, &unlinked, took);
		best_unlinked = unlinked < best_unlinked ? unlinked : best_unlinked;
		best_opened = *took < best_opened ? *took : best_opened;
	}
	is(bad, 0, "UNLINK and an open of another region's node succeed %d times", 2 * ROUNDS);
	ok(best_unlinked < MAX_TIMES * alone,
	   "UNLINK beside starved readers took %.1f ms, less than %d times as long as alone, %.1f ms",
	   best_unlinked, MAX_TIMES, alone);
	ok(best_opened < MAX_TIMES * alone,
	   "an open beside starved readers took %.1f ms, less than %d UNLINKs alone", best_opened,
	   MAX_TIMES);
	region_unlink(OTHER);
	return done_testing();
}
