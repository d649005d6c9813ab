// SPDX-License-Identifier: MIT
/*
 * Address-space calls that could hurt the shared tables, by a process that
 * means it. Whatever they answer, another process must keep every byte.
 */
#include "util.h"

#include <linux/userfaultfd.h>
#include <sys/prctl.h>

#define NAME "test-hostile"
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif

static uint64_t page_size, bytes;
static char *base;
static struct peer other;

/* The other process and I see every byte as it was. */
static void unhurt(const char *what)
{
	ok(filled(base, bytes, 3) &&
	   PEER(other, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes, .c = 3) == 1,
	   "%s: nobody lost a byte", what);
}

static void test_unmap_parts(void)
{
	is(munmap(base, page_size), -1, "munmap of the first page is refused");
	is(errno, EINVAL, "(EINVAL)");
	is(munmap(base + SLOT - 4096, 4096), -1, "of the last");
	is(munmap(base + 4096, 4096), -1, "of a small one within a leaf");
	ok(mmap(base + page_size, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		-1, 0) == MAP_FAILED, "MAP_FIXED over a part is refused");
	ok(mmap(base - 4096, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	   MAP_FAILED, "over the beginning");
	ok(mmap(base + SLOT - 4096, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		-1, 0) == MAP_FAILED, "over the end");
	unhurt("munmap and mmap");
}

static void test_mremap(void)
{
	struct {
		const char *what;
		void *old;
		size_t old_len, new_len;
		int flags;
		void *to;
	} c[] = {
		{ "shrink", base, SLOT, SLOT / 2, 0, NULL },
		{ "grow", base, SLOT, 2 * SLOT, MREMAP_MAYMOVE, NULL },
		{ "duplicate", base, 0, SLOT, MREMAP_MAYMOVE, NULL },
		{ "move", base, SLOT, SLOT, MREMAP_MAYMOVE | MREMAP_FIXED, base + 4 * SLOT },
		{ "move to 0", base, SLOT, SLOT, MREMAP_MAYMOVE | MREMAP_FIXED, NULL },
		{ "move, DONTUNMAP", base, SLOT, SLOT, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL },
		{ "move, DONTUNMAP to", base, SLOT, SLOT,
		  MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED, base + 4 * SLOT },
		{ "move a part", base, page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED,
		  base + 4 * SLOT },
		{ "shrink and move", base, SLOT, page_size, MREMAP_MAYMOVE | MREMAP_FIXED,
		  base + 4 * SLOT },
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		ok(mremap(c[i].old, c[i].old_len, c[i].new_len, c[i].flags, c[i].to) ==
		   MAP_FAILED, "mremap: %s is refused", c[i].what);
	unhurt("mremap");
}

static void test_protection(void)
{
	int pkey;

	is(mprotect(base, SLOT, PROT_NONE), -1, "mprotect NONE is refused");
	is(mprotect(base, SLOT, PROT_READ), -1, "mprotect READ is refused");
	is(mprotect(base, SLOT, PROT_READ | PROT_WRITE), -1, "mprotect WRITE");
	is(mprotect(base, SLOT, PROT_READ | PROT_EXEC), -1, "mprotect EXEC");
	is(mprotect(base, page_size, PROT_NONE), -1, "mprotect of a part");
	pkey = syscall(SYS_pkey_alloc, 0, 0);
	is(syscall(SYS_pkey_mprotect, base, SLOT, PROT_READ, pkey < 0 ? 0 : pkey), -1,
	   "pkey_mprotect");
	unhurt("mprotect");
}

static void test_madvise(void)
{
	for (int advice = 0; advice <= 110; advice++) {
		/* These two mean to break memory: not a thing to try on others. */
		if (advice == MADV_HWPOISON || advice == MADV_SOFT_OFFLINE)
			continue;
		madvise(base, SLOT, advice);
		madvise(base, page_size, advice);
		madvise(base + page_size, 4096, advice);
	}
	unhurt("madvise with every advice");
	is(madvise(base, SLOT, MADV_DONTNEED), -1, "MADV_DONTNEED is refused");
	is(madvise(base, SLOT, MADV_REMOVE), -1, "MADV_REMOVE is refused");
	is(madvise(base, SLOT, MADV_DOFORK), -1, "MADV_DOFORK is refused");
}

static void test_locking(void)
{
	mlock(base, SLOT);
	mlock(base, page_size);
	mlock2(base, page_size, MLOCK_ONFAULT);
	munlock(base, page_size);
	mlockall(MCL_CURRENT);
	munlockall();
	msync(base, SLOT, MS_SYNC | MS_INVALIDATE);
	remap_file_pages(base, SLOT, 0, 0, 0);
	is(remap_file_pages(base, page_size, 0, 1, 0), -1, "remap_file_pages of a part");
	prctl(PR_SET_MEMORY_MERGE, 1, 0, 0, 0);
	prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
	unhurt("mlock, msync and remap_file_pages");
}

static void test_policies(void)
{
	unsigned long nodes = 1;
	void *pages[4] = { base, base + 4096, base + page_size, base + SLOT - 4096 };
	int status[4];

	syscall(SYS_mbind, base, SLOT, 2 /* MPOL_BIND */, &nodes, 64, 1 /* STRICT */);
	syscall(SYS_mbind, base, SLOT, 2, &nodes, 64, 2 /* MOVE */);
	syscall(SYS_mbind, base, page_size, 2, &nodes, 64, 1);
	syscall(SYS_migrate_pages, 0, 64, &nodes, &nodes);
	syscall(SYS_move_pages, 0, 4, pages, NULL, status, 0);
	syscall(SYS_move_pages, 0, 4, pages, (int[]){ 0, 0, 0, 0 }, status, 2);
	unhurt("mbind, migrate_pages, move_pages");
}

static int uffd_register(uint64_t features, uint64_t mode)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = {
		.range = { (uintptr_t)base, SLOT },
		.mode = mode,
	};
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)base, page_size },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* USER_MODE_ONLY */);
	int ret;

	if (fd < 0)
		bail("userfaultfd: %s", strerror(errno));
	if (ioctl(fd, UFFDIO_API, &api))
		bail("UFFDIO_API: %s", strerror(errno));
	ret = ioctl(fd, UFFDIO_REGISTER, &reg) ? -errno : 0;
	ioctl(fd, UFFDIO_WRITEPROTECT, &wp);
	close(fd);
	return ret;
}

