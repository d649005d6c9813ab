// SPDX-License-Identifier: MIT
/* A region's name, nodes, permissions, description and end. */
#include "util.h"

#include <grp.h>

#define NAME "test-region"

static void test_info(void)
{
	struct msharearena_info i = { .size = sizeof(i) };

	is(ctl(MSHAREARENA_GET_INFO, &i), 0, "GET_INFO answers");
	is(i.api_version, MSHAREARENA_API_VERSION, "its version is the header's");
	is(i.slot_size, SLOT, "a slot is 512 GiB");
	is(i.page_sizes, SZ_1G | SZ_2M | SZ_4K, "1 GiB, 2 MiB and 4 KiB pages are offered");
	i = (struct msharearena_info){ .size = sizeof(i), .flags = 1 };
	is(ctl(MSHAREARENA_GET_INFO, &i), -EINVAL, "GET_INFO refuses a flag");
	i = (struct msharearena_info){ .size = sizeof(i), .reserved = 1 };
	is(ctl(MSHAREARENA_GET_INFO, &i), -EINVAL, "GET_INFO refuses a reserved bit");
	is(ctl(_IO(MSHAREARENA_IOC, 0x7f), &i), -ENOTTY, "an unknown command is ENOTTY");
	is(ctl(MSHAREARENA_EXPORT, &i), -ENOTTY,
	   "a region's command on the control device is ENOTTY");
	is(ctl(MSHAREARENA_GET_INFO, NULL), -EFAULT, "a bad pointer is EFAULT");
}

/* Structures may grow: known sizes work, unknown bytes must be zero. */
static void test_extensible(void)
{
	struct {
		struct msharearena_info i;
		uint64_t newer;
	} big = { .i.size = sizeof(big) };

	is(ctl(MSHAREARENA_GET_INFO, &big), 0, "a longer structure with zeros is accepted");
	big.i.flags = 0;
	big.newer = 1;
	is(ctl(MSHAREARENA_GET_INFO, &big), -E2BIG, "with an unknown bit set it is E2BIG");
	big.i.size = 1 << 20;
	is(ctl(MSHAREARENA_GET_INFO, &big), -E2BIG, "an absurd size is E2BIG");
	big.i.size = sizeof(big.i) - 1;
	is(ctl(MSHAREARENA_GET_INFO, &big), -EINVAL, "a shorter one is EINVAL");
	big.i.size = 0;
	is(ctl(MSHAREARENA_GET_INFO, &big), -EINVAL, "size 0 is EINVAL");
}

/* Create, and at once undo it. */
static int try_create(struct msharearena_create c)
{
	int ret = ctl(MSHAREARENA_CREATE, &c);

	if (!ret)
		region_unlink(c.name);
	return ret;
}

/* An otherwise valid request with one member changed. */
#define BAD(field, value, want, why) do {				\
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);	\
									\
	c.field = (value);						\
	is(try_create(c), want, "create: " why);			\
} while (0)

static void test_create_refuses(void)
{
	static const char *const names[] = {
		"", ".", "..", ".hidden", "a/b", "a!b", "a b", "\xc3\xa9", "a\n",
	};

	BAD(flags, 1, -EINVAL, "an unknown flag");
	BAD(reserved, 1, -EINVAL, "a reserved bit");
	BAD(mode, 01600, -EINVAL, "a mode bit that is not a permission");
	BAD(mode, 0700, -EINVAL, "execute permission");
	BAD(page_size, 8192, -EINVAL, "a page size of 8 KiB");
	BAD(page_size, SZ_2M | SZ_4K, -EINVAL, "two page sizes at once");
	BAD(page_size, 0, -EINVAL, "a page size of 0");
	BAD(page_size, SZ_4K, 0, "(4 KiB pages are fine)");
	BAD(length, 0, -EINVAL, "length 0");
	BAD(length, SZ_2M + 4096, -EINVAL, "a length that is no multiple of the page size");
	BAD(length, SLOT + SZ_2M, -EINVAL, "a length over a slot");
	BAD(length, SLOT, 0, "(a length of a whole slot is fine)");
	BAD(addr, SLOT + 4096, -EINVAL, "an address that is no slot's");
	BAD(addr, 1ULL << 47, -EINVAL, "an address over user space");
	BAD(addr, (1ULL << 47) - SLOT, -EINVAL, "the last slot of user space");
	BAD(addr, 0x700000000000, 0, "(an address of a slot is fine)");
	BAD(name[MSHAREARENA_NAME_SIZE - 1], 'x', -EINVAL, "bytes after the name");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is(region_create(names[i], SZ_2M, SZ_2M), -EINVAL,
		   "create: bad name %zu", i);
}

