// SPDX-License-Identifier: MIT
/* vm: long */
/* Goal: a region's name, description and end are as documented. */
#include "util.h"

#define NAME "test-region"

static void test_info(void)
{
	struct msharearena_info i = { .size = sizeof(i) };

	is(ctl(MSHAREARENA_GET_INFO, &i), 0, "GET_INFO succeeds");
	is(i.api_version, MSHAREARENA_API_VERSION, "GET_INFO gives the header's version");
	is(i.window_size, WINDOW, "GET_INFO gives a window of 512 GiB");
	is(i.page_sizes, SZ_1G | SZ_2M | SZ_4K, "GET_INFO offers 1 GiB, 2 MiB and 4 KiB pages");
	is(ctl(MSHAREARENA_GET_INFO, &i), 0, "GET_INFO takes its own answer for a second call");
	i = (struct msharearena_info){ .size = sizeof(i), .flags = 1 };
	is(ctl(MSHAREARENA_GET_INFO, &i), -EINVAL, "GET_INFO refuses a flag");
	i = (struct msharearena_info){ .size = sizeof(i), .reserved = 1 };
	is(ctl(MSHAREARENA_GET_INFO, &i), -EINVAL, "GET_INFO refuses a reserved bit");
	is(ctl(MSHAREARENA_GET_INFO, NULL), -EFAULT, "GET_INFO with a bad pointer gives EFAULT");
}

/* Each command works on its kind of file only, and commands of earlier versions on none. */
static void test_commands(void)
{
	int fd = region_create_open(NAME, SZ_2M, SZ_2M), bad = 0;
	struct msharearena_info i = { .size = sizeof(i) };

	is(ctl(_IO(MSHAREARENA_IOC, 0x7f), &i), -ENOTTY, "an unknown command gives ENOTTY");
	for (unsigned int n = 0x30; n <= 0x37; n++)
		bad += ctl(_IO(MSHAREARENA_IOC, n), &i) != -ENOTTY;
	is(bad, 0, "a region's commands on the control device give ENOTTY");
	for (unsigned int n = 0x20; n <= 0x22; n++)
		bad += command(fd, _IO(MSHAREARENA_IOC, n), &i) != -ENOTTY;
	is(bad, 0, "the control device's commands on a region's file give ENOTTY");
	for (unsigned int n = 0; n < 0x20; n++)
		bad += ctl(_IO(MSHAREARENA_IOC, n), &i) != -ENOTTY ||
		       command(fd, _IO(MSHAREARENA_IOC, n), &i) != -ENOTTY;
	is(bad, 0, "commands with numbers of earlier versions give ENOTTY on both files");
	view_unlink(fd);
	close(fd);
}

/* Structures may grow: a longer one is accepted if the unknown bytes are 0. */
static void test_extensible(void)
{
	struct {
		struct msharearena_info i;
		uint64_t newer;
	} big = { .i.size = sizeof(big) };

	is(ctl(MSHAREARENA_GET_INFO, &big), 0, "GET_INFO accepts a longer structure of zeros");
	big.i.flags = 0;
	big.newer = 1;
	is(ctl(MSHAREARENA_GET_INFO, &big), -E2BIG,
	   "GET_INFO of a longer structure with a bit set gives E2BIG");
	big.i.size = 1 << 20;
	is(ctl(MSHAREARENA_GET_INFO, &big), -E2BIG, "GET_INFO of a size of 1 MiB gives E2BIG");
	big.i.size = sizeof(big.i) - 1;
	is(ctl(MSHAREARENA_GET_INFO, &big), -EINVAL,
	   "GET_INFO of a structure that is a byte short gives EINVAL");
	big.i.size = 0;
	is(ctl(MSHAREARENA_GET_INFO, &big), -EINVAL, "GET_INFO of size 0 gives EINVAL");
}

/* Create a region and undo that at once. */
static int try_create(struct msharearena_create c)
{
	int fd = create_open(&c);

	if (fd < 0)
		return fd;
	view_unlink(fd);
	close(fd);
	return 0;
}

/* A request that is valid except for one member. */
#define BAD(field, value, want, why) do {				\
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);	\
									\
	c.field = (value);						\
	is(try_create(c), want, (want) ? "CREATE refuses " why :	\
	   "CREATE accepts " why);					\
} while (0)

