// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: with mshare(3) on the module, memory of each kind becomes a region with its content,
 * processes that know only its name import it and find its address, and a call that fails
 * leaves the memory where it was.
 * timeout: 300
 */
#define _GNU_SOURCE
#include <stdint.h>

struct peer_msg;
static int64_t peer_extra(struct peer_msg *m);
#define PEER_EXTRA(m, fd) peer_extra(m)

#include "donors.h"

#include <mshare.h>
#include <sys/resource.h>

#define NAME	"test-mshare"
#define ADDR	((char *)0x210000000000)
#define AT	((intptr_t)ADDR)
#define RW	(PROT_READ | PROT_WRITE)
#define NEW	(O_CREAT | O_EXCL | O_RDWR)
#define HUGE_2M	(MAP_HUGETLB | MAP_HUGE_2MB)

enum {
	PEER_MSHARE = PEER_OPS,	/* a: flags, b: address, c: length */
	PEER_WHERE,		/* returns the address or -errno, checks b and c */
	PEER_UNLINK,
	PEER_BECOME,		/* a: user */
	PEER_MUNMAP,		/* a: address, b: length */
};

static int64_t peer_where(const struct peer_msg *m)
{
	size_t length = 0;
	void *addr = NULL;
	int ret = mshare_region_of(NAME, &addr, &length);

	if (ret)
		return ret;
	return (intptr_t)addr == m->b && length == (size_t)m->c ? 0 : -EPROTO;
}

static int64_t peer_extra(struct peer_msg *m)
{
	switch (m->op) {
	case PEER_MSHARE:
		return mshare(NAME, (void *)m->b, m->c, (int)m->a, 0600);
	case PEER_WHERE:
		return peer_where(m);
	case PEER_UNLINK:
		return mshare_unlink(NAME);
	case PEER_BECOME:
		return setresgid(m->a, m->a, m->a) || setresuid(m->a, m->a, m->a) ? -errno : 0;
	case PEER_MUNMAP:
		return munmap((void *)m->a, m->b) ? -errno : 0;
	default:
		return -ENOSYS;
	}
}

static char *map_at(char *addr, size_t length, int flags, int fd)
{
	char *p = mmap(addr, length, RW, flags | MAP_FIXED_NOREPLACE, fd, 0);

	if (p != addr)
		bail("cannot map memory at %p: %s", addr, strerror(errno));
	return p;
}

/* Memory of this kind at ADDR becomes a region that other processes import, and ends. */
static void life_of(const char *kind, uint64_t page_size, uint64_t length)
{
	struct peer a = peer_start(), b = peer_start();
	struct mshare_info info = { .size = sizeof(info) };
	struct mshare *m;

	fill(ADDR, length, 1);
	is(mshare(NAME, ADDR, length, NEW, 0600), 0, "%s becomes a region", kind);
	ok(filled(ADDR, length, 1), "a region of %s has the content at its address", kind);
	if (!ok(!mshare_open(NAME, 1, &m), "a region of %s can be opened", kind))
		return;
	is(mshare_info(m, &info), 0, "mshare_info() of a region of %s succeeds", kind);
	is(info.page_size, page_size, "a region of %s has the memory's page size", kind);
	is(info.exported, length, "a region of %s has memory everywhere", kind);
	is(info.attached, 1, "a region of %s is attached by its creator", kind);
	mshare_close(m);

	is(PEER(a, .op = PEER_WHERE, .b = AT, .c = length), 0,
	   "another process finds the address and length of %s",
	   kind);
	is(PEER(a, .op = PEER_MSHARE, .a = O_RDWR, .b = AT, .c = length), 0,
	   "another process imports %s by name and address", kind);
	is(PEER(a, .op = PEER_FILLED, .a = AT, .b = length, .c = 1), 1,
	   "another process sees the content of %s", kind);
	is(PEER(b, .op = PEER_MSHARE, .a = O_RDONLY), 0,
	   "a third process imports %s for reading, by name alone", kind);
	is(PEER(b, .op = PEER_STORE, .a = AT, .b = 1), SIGSEGV,
	   "a process that imported %s for reading cannot write", kind);
	PEER(a, .op = PEER_FILL, .a = AT, .b = length, .c = 2);
	ok(filled(ADDR, length, 2), "the creator of %s sees what another process wrote", kind);
	is(PEER(b, .op = PEER_FILLED, .a = AT, .b = length, .c = 2), 1,
	   "a process that imported %s for reading sees what another one wrote", kind);
	is(mshare(NAME, ADDR, length, NEW, 0600), -EEXIST,
	   "mshare() with O_EXCL refuses the name of %s", kind);

	is(mshare_unlink(NAME), 0, "a region of %s is unlinked while it is used", kind);
	is(PEER(b, .op = PEER_WHERE), -ENOENT, "the name of %s is removed for all processes", kind);
	is(munmap(ADDR, WINDOW), 0, "the creator of %s detaches", kind);
	is(PEER(a, .op = PEER_FILLED, .a = AT, .b = length, .c = 2), 1,
	   "another process keeps every byte of %s", kind);
	is(PEER(a, .op = PEER_MUNMAP, .a = AT, .b = WINDOW), 0,
	   "another process detaches %s", kind);
	peer_kill(&a);
	peer_kill(&b);
}

