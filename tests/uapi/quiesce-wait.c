// SPDX-License-Identifier: MIT
/*
 * MSHAREARENA_QUIESCE as a call: what it refuses, who may ask, how ranges are
 * cut, and how a wait ends: by the use's end, by its time, by a signal with and
 * without SA_RESTART, by a kill.
 */
#include "quiesce.h"

#include "views.h"

#include <pthread.h>

#define NAME "test-quiesce-wait"
#define RW (PROT_READ | PROT_WRITE)
#define PAGES 64UL

static int region;
static char *base;

static int ask(int fd, struct msharearena_quiesce q)
{
	q.size = q.size ? q.size : sizeof(q);
	return ioctl(fd, MSHAREARENA_QUIESCE, &q) ? -errno : 0;
}

#define ASK(...) ask(region, (struct msharearena_quiesce){ __VA_ARGS__ })

static void test_refused(void)
{
	is(ASK(.length = SZ_4K), 0, "(a page is fine)");
	is(ASK(.length = SZ_4K, .flags = 1), -EINVAL, "an unknown flag");
	is(ASK(.length = SZ_4K, .reserved = 1), -EINVAL, "a reserved bit");
	is(ASK(.length = SZ_4K, .size = sizeof(struct msharearena_quiesce) - 1), -EINVAL,
	   "a short structure");
	is(ASK(.length = 0), -EINVAL, "no length");
	is(ASK(.length = SZ_4K - 1), -EINVAL, "a length that is not made of pages");
	is(ASK(.length = SZ_4K, .offset = 8), -EINVAL, "an offset that is not");
	is(ASK(.length = 2 * PAGES * SZ_4K), 0, "(all of the region, with a hole, is fine)");
	is(ASK(.length = 2 * PAGES * SZ_4K + SZ_4K), -ERANGE, "more than the region");
	is(ASK(.length = SZ_4K, .offset = 2 * PAGES * SZ_4K), -ERANGE, "behind its end");
	is(ASK(.length = SZ_4K, .offset = -SZ_4K), -ERANGE, "an offset that wraps");
	is(ASK(.length = -SZ_4K, .offset = SZ_4K), -ERANGE, "a length that wraps");
	is(ioctl(region, MSHAREARENA_QUIESCE, NULL), -1, "no structure");
	is(errno, EFAULT, "(EFAULT)");
	is(ctl(MSHAREARENA_QUIESCE, &(struct msharearena_quiesce){ .size = 48 }), -ENOTTY,
	   "on the control device");
}

/* What cannot be told is an error, not a silent answer. */
static void test_unwritable(void)
{
	struct msharearena_quiesce q = { .size = sizeof(q), .length = SZ_4K };
	struct hold h = hold_pages(base, 1);
	void *p = mmap(NULL, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(p, &q, sizeof(q));
	mprotect(p, 4096, PROT_READ);
	is(ioctl(region, MSHAREARENA_QUIESCE, p), -1, "an answer that cannot be written");
	is(errno, EFAULT, "(EFAULT)");
	munmap(p, 4096);
	hold_end(&h);
}

static void test_views(void)
{
	static const struct {
		const char *view;
		int flags;
	} nodes[] = {
		{ "rw", O_RDWR }, { "rw", O_RDONLY }, { "rw", O_WRONLY },
		{ "ro", O_RDONLY }, { "part", O_RDONLY },
	};
	struct hold h = hold_pages(base + 9 * SZ_4K, 1);

	is(layout_add(NAME, "part", "r", SZ_4K), 0, "(a view that does not show the page)");
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
		int fd = view_open(NAME, nodes[i].view, nodes[i].flags);

		ok(fd >= 0 && busy_is(fd, 0, PAGES * SZ_4K, SZ_4K, 9 * SZ_4K),
		   "%s may be asked, with flags %d", nodes[i].view, nodes[i].flags);
		close(fd);
	}
	hold_end(&h);
}

static void test_ranges(void)
{
	struct hold a = hold_pages(base + 3 * SZ_4K + 4000, 200);	/* pages 3 and 4 */
	struct hold b = hold_pages(base + 10 * SZ_4K, 1);
	struct hold c = hold_pages(base + (PAGES - 1) * SZ_4K, 4096);

	ok(busy_is(region, 0, PAGES * SZ_4K, 4 * SZ_4K, 3 * SZ_4K), "four pages of a range");
	ok(busy_is(region, 0, 2 * PAGES * SZ_4K, 4 * SZ_4K, 3 * SZ_4K), "and of one with a hole");
	ok(idle(region, 0, 3 * SZ_4K), "up to the first");
	ok(busy_is(region, 0, 4 * SZ_4K, SZ_4K, 3 * SZ_4K), "with the first");
	ok(busy_is(region, 4 * SZ_4K, SZ_4K, SZ_4K, 4 * SZ_4K), "just the second");
	ok(idle(region, 5 * SZ_4K, 5 * SZ_4K), "between");
	ok(busy_is(region, 5 * SZ_4K, 6 * SZ_4K, SZ_4K, 10 * SZ_4K), "to the third");
	ok(busy_is(region, 11 * SZ_4K, PAGES * SZ_4K, SZ_4K, (PAGES - 1) * SZ_4K), "the last");
	ok(idle(region, PAGES * SZ_4K, PAGES * SZ_4K), "nothing but a hole");
	hold_end(&b);
	hold_end(&a);
	ok(busy_is(region, 0, 2 * PAGES * SZ_4K, SZ_4K, (PAGES - 1) * SZ_4K), "one is left");
	hold_end(&c);
	ok(idle(region, 0, 2 * PAGES * SZ_4K), "and none");
}

