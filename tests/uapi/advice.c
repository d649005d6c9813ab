// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: advice, locking and merging do not touch a region's memory: madvise(2) with every
 * number, by the process and by another one for it, mlock(2) and similar calls.
 * timeout: 600
 */
#include "witness.h"

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define NAME "test-advice"
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

#define RW (PROT_READ | PROT_WRITE)
#define LAST_ADVICE 110

struct span {
	char *at;
	size_t len;
};

/* Ranges: the whole window, pages, edges, a hole, and ranges across an edge. */
static int spans(struct span *s)
{
	const struct span all[] = {
		{ base, WINDOW },
		{ base, bytes },
		{ base, page_size },
		{ base + 4096, 4096 },
		{ base + bytes - 4096, 4096 },
		{ base + bytes, page_size },
		{ base + WINDOW - 4096, 4096 },
		{ base - 8192, WINDOW + 16384 },
	};

	memcpy(s, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}

/* These two make memory fail, which poison.c tests. */
static bool breaks(int advice)
{
	return advice == MADV_HWPOISON || advice == MADV_SOFT_OFFLINE;
}

static void test_madvise(void)
{
	struct span s[8];
	int n = spans(s);

	for (int advice = 0; advice <= LAST_ADVICE; advice++) {
		for (int i = 0; i < n && !breaks(advice); i++)
			madvise(s[i].at, s[i].len, advice);
		if (advice == MADV_DONTNEED || advice == MADV_REMOVE ||
		    advice == MADV_DONTNEED_LOCKED)
			unhurt("madvise with advice that removes memory");
	}
	unhurt("madvise with every advice");
}

/* Advice that would do harm must be refused; it is not enough that it happens to do none. */
static void test_refused(void)
{
	static const struct {
		int advice;
		const char *name;
	} c[] = {
		{ MADV_DONTNEED, "DONTNEED" },
		{ MADV_DONTNEED_LOCKED, "DONTNEED_LOCKED" },
		{ MADV_FREE, "FREE" },
		{ MADV_REMOVE, "REMOVE" },
		{ MADV_COLD, "COLD" },
		{ MADV_PAGEOUT, "PAGEOUT" },
		{ MADV_DOFORK, "DOFORK" },
		{ MADV_DODUMP, "DODUMP" },
		{ MADV_WIPEONFORK, "WIPEONFORK" },
		{ MADV_COLLAPSE, "COLLAPSE" },
		{ MADV_POPULATE_READ, "POPULATE_READ" },
		{ MADV_POPULATE_WRITE, "POPULATE_WRITE" },
		{ MADV_GUARD_INSTALL, "GUARD_INSTALL" },
		{ MADV_GUARD_REMOVE, "GUARD_REMOVE" },
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		is(madvise(base, WINDOW, c[i].advice), -1, "MADV_%s is refused", c[i].name);
		is(madvise(base + bytes - 4096, 4096, c[i].advice), -1,
		   "MADV_%s for one page is refused", c[i].name);
	}
}

/* The child's part: give the same advice for its parent, which is attached. */
static void advise_parent(void)
{
	int pidfd = syscall(SYS_pidfd_open, getppid(), 0);
	struct span s[8];
	int n = spans(s);

	if (pidfd < 0)
		_exit(1);
	for (int advice = 0; advice <= LAST_ADVICE; advice++) {
		for (int i = 0; i < n && !breaks(advice); i++) {
			struct iovec iov = { s[i].at, s[i].len };

			syscall(SYS_process_madvise, pidfd, &iov, 1, advice, 0);
		}
	}
	_exit(0);
}

static void test_process_madvise(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		advise_parent();
	waitpid(pid, &status, 0);
	is(status, 0, "another process calls process_madvise with every advice");
	unhurt("process_madvise");
}

static long locked_kb(void)
{
	char text[sizeof(witness_books)];
	long kb = -1;

	witness_status(getpid(), text, sizeof(text));
	if (sscanf(strstr(text, "VmLck:"), "VmLck: %ld", &kb) != 1)
		return -1;
	return kb;
}

static void test_locking(void)
{
	long before = locked_kb();
	struct span s[8];
	int n = spans(s);

	for (int i = 0; i < n; i++) {
		mlock(s[i].at, s[i].len);
		mlock2(s[i].at, s[i].len, MLOCK_ONFAULT);
		msync(s[i].at, s[i].len, MS_ASYNC | MS_INVALIDATE);
		msync(s[i].at, s[i].len, MS_SYNC);
	}
	is(locked_kb(), before + 16,
	   "mlock across the region locks its neighbours and nothing of the region");
	for (int i = 0; i < n; i++)
		munlock(s[i].at, s[i].len);
	unhurt("mlock, munlock and msync");
	mlockall(MCL_CURRENT);
	ok(locked_kb() < (long)(WINDOW >> 11), "mlockall does not lock the region");
	munlockall();
	unhurt("mlockall");
}

/* After mlockall(MCL_FUTURE) an attachment is charged to the limit. */
static int attach_locked(bool root)
{
	struct rlimit rl = { 1 << 30, 1 << 30 };
	int fd = view_open(NAME, "rw", O_RDWR);
	char *p;

	setrlimit(RLIMIT_MEMLOCK, &rl);
	if (!root && (setgroups(0, NULL) || setresgid(1234, 1234, 1234) ||
		      setresuid(1234, 1234, 1234)))
		return 1;
	if (mlockall(MCL_FUTURE))
		return 2;
	p = attach(fd, RW);
	if (!root)
		return !p && errno == EAGAIN ? 0 : 3;
	if (!p || !filled(p, bytes, WITNESS_SEED))
		return 4;
	return locked_kb() < (long)(WINDOW >> 11) ? 0 : 5;
}

static void test_locked_future(void)
{
	for (int root = 0; root < 2; root++) {
		int status;
		pid_t pid = fork();

		if (!pid)
			_exit(attach_locked(root));
		waitpid(pid, &status, 0);
		is(status, 0, root ?
		   "after mlockall(MCL_FUTURE) root attaches, and nothing is locked" :
		   "after mlockall(MCL_FUTURE) mmap by a user gives EAGAIN");
	}
	unhurt("mlockall(MCL_FUTURE)");
}

/* With these flags mmap would touch or lock the memory that it maps. */
static void test_mmap_flags(void)
{
	static const int flags[] = { MAP_POPULATE, MAP_LOCKED, MAP_POPULATE | MAP_NONBLOCK,
				     MAP_NORESERVE, MAP_STACK };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		munmap(base, WINDOW);
		ok(mmap(NULL, WINDOW, RW, MAP_SHARED | flags[i], region, 0) == base,
		   "the region can be attached with mmap flag 0x%x", flags[i]);
	}
	unhurt("MAP_POPULATE and MAP_LOCKED");
}