static void test_kinds(void)
{
	long before = hugepages(SZ_2M, "free_hugepages"), before_1g;
	int memfd = memfd_create("donor", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);

	if (ftruncate(memfd, 4 * SZ_2M))
		bail("ftruncate: %s", strerror(errno));
	map_at(ADDR, 4 * SZ_2M, MAP_PRIVATE | MAP_ANONYMOUS | HUGE_2M, -1);
	life_of("private memory of 2 MiB pages", SZ_2M, 4 * SZ_2M);
	map_at(ADDR, 4 * SZ_2M, MAP_SHARED | MAP_ANONYMOUS | HUGE_2M, -1);
	life_of("shared memory of 2 MiB pages", SZ_2M, 4 * SZ_2M);
	map_at(ADDR, 4 * SZ_2M, MAP_SHARED, memfd);
	close(memfd);
	life_of("a memfd of 2 MiB pages", SZ_2M, 4 * SZ_2M);
	is(hugepages(SZ_2M, "free_hugepages"), before,
	   "all 2 MiB pages are free after regions of each kind ended");

	before_1g = hugepages(SZ_1G, "free_hugepages");
	map_at(ADDR, SZ_1G, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1);
	life_of("memory of 1 GiB pages", SZ_1G, SZ_1G);
	is(hugepages(SZ_1G, "free_hugepages"), before_1g,
	   "all 1 GiB pages are free after a region of them ended");
}

static bool has_4k(void)
{
	struct msharearena_info i = { .size = sizeof(i) };

	return !ctl(MSHAREARENA_GET_INFO, &i) && i.page_sizes & MSHAREARENA_PAGE_4K;
}