static void test_create_refuses(void)
{
	static const char *const names[] = {
		"", ".", "..", ".hidden", "a/b", "a!b", "a b", "\xc3\xa9", "a\n",
	};

	BAD(flags, 2, -EINVAL, "an unknown flag");
	BAD(flags, 1U << 31, -EINVAL, "the highest flag");
	BAD(flags, MSHAREARENA_NO_NODE, -EINVAL, "a mode without nodes");
	BAD(reserved, 1, -EINVAL, "a reserved bit");
	BAD(mode, 01600, -EINVAL, "a mode with a bit that is not a permission");
	BAD(mode, 0700, -EINVAL, "a mode with execute permission");
	BAD(page_size, 8192, -EINVAL, "a page size of 8 KiB");
	BAD(page_size, SZ_2M | SZ_4K, -EINVAL, "two page sizes at once");
	BAD(page_size, 0, -EINVAL, "a page size of 0");
	BAD(page_size, SZ_4K, 0, "pages of 4 KiB");
	BAD(length, 0, -EINVAL, "length 0");
	BAD(length, SZ_2M + 4096, -EINVAL, "a length that is no multiple of the page size");
	BAD(length, WINDOW + SZ_2M, -EINVAL, "a length over a window");
	BAD(length, WINDOW, 0, "the length of a whole window");
	BAD(addr, WINDOW + 4096, -EINVAL, "an address that does not begin a window");
	BAD(addr, 1ULL << 47, -EINVAL, "an address over user space");
	BAD(addr, (1ULL << 47) - WINDOW, -EINVAL, "the last window of user space");
	BAD(addr, 0x700000000000, 0, "the address of a window");
	BAD(name[MSHAREARENA_NAME_SIZE - 1], 'x', -EINVAL, "bytes after the name");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		is(region_create(names[i], SZ_2M, SZ_2M), -EINVAL,
		   "CREATE refuses bad name %zu", i);
}

