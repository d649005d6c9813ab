// SPDX-License-Identifier: MIT
/*
 * Goal: a hostile process cannot damage a region by calls that move, replace or split
 * mappings, over the whole window, a part of it, its edges and mappings beside it.
 * Whatever these calls return, another process must keep every byte.
 * timeout: 600
 */
#include "witness.h"

#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>

#define NAME "test-hostile"
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

#define RW (PROT_READ | PROT_WRITE)
#define PRIV (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

/* Ranges that overlap the window: a part of it, an edge, but never the whole window. */
static const struct {
	const char *what;
	long from, to;		/* relative to the region's begin */
} parts[] = {
	{ "the first small page", 0, 4096 },
	{ "a small page within", 4096, 8192 },
	{ "the first 2 MiB", 0, 1 << 21 },
	{ "the first GiB", 0, 1 << 30 },
	{ "all but the first GiB", 1 << 30, WINDOW },
	{ "the last small page", WINDOW - 4096, WINDOW },
	{ "a range over the beginning", -4096, 4096 },
	{ "a range over the end", WINDOW - 4096, WINDOW + 4096 },
	{ "all but the last page and a page before", -4096, WINDOW - 4096 },
};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

/* Mappings beside the region, which must stay. */
static char *below, *above;

static void make_neighbours(void)
{
	munmap(base - 8192, 8192);
	munmap(base + WINDOW, 8192);
	below = mmap(base - 8192, 8192, RW, PRIV | MAP_FIXED_NOREPLACE, -1, 0);
	above = mmap(base + WINDOW, 8192, RW, PRIV | MAP_FIXED_NOREPLACE, -1, 0);
	ok(below == base - 8192 && above == base + WINDOW,
	   "mappings are made on both sides of the region");
	*(volatile char *)below = 1;
	*(volatile char *)above = 2;
}

static void test_munmap(void)
{
	for (size_t i = 0; i < N_PARTS; i++) {
		is(munmap(base + parts[i].from, parts[i].to - parts[i].from), -1,
		   "munmap of %s is refused", parts[i].what);
		is(errno, EINVAL, "the error of munmap of %s is EINVAL", parts[i].what);
	}
	unhurt("munmap");
}

