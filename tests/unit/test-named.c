// SPDX-License-Identifier: MIT
/*
 * Goal: with mshare() on the memfd backend the caller's memory becomes the region,
 * other processes find and import it by name, and a call that fails leaves the memory
 * where it was.
 * Method: each call is made with valid and with invalid arguments, in this process and
 * in children that execute this program again; seccomp makes system calls fail.
 *
 * valgrind: no, it takes MAP_FIXED_NOREPLACE for a hint
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mshare.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define NAME	"named"
#define ADDR	((char *)0x200000000000)
#define SLOT	(512UL << 30)
#define LENGTH	(1UL << 20)
#define PAGE	4096UL
#define RW	(PROT_READ | PROT_WRITE)
#define NEW	(O_CREAT | O_EXCL | O_RDWR)

static char *map_at(char *addr, size_t length, int prot, int flags)
{
	char *p = mmap(addr, length, prot, flags | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != addr)
		bail("cannot map memory at %p", addr);
	return p;
}

static char *donor(void)
{
	char *p = map_at(ADDR, LENGTH, RW, MAP_PRIVATE);

	strcpy(p, "begin");
	strcpy(p + LENGTH - 8, "end");
	return p;
}

static bool donor_is_there(const char *p)
{
	return !strcmp(p, "begin") && !strcmp(p + LENGTH - 8, "end");
}

/* True if the memory is private: what a child writes is not seen here. */
static bool is_private(char *p)
{
	pid_t pid = fork();

	if (!pid) {
		p[100] = 77;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return p[100] != 77;
}

/* Execute this program again for the part that @what names; returns its exit status. */
static int run(const char *what)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execl("/proc/self/exe", "test-named", what, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* A child that imports: it returns 0, or the number of the step that failed. */
static int child_imports(void)
{
	size_t length;
	void *addr;

	if (mshare_region_of(NAME, &addr, &length) || addr != ADDR || length != LENGTH)
		return 1;
	if (mshare(NAME, ADDR + SLOT, LENGTH, O_RDWR, 0) != -EINVAL ||
	    mshare(NAME, addr, LENGTH + PAGE, O_RDWR, 0) != -EINVAL)
		return 2;
	if (mshare(NAME, addr, length, O_RDWR, 0))
		return 3;
	if (!donor_is_there(ADDR))
		return 4;
	if (mshare(NAME, NULL, 0, O_RDWR, 0) != -EBUSY)
		return 5;
	strcpy(ADDR + 5000, "from a child");
	if (munmap(addr, SLOT))
		return 6;
	if (mshare(NAME, NULL, 0, O_CREAT | O_RDWR, 0600) || strcmp(ADDR + 5000, "from a child"))
		return 7;
	return 0;
}

static int child_reads(void)
{
	if (mshare(NAME, NULL, 0, O_RDONLY, 0) || !donor_is_there(ADDR))
		return 1;
	/* A sanitizer's handler would turn the signal into an exit. */
	signal(SIGSEGV, SIG_DFL);
	*(volatile char *)ADDR = 1;
	return 2;
}

static void test_arguments(void)
{
	char *p = donor();
	char name[65] = "";

	memset(name, 'n', 64);
	is(mshare(NAME, p, LENGTH, O_CREAT | O_WRONLY, 0600), -EINVAL, "O_WRONLY is refused");
	is(mshare(NAME, p, LENGTH, O_CREAT | O_ACCMODE, 0600), -EINVAL, "O_ACCMODE is refused");
	is(mshare(NAME, p, LENGTH, NEW | O_TRUNC, 0600), -EINVAL, "O_TRUNC is refused");
	is(mshare(NAME, p, LENGTH, O_EXCL | O_RDWR, 0600), -EINVAL,
	   "O_EXCL without O_CREAT is refused");
	is(mshare("", p, LENGTH, NEW, 0600), -EINVAL, "an empty name is refused");
	is(mshare("a/b", p, LENGTH, NEW, 0600), -EINVAL, "a name with a slash is refused");
	is(mshare(name, p, LENGTH, NEW, 0600), -EINVAL, "a name of 64 characters is refused");
	is(mshare(NAME, p, LENGTH, NEW, 0700), -EINVAL,
	   "a mode with execute permission is refused");
	is(mshare(NAME, NULL, LENGTH, NEW, 0600), -EINVAL,
	   "creating without an address is refused");
	is(mshare(NAME, p, 0, NEW, 0600), -EINVAL, "creating without a length is refused");
	is(mshare(NAME, p + PAGE, PAGE, NEW, 0600), -EINVAL,
	   "an address inside a window is refused");
	is(mshare(NAME, p, SLOT + PAGE, NEW, 0600), -EINVAL,
	   "a length of more than a window is refused");
	is(mshare(NAME, p, LENGTH + 1, NEW, 0600), -EINVAL,
	   "a length that is not whole pages is refused");
	is(mshare(NAME, p, LENGTH, O_RDWR, 0600), -ENOENT,
	   "a region that does not exist is not found without O_CREAT");
	is(mshare_region_of(NAME, NULL, NULL), -ENOENT,
	   "a region that does not exist has no address");
	ok(donor_is_there(p) && is_private(p), "refused calls leave the memory as it was");
	munmap(p, LENGTH);
}

/* No region can be made of the memory that is mapped at ADDR. */
static void refused(size_t length, int error, const char *what)
{
	is(mshare(NAME, ADDR, length, NEW, 0600), error, "mshare() refuses %s", what);
	is(mshare(NAME, NULL, 0, O_RDWR, 0), -ENOENT, "a refused donation leaves no region behind");
	munmap(ADDR, SLOT);
}

static void test_memory_refused(void)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	refused(LENGTH, -EFAULT, "an address where nothing is mapped");
	map_at(ADDR, LENGTH, PROT_READ, MAP_PRIVATE);
	refused(LENGTH, -EACCES, "memory that is not writable");
	map_at(ADDR, PAGE, RW, MAP_PRIVATE);
	map_at(ADDR + PAGE, PAGE, PROT_NONE, MAP_PRIVATE);
	refused(2 * PAGE, -EACCES, "memory of which a part is not writable");
	map_at(ADDR, LENGTH, RW, MAP_SHARED);
	refused(LENGTH, -EOPNOTSUPP, "shared memory of small pages");
	if (mmap(ADDR, PAGE, RW, MAP_PRIVATE | MAP_FIXED_NOREPLACE, file, 0) != ADDR)
		bail("cannot map a file");
	refused(PAGE, -EOPNOTSUPP, "a private mapping of a file");
	map_at(ADDR, LENGTH, RW, MAP_PRIVATE);
	refused(LENGTH - PAGE, -EBUSY, "a part of a mapping that continues behind it");
	map_at(ADDR, LENGTH, RW, MAP_PRIVATE);
	map_at(ADDR + SLOT - PAGE, PAGE, RW, MAP_PRIVATE);
	refused(LENGTH, -EBUSY, "memory with another mapping in the window");
	close(file);
}

static void test_life(void)
{
	char *p = donor(), *other;
	void *addr = NULL;
	size_t length = 0;

	/* These mappings beside the window must not be touched. */
	map_at(ADDR - PAGE, PAGE, RW, MAP_PRIVATE);
	other = map_at(ADDR + SLOT, PAGE, RW, MAP_PRIVATE);
	is(mshare(NAME, p, LENGTH, NEW, 0600), 0, "memory becomes a region");
	ok(donor_is_there(p), "the memory of the new region has its old content");
	is(mshare_region_of(NAME, &addr, &length), 0, "mshare_region_of() finds the region");
	ok(addr == p && length == LENGTH, "mshare_region_of() gives address and length");
	is(run("imports"), 0,
	   "a child imports the region by name, with its address and length and without");
	ok(!strcmp(p + 5000, "from a child"), "the creator sees what the child wrote");
	is(run("reads"), -SIGSEGV, "a child that opened for reading cannot write");
	is(mshare(NAME, p, LENGTH, NEW, 0600), -EEXIST, "O_EXCL refuses the name");
	is(mshare(NAME, p, LENGTH, O_CREAT | O_RDWR, 0600), -EBUSY,
	   "importing twice in one process is refused");
	ok(donor_is_there(p), "a second import leaves the memory as it was");
	is(mshare_unlink(NAME), 0, "a region in use is unlinked");
	is(mshare(NAME, NULL, 0, O_RDWR, 0), -ENOENT, "an unlinked region cannot be imported");
	is(mshare_unlink(NAME), -ENOENT, "unlinking a region twice is refused");
	ok(donor_is_there(p), "the memory of an unlinked region stays");
	is(munmap(p, SLOT), 0, "the memory of the region is unmapped");
	ok(!mprotect(ADDR - PAGE, PAGE, RW) && !mprotect(other, PAGE, RW),
	   "mappings beside the region stay");
	munmap(ADDR - PAGE, PAGE);
	munmap(other, PAGE);
}

/* The range has several mappings of different lengths and holes between them. */
static void test_holes(void)
{
	void *addr;
	size_t length;

	/* One mapping begins before the range; the kernel does not join the two others. */
	map_at(ADDR - PAGE, 3 * PAGE, RW, MAP_PRIVATE);
	map_at(ADDR + 8 * PAGE, PAGE, RW, MAP_PRIVATE);
	madvise(ADDR + 8 * PAGE, PAGE, MADV_DONTFORK);
	map_at(ADDR + 9 * PAGE, 5 * PAGE, RW, MAP_PRIVATE);
	strcpy(ADDR - PAGE, "before");
	strcpy(ADDR + PAGE, "first");
	strcpy(ADDR + 8 * PAGE, "second");
	strcpy(ADDR + 13 * PAGE, "third");
	is(mshare(NAME, ADDR, SLOT, O_CREAT | O_RDWR, 0600), 0,
	   "memory with holes becomes a region");
	ok(!strcmp(ADDR + PAGE, "first") && !strcmp(ADDR + 8 * PAGE, "second") &&
	   !strcmp(ADDR + 13 * PAGE, "third"),
	   "each mapping's content is at its old address in the region");
	ok(!strcmp(ADDR - PAGE, "before"),
	   "the part of a mapping in front of the range is not touched");
	mshare_region_of(NAME, &addr, &length);
	is(length, SLOT, "a region with holes has the length of the whole range");
	munmap(ADDR, SLOT);
	munmap(ADDR - PAGE, PAGE);
	mshare_unlink(NAME);
}

static void test_readonly(void)
{
	char *p = donor();
	pid_t pid;
	int status;

	is(mshare(NAME, p, LENGTH, O_CREAT | O_RDONLY, 0600), 0,
	   "a region is created with O_CREAT | O_RDONLY");
	ok(donor_is_there(p), "O_CREAT | O_RDONLY gives the memory to the region");
	pid = fork();
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)p = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status), "the creator with O_RDONLY cannot write to the region");
	munmap(p, SLOT);
	mshare_unlink(NAME);
}