static void test_names(void)
{
	char longest[MSHAREARENA_NAME_SIZE];
	struct msharearena_create c;

	memset(longest, 'n', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	is(region_create(longest, SZ_2M, SZ_2M), 0, "CREATE accepts a name of 63 bytes");
	is(region_unlink(longest), 0, "a region with a name of 63 bytes can be unlinked");
	c = create_args("", SZ_2M, SZ_2M);
	memset(c.name, 'n', sizeof(c.name));
	is(create_named(&c), -EINVAL, "CREATE refuses a name of 64 bytes without a NUL");

	is(region_create(NAME, SZ_2M, SZ_2M), 0, "a region is created");
	is(region_create(NAME, SZ_2M, SZ_2M), -EEXIST,
	   "CREATE with the same name again gives EEXIST");
	is(region_unlink(NAME), 0, "the region is unlinked");
	is(region_unlink(NAME), -ENOENT, "unlinking the region by its name again gives ENOENT");
	is(view_open(NAME, "rw", O_RDWR), -ENOENT, "the node is removed when UNLINK returns");
}

/* The module only reads the structure, which may be in read-only memory. */
static void test_create_read_only(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memcpy(p, &c, sizeof(c));
	mprotect(p, 4096, PROT_READ);
	is(closed(ctl(MSHAREARENA_CREATE, p)), 0, "CREATE accepts a structure in read-only memory");
	is(region_unlink(NAME), 0, "CREATE with a read-only structure has created the region");
	munmap(p, 4096);
}

static void test_unlink_arguments(void)
{
	int fd = region_create_open(NAME, SZ_2M, SZ_2M);
	struct {
		struct msharearena_unlink u;
		uint64_t newer;
	} big = { .u = { .size = sizeof(big) }, .newer = 1 };
	struct msharearena_unlink u = { .size = sizeof(u), .flags = 1 };

	is(command(fd, MSHAREARENA_UNLINK, &u), -EINVAL, "UNLINK refuses a flag");
	u = (struct msharearena_unlink){ .size = sizeof(u) - 1 };
	is(command(fd, MSHAREARENA_UNLINK, &u), -EINVAL, "UNLINK refuses a size that is short");
	is(command(fd, MSHAREARENA_UNLINK, &big), -E2BIG,
	   "UNLINK refuses unknown members that are set");
	is(command(fd, MSHAREARENA_UNLINK, NULL), -EFAULT,
	   "UNLINK with a bad pointer gives EFAULT");
	is(closed(view_open(NAME, "rw", O_RDWR)), 0, "refused calls of UNLINK leave the name");
	big.newer = 0;
	is(command(fd, MSHAREARENA_UNLINK, &big), 0, "UNLINK accepts a longer structure of zeros");
	is(view_unlink(fd), -ENOENT, "a second UNLINK on the same file gives ENOENT");
	close(fd);
}

static void test_get_region(void)
{
	struct msharearena_region r = { .size = sizeof(r) }, again;
	int fd = region_create_open(NAME, SZ_2M, 6 * SZ_2M);
	int ro = view_open(NAME, "ro", O_RDONLY);

	is(command(fd, MSHAREARENA_GET_REGION, &r), 0, "GET_REGION of rw succeeds");
	ok(r.addr && !(r.addr % WINDOW), "GET_REGION gives the address of a window");
	is(r.length, 6 * SZ_2M, "GET_REGION gives the length");
	is(r.page_size, SZ_2M, "GET_REGION gives the page size");
	is(r.exported, 0, "GET_REGION counts no exported memory at first");
	is(r.attached, 0, "GET_REGION counts no attachment at first");
	ok(r.table_bytes > 0, "GET_REGION counts tables of a new region");
	is(r.status, 0, "GET_REGION of rw reports neither unlinked nor read-only");
	is(r.flags, 0, "GET_REGION leaves the flags 0");
	is(r.uid, 0, "GET_REGION gives the owner");
	ok(!strcmp(r.name, NAME) && !strcmp(r.view, "rw"),
	   "GET_REGION gives the names of region and view");
	again = r;
	is(command(fd, MSHAREARENA_GET_REGION, &again), 0,
	   "GET_REGION accepts its own answer for a second call");
	ok(!memcmp(&r, &again, sizeof(r)), "a second GET_REGION gives the same answer");
	is(view_region(ro).status, MSHAREARENA_REGION_READONLY,
	   "GET_REGION of ro reports read-only");
	ok(!attach(ro, PROT_READ) && errno == ENXIO,
	   "attaching before the first export gives ENXIO");
	is(donate(fd, SZ_2M, 2 * SZ_2M, 4 * SZ_2M), 0, "two pages are exported");
	is(view_region(ro).exported, 2 * SZ_2M, "GET_REGION counts exported memory");
	is(view_unlink(ro), 0, "UNLINK through the view ro succeeds");
	is(view_region(fd).status, MSHAREARENA_REGION_UNLINKED,
	   "GET_REGION of rw reports unlinked");
	is(view_region(ro).status, MSHAREARENA_REGION_UNLINKED | MSHAREARENA_REGION_READONLY,
	   "GET_REGION of ro reports unlinked and read-only");
	ok(!strcmp(view_region(fd).name, NAME),
	   "GET_REGION gives the old name of an unlinked region");
	r.flags = 1;
	is(command(fd, MSHAREARENA_GET_REGION, &r), -EINVAL, "GET_REGION refuses a flag");
	close(fd);
	close(ro);
}

/* perm-ns.c tests owners of other user namespaces. */
static void test_get_region_owner(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);
	int fd;

	c.uid = 1234;
	fd = create_open(&c);
	is(view_region(fd).uid, 1234, "GET_REGION gives the user for whom a region was created");
	view_unlink(fd);
	close(fd);
}

/* The creator is a peer that is killed; the region stays, and ends later. */
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
	ok(peer_attach(&p, NAME, false) > 0,
	   "a region can be attached after its creator was killed");
	fd = view_open(NAME, "rw", O_RDWR);
	map = attach(fd, PROT_READ);
	ok(filled(map, 2 * SZ_2M, 7), "a region whose creator was killed has its memory");
	region_unlink(NAME);
	is(PEER(p, .op = PEER_FILLED, .a = (intptr_t)map, .b = 2 * SZ_2M, .c = 7), 1,
	   "an unlinked region stays attached");
	is(hugepages(SZ_2M, "free_hugepages"), before - 2,
	   "the pages of an attached region are in use");
	close(fd);
	peer_kill(&p);
	ok(filled(map, 2 * SZ_2M, 7),
	   "a region with one attachment and no open file has its memory");
	munmap(map, WINDOW);
	is(hugepages(SZ_2M, "free_hugepages"), before,
	   "the pages are free after the last attachment ended");
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(32);
	region_unlink(NAME);
	test_info();
	test_commands();
	test_extensible();
	test_create_refuses();
	test_names();
	test_create_read_only();
	test_unlink_arguments();
	test_get_region();
	test_get_region_owner();
	test_creator_death();
	return done_testing();
}