static void test_names(void)
{
	char longest[MSHAREARENA_NAME_SIZE];
	struct msharearena_create c;

	memset(longest, 'n', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	is(region_create(longest, SZ_2M, SZ_2M), 0, "a name of 63 bytes");
	is(region_unlink(longest), 0, "and its unlink");
	c = create_args("", SZ_2M, SZ_2M);
	memset(c.name, 'n', sizeof(c.name));
	is(ctl(MSHAREARENA_CREATE, &c), -EINVAL, "64 bytes without a NUL are EINVAL");

	is(region_create(NAME, SZ_2M, SZ_2M), 0, "create");
	is(region_create(NAME, SZ_2M, SZ_2M), -EEXIST, "the same name again is EEXIST");
	is(region_unlink(NAME), 0, "unlink");
	is(region_unlink(NAME), -ENOENT, "a second unlink is ENOENT");
	is(view_open(NAME, "rw", O_RDWR), -ENOENT, "the node is gone when unlink returns");
}

/* The address cannot be told: then there must be no region. */
static void test_create_unwritable(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(p, &c, sizeof(c));
	mprotect(p, 4096, PROT_READ);
	is(ctl(MSHAREARENA_CREATE, p), -EFAULT, "a structure that cannot be written");
	is(region_unlink(NAME), -ENOENT, "creates nothing");
	munmap(p, 4096);
}

static void test_slots(void)
{
	struct msharearena_create a = create_args("slot-a", SZ_2M, SZ_2M);
	struct msharearena_create b = create_args("slot-b", SZ_2M, SZ_2M);
	int fd;

	is(ctl(MSHAREARENA_CREATE, &a), 0, "a region at an address of the module's choice");
	ok(a.addr && a.addr % SLOT == 0, "which it tells: 0x%llx", (long long)a.addr);
	b.addr = a.addr;
	is(ctl(MSHAREARENA_CREATE, &b), -EBUSY, "another one at the same address is EBUSY");
	fd = view_open("slot-a", "rw", O_RDWR);
	region_unlink("slot-a");
	is(ctl(MSHAREARENA_CREATE, &b), -EBUSY, "also while the first is only unlinked");
	close(fd);
	is(ctl(MSHAREARENA_CREATE, &b), 0, "and free when it has ended");
	region_unlink("slot-b");
}

static void check_node(const char *view, mode_t mode)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/mshare/" NAME "/%s", view);
	is(stat(path, &st), 0, "%s exists when create returns", path);
	is(st.st_mode, S_IFCHR | mode, "with its mode");
	ok(st.st_uid == 1234 && st.st_gid == 4321, "owner and group");
}

/* In a child with its own credentials; the answer is the exit status. */
static int as_user(uid_t uid, gid_t gid, int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
		    setresuid(uid, uid, uid))
			_exit(100);
		_exit(-fn());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -99;
}

static int open_rw(void)
{
	int fd = view_open(NAME, "rw", O_RDWR);

	return fd < 0 ? fd : 0;
}

static int open_ro(void)
{
	int fd = view_open(NAME, "ro", O_RDONLY);

	return fd < 0 ? fd : 0;
}

static int open_rw_for_reading(void)
{
	int fd = view_open(NAME, "rw", O_RDONLY);

	return fd < 0 ? fd : 0;
}

static void test_permissions(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);
	int fd;

	c.uid = 1234;
	c.gid = 4321;
	c.mode = 0640;
	is(ctl(MSHAREARENA_CREATE, &c), 0, "create with owner, group and mode");
	check_node("rw", 0640);
	check_node("ro", 0440);
	is(as_user(1234, 1, open_rw), 0, "the owner opens rw");
	is(as_user(1, 4321, open_rw), -EACCES, "the group does not");
	is(as_user(1, 4321, open_rw_for_reading), 0, "but for reading");
	is(as_user(1, 4321, open_ro), 0, "and the ro view");
	is(as_user(1, 1, open_ro), -EACCES, "others do not");
	fd = view_open(NAME, "ro", O_RDWR);
	is(fd, -EACCES, "not even root opens the ro view for writing");
	is(as_user(1234, 1, open_rw), 0, "before chmod");
	is(chmod("/dev/mshare/" NAME "/rw", 0400), 0, "chmod works on a node");
	is(as_user(1234, 1, open_rw), -EACCES, "and counts");
	region_unlink(NAME);
}

static int nobody_creates(void)
{
	int fd = open("/dev/msharearena", O_RDWR);

	return fd < 0 ? -errno : 0;
}

static int give_away(void)
{
	struct msharearena_create c = create_args("gift", SZ_2M, SZ_2M);

	c.uid = 0;
	return ctl(MSHAREARENA_CREATE, &c);
}