static void test_merging(void)
{
	FILE *f = fopen("/sys/kernel/mm/ksm/run", "we");

	if (!f)
		bail("this kernel has no KSM");
	fputs("1\n", f);
	fclose(f);
	if (prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0))
		diag("PR_SET_MEMORY_MERGE: %s", strerror(errno));
	madvise(base, WINDOW, MADV_MERGEABLE);
	/* KSM merges pages of equal content. */
	memset(base, 0, bytes < SZ_2M * 2 ? bytes : SZ_2M * 2);
	for (long scans = read_long("/sys/kernel/mm/ksm/full_scans"), ms = 0; ms < 20000 &&
	     read_long("/sys/kernel/mm/ksm/full_scans") < scans + 2; ms += 10)
		usleep(10000);
	fill(base, bytes, WITNESS_SEED);
	madvise(base, WINDOW, MADV_UNMERGEABLE);
	prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
	f = fopen("/sys/kernel/mm/ksm/run", "we");
	if (f) {
		fputs("2\n", f);
		fclose(f);
	}
	unhurt("KSM");
}

static void test_size(uint64_t size)
{
	witness_begin(NAME, size);
	witness_neighbours(true);
	test_madvise();
	test_refused();
	test_process_madvise();
	test_locking();
	test_locked_future();
	test_mmap_flags();
	test_merging();
	witness_neighbours(false);
	witness_end();
}

int main(int argc, char **argv)
{
	return test_each_size(argc, argv, 32, test_size);
}