/* The same range in two exports, of which one begins before it. */
static void test_exports(void)
{
	struct hold h;

	is(donate(region, SZ_4K, 8 * SZ_4K, 70 * SZ_4K), 0, "(a second export)");
	h = hold_pages(base + 77 * SZ_4K, 1);
	ok(busy_is(region, 60 * SZ_4K, 40 * SZ_4K, SZ_4K, 77 * SZ_4K), "the end of it");
	ok(busy_is(region, 77 * SZ_4K, SZ_4K, SZ_4K, 77 * SZ_4K), "alone");
	ok(idle(region, 71 * SZ_4K, 6 * SZ_4K) && idle(region, 78 * SZ_4K, 9 * SZ_4K), "around it");
	hold_end(&h);
}

/* ---- waits ---- */

static void test_time(void)
{
	struct hold h = hold_pages(base, 1);
	struct busy b;

	is(quiesce(region, 0, SZ_4K, 0, &b), -EAGAIN, "without waiting: EAGAIN");
	is(quiesce(region, 0, SZ_4K, 1, &b), -ETIMEDOUT, "with: ETIMEDOUT");
	ok(b.bytes == SZ_4K && b.first == 0, "and how it is");
	is(quiesce(region, 0, SZ_4K, 200, &b), -ETIMEDOUT, "also after some time");
	hold_end(&h);
}

static void *reads_late(void *arg)
{
	usleep(100000);
	hold_end(arg);
	return NULL;
}

static void test_ends(void)
{
	static const uint32_t times[] = { 60000, QUIESCE_FOREVER };

	for (int i = 0; i < 2; i++) {
		struct hold h = hold_pages(base, 1);
		struct busy b;
		pthread_t t;

		pthread_create(&t, NULL, reads_late, &h);
		is(quiesce(region, 0, SZ_4K, times[i], &b), 0, "%s: a wait ends with the use",
		   i ? "without limit" : "with a limit");
		ok(b.bytes == 0 && b.first == SZ_4K, "(nothing is busy)");
		pthread_join(t, NULL);
	}
}

static void on_signal(int sig)
{
	(void)sig;
}

/* In a child: wait under a handler; the answer, or 200 if it was a wrong one. */
static int waits(int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGUSR1, &sa, NULL);
	return -quiesce(region, 0, SZ_4K, QUIESCE_FOREVER, NULL);
}

/* Until it sleeps in the call, as /proc tells. */
static void wait_for_sleep(pid_t pid)
{
	char path[64], state[256];

	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	for (int ms = 0; ms < 20000; ms++) {
		FILE *f = fopen(path, "re");

		if (f && fgets(state, sizeof(state), f) && strstr(state, "quiesce")) {
			fclose(f);
			return;
		}
		if (f)
			fclose(f);
		usleep(1000);
	}
	diag("wchan of the waiter: %s", state);
}

static pid_t start_waiter(int flags)
{
	pid_t pid = fork();

	if (!pid)
		_exit(waits(flags));
	wait_for_sleep(pid);
	return pid;
}

static void test_signals(void)
{
	struct hold h = hold_pages(base, 1);
	int status;
	pid_t pid = start_waiter(0);

	kill(pid, SIGUSR1);
	waitpid(pid, &status, 0);
	is(WEXITSTATUS(status), EINTR, "a handler without SA_RESTART: EINTR");
	pid = start_waiter(SA_RESTART);
	for (int i = 0; i < 10; i++) {
		kill(pid, SIGUSR1);
		usleep(10000);
	}
	is(waitpid(pid, &status, WNOHANG), 0, "with SA_RESTART it goes on waiting");
	kill(pid, SIGSTOP);
	waitpid(pid, &status, WUNTRACED);
	ok(WIFSTOPPED(status), "it can be stopped");
	kill(pid, SIGCONT);
	usleep(50000);
	is(waitpid(pid, &status, WNOHANG), 0, "and continued");
	hold_end(&h);
	waitpid(pid, &status, 0);
	is(status, 0, "until the use ends");
}

static void test_kill(void)
{
	struct hold h = hold_pages(base, 1);
	int status;
	pid_t pid = start_waiter(0);

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	is(status, SIGKILL, "a waiter can be killed");
	ok(busy_is(region, 0, SZ_4K, SZ_4K, 0), "(the use goes on)");
	hold_end(&h);
}

/* A wait keeps nobody else out of the region. */
static void test_beside(void)
{
	struct hold h = hold_pages(base, 1);
	struct peer p = peer_start();
	int status;
	pid_t pid = start_waiter(0);

	is(donate(region, SZ_4K, SZ_4K, 100 * SZ_4K), 0, "while one waits memory may come");
	ok(peer_attach(&p, NAME, false) > 0, "processes may attach");
	ok(idle(region, SZ_4K, SZ_4K), "and others may ask");
	peer_kill(&p);
	hold_end(&h);
	waitpid(pid, &status, 0);
	is(status, 0, "(it ends)");
}

int main(int argc, char **argv)
{
	long before = pages_free(SZ_4K);
	char *d;

	peer_main(argc, argv);
	region_anew(NAME, SZ_4K, 2 * PAGES * SZ_4K);
	region = view_open(NAME, "rw", O_RDWR);
	d = donor(SZ_4K, PAGES * SZ_4K);
	madvise(d, PAGES * SZ_4K, MADV_NOHUGEPAGE);
	if (view_export(region, d, PAGES * SZ_4K, 0))
		bail("export");
	base = attach(region, RW);
	test_refused();
	test_unwritable();
	test_views();
	test_ranges();
	test_exports();
	test_time();
	test_ends();
	test_signals();
	test_kill();
	test_beside();
	munmap(base, SLOT);
	region_unlink(NAME);
	close(region);
	is(pages_free(SZ_4K), before, "nothing is pinned any more");
	return done_testing();
}