static int create_mine(void)
{
	return region_create("mine", SZ_2M, SZ_2M);
}

static int unlink_mine(void)
{
	return region_unlink("mine");
}

static void test_gates(void)
{
	is(as_user(1234, 1, nobody_creates), -EACCES, "only root opens the control device");
	is(chmod("/dev/msharearena", 0666), 0, "unless it is told otherwise");
	is(as_user(1234, 1, give_away), -EPERM, "nobody makes a region of somebody else's");
	is(as_user(1234, 1, create_mine), 0, "but of his own");
	is(as_user(1235, 1, unlink_mine), -EPERM, "another user cannot unlink it");
	is(as_user(1234, 1, unlink_mine), 0, "its owner can");
	is(as_user(1234, 1, create_mine), 0, "(made again)");
	is(region_unlink("mine"), 0, "and so can root");
	chmod("/dev/msharearena", 0600);
}

static void test_read(void)
{
	unsigned long se[2] = { 0, 0 };
	int fd;

	region_create(NAME, SZ_2M, 6 * SZ_2M);
	fd = view_open(NAME, "ro", O_RDONLY);
	is(read(fd, se, sizeof(se)), sizeof(se), "read(2) gives two longs");
	is(se[0], view_region(fd).addr, "the start");
	is(se[1], 6 * SZ_2M, "and the size");
	is(read(fd, se, sizeof(se)), sizeof(se), "as often as one likes");
	is(read(fd, se, 8), -1, "not into a short buffer");
	is(errno, EINVAL, "(EINVAL)");
	ok(view_region(fd).flags == MSHAREARENA_REGION_READONLY, "GET_REGION: ro, named");
	region_unlink(NAME);
	ok(view_region(fd).flags & MSHAREARENA_REGION_UNLINKED, "GET_REGION: unlinked");
	ok(!strcmp(view_region(fd).name, NAME), "GET_REGION: the name");
	ok(!attach(fd, PROT_READ) && errno == ENXIO,
	   "an attach before the first export is ENXIO");
	close(fd);
}

static void test_sysfs(void)
{
	int fd = region_with(NAME, SZ_2M, 2 * SZ_2M);
	struct msharearena_region r = view_region(fd);
	const char *dir = "/sys/class/mshare/" NAME "!rw/";
	char path[128];

#define SYSFS(attr, want) do {						\
	snprintf(path, sizeof(path), "%s" attr, dir);			\
	is(read_long(path), want, "sysfs " attr);			\
} while (0)
	SYSFS("start", (long)r.addr);
	SYSFS("size", 2 * SZ_2M);
	SYSFS("page_size", SZ_2M);
	SYSFS("exported", 2 * SZ_2M);
	SYSFS("attached", 0);
	SYSFS("demotions", 0);
	SYSFS("table_bytes", (long)r.table_bytes);
	close(fd);
	region_unlink(NAME);
}

/* The creator is a peer that is killed; the region goes on, then ends. */
static void test_creator_death(void)
{
	long before = hugepages(SZ_2M, "free_hugepages");
	pid_t pid = fork();
	struct peer p;
	char *map;
	int fd;

	if (!pid) {
		fd = region_with(NAME, SZ_2M, 2 * SZ_2M);
		map = attach(fd, PROT_READ | PROT_WRITE);
		fill(map, 2 * SZ_2M, 7);
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, NULL, 0);
	p = peer_start();
	ok(peer_attach(&p, NAME, false) > 0, "the region outlives its killed creator");
	fd = view_open(NAME, "rw", O_RDWR);
	map = attach(fd, PROT_READ);
	ok(filled(map, 2 * SZ_2M, 7), "with its memory");
	region_unlink(NAME);
	is(PEER(p, .op = PEER_FILLED, .a = (intptr_t)map, .b = 2 * SZ_2M, .c = 7), 1,
	   "unlinked, it stays with who has it");
	is(hugepages(SZ_2M, "free_hugepages"), before - 2, "(its pages are out of the pool)");
	close(fd);
	peer_kill(&p);
	ok(filled(map, 2 * SZ_2M, 7), "also with the last attachment and no open file");
	munmap(map, SLOT);
	is(hugepages(SZ_2M, "free_hugepages"), before,
	   "the pages are back in the pool when the last one is gone");
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(32);
	region_unlink(NAME);
	test_info();
	test_extensible();
	test_create_refuses();
	test_names();
	test_create_unwritable();
	test_slots();
	test_permissions();
	test_gates();
	test_read();
	test_sysfs();
	test_creator_death();
	return done_testing();
}