static void test_map_fixed(void)
{
	for (size_t i = 0; i < N_PARTS; i++) {
		size_t len = parts[i].to - parts[i].from;
		char *at = base + parts[i].from;

		ok(mmap(at, len, PROT_READ, PRIV | MAP_FIXED, -1, 0) == MAP_FAILED,
		   "mmap with MAP_FIXED over %s is refused", parts[i].what);
		ok(mmap(at, len, PROT_READ, PRIV | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED &&
		   errno == EEXIST, "mmap with MAP_FIXED_NOREPLACE over %s gives EEXIST",
		   parts[i].what);
		ok(mmap(at, len, RW, MAP_SHARED | MAP_FIXED, region, 0) == MAP_FAILED,
		   "mapping the region itself over %s is refused", parts[i].what);
	}
	unhurt("mmap");
}

static void test_mprotect(void)
{
	static const int prots[] = { PROT_NONE, PROT_READ, RW, PROT_READ | PROT_EXEC };
	int pkey = syscall(SYS_pkey_alloc, 0, 0);
	int given = 0;

	for (size_t p = 0; p < 4; p++) {
		for (size_t i = 0; i < N_PARTS; i++) {
			char *at = base + parts[i].from;
			size_t len = parts[i].to - parts[i].from;

			given += !mprotect(at, len, prots[p]);
			given += !syscall(SYS_pkey_mprotect, at, len, prots[p],
					  pkey < 0 ? 0 : pkey);
		}
		given += !mprotect(base, WINDOW, prots[p]);
		given += !syscall(SYS_pkey_mprotect, base, WINDOW, prots[p], pkey < 0 ? 0 : pkey);
	}
	is(given, 0, "mprotect and pkey_mprotect are refused, whole or in part");
	/* The calls that began in the neighbour below changed it before they failed. */
	mprotect(below, 8192, RW);
	unhurt("mprotect");
}

/* Only calls that leave the region where it is may succeed. */
static int mremap_one(char *old, size_t old_len, size_t new_len, int flags, char *to)
{
	void *p = mremap(old, old_len, new_len, flags, to);

	return p == MAP_FAILED || (p == old && new_len && new_len <= old_len) ? 0 : 1;
}

static void test_mremap(void)
{
	char *const olds[] = { base, base + 4096, base + WINDOW - 4096 };
	static const size_t lens[] = {
		0, 4096, SZ_2M, SZ_1G, WINDOW - 4096, WINDOW, WINDOW + 4096, 2 * WINDOW
	};
	char *const tos[] = { NULL, base, base + 4096, base + WINDOW, base + 4 * WINDOW };
	int moved = 0, calls = 0;

	for (size_t o = 0; o < 3; o++)
		for (size_t l = 0; l < 8; l++)
			for (size_t n = 1; n < 8; n++)
				for (int flags = 0; flags < 16; flags++, calls++)
					moved += mremap_one(olds[o], lens[l], lens[n], flags,
							    tos[calls % 5]);
	for (int t = 0; t < 5; t++)
		for (int flags = 0; flags < 8; flags++, calls++)
			moved += mremap_one(base, WINDOW, WINDOW, flags, tos[t]);
	is(moved, 0,
	   "none of %d calls of mremap moves, copies, grows or shrinks the region", calls);
	unhurt("mremap");
}

/* Move other mappings onto the region, or the region and its neighbours away. */
static void test_mremap_onto(void)
{
	char *mine = mmap(NULL, 8192, RW, PRIV, -1, 0);

	make_neighbours();
	*(volatile char *)mine = 3;
	for (size_t i = 0; i < N_PARTS; i++)
		mremap(mine, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, base + parts[i].from);
	ok(*(volatile char *)mine == 3,
	   "mremap of other memory onto a part is refused, and the source stays");
	unhurt("mremap onto a part");
	/* Recent kernels move several mappings at once. */
	mremap(below, WINDOW + 16384, WINDOW + 16384, MREMAP_MAYMOVE | MREMAP_FIXED,
	       base + 4 * WINDOW - 8192);
	unhurt("mremap of the region and its neighbours");
	munmap(base + 4 * WINDOW - 8192, 8192);
	munmap(base + 5 * WINDOW, 8192);
	munmap(mine, 8192);
}

static void test_shm(void)
{
	int id = shmget(IPC_PRIVATE, 4 * SZ_2M, IPC_CREAT | 0600);

	if (id < 0)
		bail("shmget: %s", strerror(errno));
	for (size_t i = 0; i < N_PARTS; i++) {
		char *at = base + parts[i].from;

		ok(shmat(id, at, SHM_REMAP) == (void *)-1,
		   "shmat with SHM_REMAP over %s is refused",
		   parts[i].what);
		ok(shmat(id, at, 0) == (void *)-1, "shmat without SHM_REMAP over %s fails",
		   parts[i].what);
	}
	shmctl(id, IPC_RMID, NULL);
	unhurt("shmat");
}

static void test_remap_file_pages(void)
{
	remap_file_pages(base, WINDOW, 0, 0, 0);
	for (size_t i = 0; i < N_PARTS; i++)
		is(remap_file_pages(base + parts[i].from, parts[i].to - parts[i].from, 0, 1, 0),
		   -1, "remap_file_pages of %s is refused", parts[i].what);
	unhurt("remap_file_pages");
}

static char *set_brk(char *to)
{
	return (char *)syscall(SYS_brk, to);
}

/* A heap or a stack that grows must stop at the region. */
static int grow_into_it(bool up)
{
	int fd = view_open(NAME, "rw", O_RDWR);
	char *p = attach(fd, RW);

	munmap(below, 8192);
	munmap(above, 8192);
	if (!up) {
		char *top = mmap(p + WINDOW + SZ_2M, 4096, RW, PRIV | MAP_GROWSDOWN |
				 MAP_FIXED_NOREPLACE, -1, 0);

		/* Without other mappings in between it grows page by page. */
		for (char *at = top; at > p + WINDOW - 8192; at -= 4096)
			if (try_store(at, 1))
				return at > p + WINDOW ? 0 : 1;
		return 2;
	}
	if (prctl(PR_SET_MM, PR_SET_MM_START_BRK, p - SZ_2M, 0, 0) ||
	    prctl(PR_SET_MM, PR_SET_MM_BRK, p - SZ_2M, 0, 0))
		return 3;
	if (set_brk(p - 4096) != p - 4096)
		return 4;
	return set_brk(p + 4096) == p + 4096 ||
	       set_brk(p + WINDOW + 4096) == p + WINDOW + 4096 ? 5 : 0;
}

static void test_growth(void)
{
	for (int up = 0; up < 2; up++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			_exit(grow_into_it(up));
		waitpid(pid, &status, 0);
		is(status, 0, "a %s that grows stops at the region", up ? "heap" : "stack");
	}
	unhurt("brk and MAP_GROWSDOWN");
}

/* In a child, as a sealed mapping stays until the process ends. */
static int seal(void)
{
	int fd = view_open(NAME, "rw", O_RDWR);
	char *p = attach(fd, RW);

	if (syscall(SYS_mseal, p, page_size, 0) == 0)
		return 2;
	if (syscall(SYS_mseal, p, WINDOW, 0))
		return errno == ENOSYS ? 4 : 3;
	if (munmap(p, WINDOW) == 0)
		return 5;
	if (mremap(p, WINDOW, WINDOW, MREMAP_MAYMOVE | MREMAP_FIXED, p + 4 * WINDOW) != MAP_FAILED)
		return 5;
	return mmap(p, WINDOW, PROT_NONE, PRIV | MAP_FIXED, -1, 0) == MAP_FAILED ? 0 : 6;
}

static void test_mseal(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(seal());
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) == 4)
		skip("this kernel has no mseal");
	else
		is(status, 0, "mseal of a part is refused, and mseal of the whole window seals it");
	unhurt("the exit of a process with a sealed mapping");
}