static void test_4k(void)
{
	if (!has_4k()) {
		skip("the module has no regions of small pages");
		return;
	}
	map_at(ADDR, 64 * SZ_2M, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	life_of("private memory of 4 KiB pages", SZ_4K, 64 * SZ_2M);
	map_at(ADDR, 33 * SZ_4K, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	life_of("33 small pages", SZ_4K, 33 * SZ_4K);
}

/* As in the proposal of mshare(): the whole window, with memory in some places. */
static void test_holes(uint64_t page_size, int flags)
{
	struct peer a = peer_start();
	uint64_t second = 7 * SZ_1G;

	map_at(ADDR, 2 * page_size, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1);
	map_at(ADDR + second, page_size, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1);
	fill(ADDR, 2 * page_size, 3);
	fill(ADDR + second, page_size, 4);
	is(mshare(NAME, ADDR, WINDOW, O_CREAT | O_RDWR, 0600), 0,
	   "512 GiB with holes between pages of %lu KiB become a region",
	   (unsigned long)page_size >> 10);
	ok(filled(ADDR, 2 * page_size, 3) && filled(ADDR + second, page_size, 4),
	   "each part of memory with holes is at its old address");
	is(PEER(a, .op = PEER_MSHARE, .a = O_CREAT | O_RDWR, .b = AT, .c = WINDOW), 0,
	   "mshare() with O_CREAT and without O_EXCL imports an existing region");
	is(PEER(a, .op = PEER_FILLED, .a = AT + second, .b = page_size, .c = 4), 1,
	   "the importing process sees the second part");
	is(PEER(a, .op = PEER_LOAD, .a = AT + SZ_1G), SIGBUS,
	   "a load from a hole between the parts raises SIGBUS");
	peer_kill(&a);
	munmap(ADDR, WINDOW);
	mshare_unlink(NAME);
}

/* A call failed with @error: the memory must be unchanged, and no region may exist. */
static void refused(int ret, int error, uint64_t bytes, const char *what)
{
	void *addr;
	size_t length;

	is(ret, error, "mshare() refuses %s", what);
	ok(!bytes || filled(ADDR, bytes, 5),
	   "mshare() leaves the memory as it was after it refused %s",
	   what);
	is(mshare_region_of(NAME, &addr, &length), -ENOENT,
	   "mshare() has created no region after it refused %s", what);
}

static void test_refused(void)
{
	char *p = map_at(ADDR, 4 * SZ_2M, MAP_PRIVATE | MAP_ANONYMOUS | HUGE_2M, -1);
	struct mshare_options o = {
		.backend = MSHARE_BACKEND_MODULE, .addr = AT, .length = SZ_2M,
		.page_size = SZ_2M, .size = sizeof(o), .mode = 0600,
	};
	uint64_t length = 4 * SZ_2M;
	struct mshare *m;

	fill(p, length, 5);
	refused(mshare(NAME, p, length - 4096, NEW, 0600), -EBUSY, length, "part of a mapping");
	refused(mshare(NAME, p, length + 4096, NEW, 0600), -EINVAL, length,
		"a length that is no multiple of a page");
	refused(mshare(NAME, p, length, NEW, 0700), -EINVAL, length,
		"a mode with execute permission");
	refused(mshare("a/b", p, length, NEW, 0600), -EINVAL, length, "a name with a slash");
	refused(mshare(NAME, p, length, NEW & ~O_CREAT & ~O_EXCL, 0600), -ENOENT, length,
		"a name that does not exist, without O_CREAT");
	map_at(p + SZ_1G, SZ_4K, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	refused(mshare(NAME, p, length, NEW, 0600), -EBUSY, length,
		"memory with another mapping in the window");
	refused(mshare(NAME, p, WINDOW, NEW, 0600), -EOPNOTSUPP, length,
		"memory with pages of two sizes");
	munmap(p + SZ_1G, SZ_4K);
	mprotect(p + SZ_2M, SZ_2M, PROT_READ);
	refused(mshare(NAME, p, length, NEW, 0600), -EACCES, length,
		"memory of which a part is not writable");
	mprotect(p + SZ_2M, SZ_2M, RW);
	is(mshare_create("test-mshare-2", &o, &m), 0,
	   "another region can be created at the address");
	refused(mshare(NAME, p, length, NEW, 0600), -EBUSY, length, "the window of another region");
	munmap(p, WINDOW);
	is(mshare("test-mshare-2", NULL, 0, O_RDWR, 0), -ENXIO,
	   "importing a region without memory gives ENXIO");
	mshare_unlink("test-mshare-2");
	mshare_close(m);
	refused(mshare(NAME, p, length, NEW, 0600), -EFAULT, 0,
		"an address where nothing is mapped");
}

static void test_refused_files(void)
{
	int file = hugetlbfs_begin();

	map_at(ADDR, SZ_2M, MAP_SHARED, file);
	fill(ADDR, SZ_2M, 5);
	refused(mshare(NAME, ADDR, SZ_2M, NEW, 0600), -EOPNOTSUPP, SZ_2M, "a file on hugetlbfs");
	munmap(ADDR, WINDOW);
	hugetlbfs_end(file);
	map_at(ADDR, SZ_2M, MAP_SHARED | MAP_ANONYMOUS, -1);
	fill(ADDR, SZ_2M, 5);
	refused(mshare(NAME, ADDR, SZ_2M, NEW, 0600), -EOPNOTSUPP, SZ_2M, "shared small pages");
	munmap(ADDR, WINDOW);
}

/*
 * Attaching is the last step and fails because of a limit of the address space: the window
 * is too large. The memory was moved out of the way before and has to come back.
 */
static int attach_fails(uint64_t page_size, int flags)
{
	struct rlimit limit = { 16UL << 30, 16UL << 30 };
	void *addr;
	size_t length;
	pid_t pid = fork();
	int status;

	if (!pid) {
		map_at(ADDR, 4 * page_size, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1);
		map_at(ADDR + 6 * page_size, page_size, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1);
		fill(ADDR, 4 * page_size, 5);
		fill(ADDR + 6 * page_size, page_size, 6);
		setrlimit(RLIMIT_AS, &limit);
		if (mshare(NAME, ADDR, 8 * page_size, NEW, 0600) != -ENOMEM)
			_exit(1);
		if (!filled(ADDR, 4 * page_size, 5) || !filled(ADDR + 6 * page_size, page_size, 6))
			_exit(2);
		if (mshare_region_of(NAME, &addr, &length) != -ENOENT)
			_exit(3);
		fill(ADDR, 4 * page_size, 7);
		_exit(filled(ADDR, 4 * page_size, 7) ? 0 : 4);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_permissions(void)
{
	struct peer other = peer_start();

	PEER(other, .op = PEER_BECOME, .a = 1234);
	map_at(ADDR, SZ_2M, MAP_PRIVATE | MAP_ANONYMOUS | HUGE_2M, -1);
	is(mshare(NAME, ADDR, SZ_2M, NEW, 0600), 0, "a region of mode 0600 is created");
	is(PEER(other, .op = PEER_WHERE), -EACCES,
	   "another user does not find the address of a region of mode 0600");
	is(PEER(other, .op = PEER_MSHARE, .a = O_RDONLY), -EACCES,
	   "a region of another user cannot be imported for reading");
	is(PEER(other, .op = PEER_MSHARE, .a = NEW), -EEXIST,
	   "another user cannot create a region of the same name");
	is(PEER(other, .op = PEER_UNLINK), -EACCES,
	   "a region of another user cannot be unlinked without access");
	munmap(ADDR, WINDOW);
	mshare_unlink(NAME);

	map_at(ADDR, SZ_2M, MAP_PRIVATE | MAP_ANONYMOUS | HUGE_2M, -1);
	is(mshare(NAME, ADDR, SZ_2M, NEW, 0644), 0, "a region of mode 0644 is created");
	is(PEER(other, .op = PEER_WHERE, .b = AT, .c = SZ_2M), 0,
	   "another user finds the address of a region of mode 0644");
	is(PEER(other, .op = PEER_MSHARE, .a = O_RDWR), -EACCES,
	   "a user who may read may not import for writing");
	is(PEER(other, .op = PEER_MSHARE, .a = O_RDONLY), 0,
	   "a user who may read imports for reading");
	is(PEER(other, .op = PEER_UNLINK), -EPERM,
	   "a user who may only read cannot remove the name");
	is(PEER(other, .op = PEER_MUNMAP, .a = AT, .b = WINDOW), 0,
	   "a user who may only read can detach the region");
	munmap(ADDR, WINDOW);
	mshare_unlink(NAME);
	/* It must not become a memfd instead, which would enforce no permissions. */
	is(PEER(other, .op = PEER_MSHARE, .a = NEW, .b = AT, .c = SZ_2M), -EFAULT,
	   "mshare() by a user without memory at the address gives EFAULT");
	peer_kill(&other);
}

/* Create a region as a user who may or may not open the control device. */
static int create_as_user(uint64_t memlock)
{
	struct rlimit limit = { memlock, memlock };
	pid_t pid = fork();
	int status, ret;

	if (!pid) {
		map_at(ADDR, SZ_2M, MAP_PRIVATE | MAP_ANONYMOUS | HUGE_2M, -1);
		fill(ADDR, SZ_2M, 5);
		setrlimit(RLIMIT_MEMLOCK, &limit);
		if (setresuid(1234, 1234, 1234))
			_exit(200);
		ret = mshare(NAME, ADDR, SZ_2M, NEW, 0600);
		if (!filled(ADDR, SZ_2M, 5))
			_exit(201);
		if (!ret && mshare_unlink(NAME))
			_exit(202);
		_exit(-ret);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -1000;
}

static void test_users(void)
{
	is(create_as_user(SZ_2M), -EACCES,
	   "mshare() by a user who may not open the control device gives EACCES");
	chmod("/dev/msharearena", 0666);
	is(create_as_user(SZ_2M - 4096), -ENOMEM,
	   "mshare() over RLIMIT_MEMLOCK gives ENOMEM and keeps the memory");
	is(create_as_user(SZ_2M), 0, "mshare() within RLIMIT_MEMLOCK succeeds");
	chmod("/dev/msharearena", 0600);
}

int main(int argc, char **argv)
{
	long before;

	peer_main(argc, argv);
	reserve_2m(48);
	need_1g(1);
	before = hugepages(SZ_2M, "free_hugepages");
	mshare_unlink(NAME);
	test_kinds();
	test_4k();
	test_holes(SZ_2M, HUGE_2M);
	if (has_4k())
		test_holes(SZ_4K, 0);
	test_refused();
	test_refused_files();
	is(attach_fails(SZ_2M, HUGE_2M), 0, "if attaching fails, mshare() puts huge pages back");
	if (has_4k())
		is(attach_fails(SZ_4K, 0), 0, "if attaching fails, mshare() puts small pages back");
	test_permissions();
	test_users();
	is(hugepages(SZ_2M, "free_hugepages"), before, "all 2 MiB pages are free at the end");
	return done_testing();
}