#define ARG(n)	(offsetof(struct seccomp_data, args) + 8 * (n))

/* From now on this system call fails if the masked low half of its argument is @value. */
static void make_fail(int number, int arg, uint32_t mask, uint32_t value, int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG(arg)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(100);
}

/* A child donates memory in two parts, a system call fails, and nothing has changed. */
static int child_fails(int number, int arg, uint32_t mask, uint32_t value)
{
	int ret;

	donor();
	map_at(ADDR + 2 * LENGTH, PAGE, RW, MAP_PRIVATE);
	strcpy(ADDR + 2 * LENGTH, "another part");
	make_fail(number, arg, mask, value, ENOMEM);
	ret = mshare(NAME, ADDR, 4 * LENGTH, NEW, 0600);
	if (ret != -ENOMEM)
		return 1;
	if (!donor_is_there(ADDR) || strcmp(ADDR + 2 * LENGTH, "another part"))
		return 2;
	if (mshare(NAME, NULL, 0, O_RDWR, 0) != -ENOENT)
		return 3;
	/* No new mapping is left in the window. */
	if (!msync(ADDR + LENGTH, PAGE, MS_ASYNC) || errno != ENOMEM)
		return 4;
	return 0;
}

static int child_fails_as(const char *what)
{
	int memfd_fails = what[0] == 'c', piece_fails = what[0] == 'm';

	if (memfd_fails)
		return child_fails(SYS_fallocate, 1, 0, 0);
	if (piece_fails)
		return child_fails(SYS_mremap, 0, UINT32_MAX, 2 * LENGTH);
	return child_fails(SYS_mmap, 3, MAP_FIXED_NOREPLACE, MAP_FIXED_NOREPLACE);
}