/* A mapping that replaces the whole window detaches the region. */
static void replaced(const char *how, char *got, size_t len)
{
	ok(got == base, "%s over the whole window succeeds", how);
	is(view_region(region).attached, 1, "%s over the whole window detaches the region", how);
	ok(witness_unhurt(), "the other process keeps every byte after %s over the window", how);
	munmap(base, len);
	ok(attach(region, RW) == base, "the region can be attached after %s over the window", how);
}

static void test_whole(void)
{
	char *big = mmap(NULL, WINDOW, RW, PRIV, -1, 0);

	ok(mmap(base, WINDOW, RW, MAP_SHARED | MAP_FIXED, region, 0) == base,
	   "mmap of the region over itself with MAP_FIXED succeeds");
	unhurt("mmap of the region over itself");
	replaced("MAP_FIXED", mmap(base, WINDOW, PROT_NONE, PRIV | MAP_FIXED, -1, 0), WINDOW);
	replaced("mremap of other memory", mremap(big, WINDOW, WINDOW,
						  MREMAP_MAYMOVE | MREMAP_FIXED, base), WINDOW);
	is(munmap(base - 8192, WINDOW + 16384), 0, "munmap of more than the whole window succeeds");
	is(view_region(region).attached, 1,
	   "munmap of more than the whole window detaches the region");
	ok(attach(region, RW) == base, "the region can be attached after munmap of more");
	unhurt("replacing the whole window");
}

static void test_size(uint64_t size)
{
	witness_begin(NAME, size);
	make_neighbours();
	test_munmap();
	test_map_fixed();
	test_mprotect();
	test_mremap();
	test_mremap_onto();
	make_neighbours();
	test_shm();
	test_remap_file_pages();
	test_growth();
	test_mseal();
	test_whole();
	witness_end();
}

int main(int argc, char **argv)
{
	return test_each_size(argc, argv, 32, test_size);
}