static void test_userfaultfd(void)
{
	/* EPERM, or EINVAL from a kernel that looks at VM_SPECIAL first. */
	ok(uffd_register(UFFD_FEATURE_WP_ASYNC, UFFDIO_REGISTER_MODE_WP) < 0,
	   "userfaultfd WP_ASYNC is refused");
	unhurt("WP_ASYNC");
	ok(uffd_register(0, UFFDIO_REGISTER_MODE_MISSING) < 0, "MISSING is refused");
	ok(uffd_register(0, UFFDIO_REGISTER_MODE_WP) < 0, "WP is refused");
	ok(uffd_register(0, UFFDIO_REGISTER_MODE_MINOR) < 0, "MINOR is refused");
	unhurt("userfaultfd");
}

static void test_fork(void)
{
	uint64_t v;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(try_load(base, &v));
	waitpid(pid, &status, 0);
	is(WEXITSTATUS(status), SIGSEGV, "fork gives the child nothing");
	pid = vfork();
	if (!pid)
		_exit(0);
	waitpid(pid, &status, 0);
	for (int i = 0; i < 50; i++) {
		pid = fork();
		if (!pid)
			_exit(0);
		waitpid(pid, &status, 0);
	}
	unhurt("fork and vfork");
}

static int attach_in_child(void)
{
	int fd = view_open(NAME, "rw", O_RDWR);

	return attach(fd, PROT_READ | PROT_WRITE) == base && filled(base, bytes, 3) ? 0 : 1;
}

static void test_fork_attaches_itself(void)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(attach_in_child());
	waitpid(pid, &status, 0);
	is(status, 0, "but the child can attach by itself");
	unhurt("its exit");
}

/* In a child, as a sealed mapping stays for good. */
static void test_mseal(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int fd = view_open(NAME, "rw", O_RDWR);
		char *p = attach(fd, PROT_READ | PROT_WRITE);

		if (syscall(SYS_mseal, p, page_size, 0) == 0)
			_exit(2);
		if (syscall(SYS_mseal, p, SLOT, 0))
			_exit(errno == ENOSYS ? 4 : 3);
		if (munmap(p, SLOT) == 0)
			_exit(5);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) == 4)
		skip("mseal: not in this kernel");
	else
		is(status, 0, "mseal of a part is refused, of the whole seals");
	unhurt("the exit of a process with a sealed mapping");
}

static void test_map_fixed_whole(int fd)
{
	int rw = PROT_READ | PROT_WRITE;

	ok(mmap(base, SLOT, rw, MAP_SHARED | MAP_FIXED, fd, 0) == base,
	   "MAP_FIXED of the region over itself");
	unhurt("that");
	ok(mmap(base, SLOT, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		-1, 0) == base, "MAP_FIXED of something else over the whole");
	is(view_region(fd).attached, 1, "detaches");
	is(PEER(other, .op = PEER_FILLED, .a = (intptr_t)base, .b = bytes, .c = 3), 1,
	   "and the other process keeps every byte");
	munmap(base, SLOT);
	ok(attach(fd, rw) == base, "(attached again)");
	is(munmap(base - 4096, SLOT + 8192), 0, "munmap of more than the whole");
	is(view_region(fd).attached, 1, "detaches too");
	ok(attach(fd, rw) == base, "(attached again)");
	unhurt("all this");
}

static void test_size(uint64_t size)
{
	long before = hugepages(size, "free_hugepages");
	int fd = region_with(NAME, size, 2 * size);

	diag("pages of %lu KiB", (unsigned long)size >> 10);
	page_size = size;
	bytes = 2 * size;
	base = attach(fd, PROT_READ | PROT_WRITE);
	fill(base, bytes, 3);
	other = peer_start();
	peer_attach(&other, NAME, false);

	test_unmap_parts();
	test_mremap();
	test_protection();
	test_madvise();
	test_locking();
	test_policies();
	test_userfaultfd();
	test_fork();
	test_fork_attaches_itself();
	test_mseal();
	test_map_fixed_whole(fd);

	peer_kill(&other);
	region_unlink(NAME);
	close(fd);
	munmap(base, SLOT);
	is(hugepages(size, "free_hugepages"), before, "all pages are back in the pool");
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(32);
	need_1g(2);
	test_size(SZ_2M);
	test_size(SZ_1G);
	return done_testing();
}