static void test_failures(void)
{
	is(run("fails:copy"), 0,
	   "if there is no memory for the region, mshare() leaves the caller's memory in place");
	is(run("fails:move"), 0,
	   "if a part cannot be moved, mshare() leaves the caller's memory in place");
	is(run("fails:attach"), 0,
	   "if the region cannot be attached, mshare() puts the caller's memory back");
}

static void test_export(void)
{
	static const struct mshare_options options = {
		.backend = MSHARE_BACKEND_MEMFD, .length = LENGTH, .page_size = PAGE,
		.size = sizeof(options), .mode = 0600,
	};
	char *d = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mshare *m, *ro;
	void *at;

	strcpy(d + PAGE, "given");
	if (mshare_create(NAME, &options, &m))
		bail("cannot make a region");
	is(mshare_export(m, d, 0, 0), -EINVAL, "exporting nothing is refused");
	is(mshare_export(m, d + 1, PAGE, 0), -EINVAL, "exporting from an odd address is refused");
	is(mshare_export(m, d, PAGE + 1, 0), -EINVAL, "exporting an odd length is refused");
	is(mshare_export(m, d, PAGE, 1), -EINVAL, "exporting to an odd offset is refused");
	is(mshare_export(m, d, 2 * PAGE, LENGTH - PAGE), -ERANGE,
	   "exporting past the end is refused");
	is(mshare_export(m, d, PAGE, LENGTH), -ERANGE,
	   "exporting to the offset behind the region is refused");
	is(mshare_export(m, d, PAGE, -PAGE), -ERANGE,
	   "exporting to an offset that wraps is refused");
	is(mshare_export(m, d, 2 * PAGE, 4 * PAGE), 0, "pages are exported");
	munmap(d + PAGE, PAGE);
	is(mshare_export(m, d, 2 * PAGE, 8 * PAGE), -EFAULT,
	   "exporting what is not mapped is refused");
	munmap(d, PAGE);
	is(mshare_open(NAME, 1, &ro), 0, "a region is opened for reading");
	is(mshare_export(ro, d, PAGE, 0), -EACCES,
	   "exporting through a handle for reading is refused");
	mshare_close(ro);
	if (mshare_attach(m, &at))
		bail("cannot attach the region");
	ok(!strcmp((char *)at + 5 * PAGE, "given"), "the exported bytes are in the region");
	is(mshare_quiesce(m, 0, PAGE, 0, NULL), -EOPNOTSUPP, "quiescing a memfd is refused");
	is(mshare_quiesce(m, 1, PAGE, 0, NULL), -EINVAL, "quiescing at an odd offset is refused");
	is(mshare_quiesce(m, 0, 2 * LENGTH, 0, NULL), -ERANGE, "quiescing past the end is refused");
	mshare_unlink(NAME);
	mshare_close(m);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "imports"))
		return child_imports();
	if (argc > 1 && !strcmp(argv[1], "reads"))
		return child_reads();
	if (argc > 1)
		return child_fails_as(argv[1] + strlen("fails:"));
	if (mshare_default_backend() != MSHARE_BACKEND_MEMFD) {
		printf("1..0 # SKIP this machine has the module\n");
		return 0;
	}
	test_arguments();
	test_memory_refused();
	test_life();
	test_holes();
	test_readonly();
	test_failures();
	test_export();
	return done_testing();
}
