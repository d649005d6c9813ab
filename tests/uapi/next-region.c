// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: NEXT_REGION lists all regions by ascending address: those with nodes, those that
 * were unlinked, and those without nodes, so that a user who may open the control device
 * finds everything that keeps memory.
 */
#include "users.h"
#include "views.h"

#define NAME "test-next"
#define MANY 6
#define BASE 0x300000000000

static int region[MANY];
static int control;

static uint64_t addr_of(int i)
{
	return BASE + 3 * i * WINDOW;
}

static int next(struct msharearena_region *r)
{
	return command(control, MSHAREARENA_NEXT_REGION, r);
}

static struct msharearena_region after(uint64_t addr)
{
	return (struct msharearena_region){ .size = sizeof(struct msharearena_region),
					    .addr = addr };
}

/* The number of regions; negative if they are not in order. */
static int count(void)
{
	struct msharearena_region r = after(0);
	uint64_t last = 0;
	int n = 0, ret;

	while (!(ret = next(&r))) {
		if (r.addr <= last)
			return -EBADMSG;
		last = r.addr;
		n++;
	}
	return ret == -ENOENT ? n : ret;
}

static void make(int i, const char *name, uint32_t flags)
{
	struct msharearena_create c = create_args(name, SZ_4K, (i + 1) * SZ_1G);

	c.addr = addr_of(i);
	c.flags = flags;
	c.mode = flags ? 0 : 0600;
	c.uid = 1000 + i;
	region[i] = create_open(&c);
	if (region[i] < 0)
		bail("create %s: %s", name, strerror(-region[i]));
}

/* Regions of higher addresses are made first; two have no nodes, one is unlinked. */
static void make_all(void)
{
	char name[32];

	for (int i = MANY - 1; i >= 0; i--) {
		snprintf(name, sizeof(name), NAME "-%d", i);
		make(i, i == 1 || i == 4 ? NAME "-same" : name,
		     i == 1 || i == 4 ? MSHAREARENA_NO_NODE : 0);
	}
	view_unlink(region[3]);
}

/* True if the answer is that of GET_REGION, but without a view. */
static bool same(const struct msharearena_region *r, int i)
{
	struct msharearena_region want = view_region(region[i]);

	memset(want.view, 0, sizeof(want.view));
	want.size = r->size;
	return !memcmp(r, &want, sizeof(want));
}

static void test_all(int before)
{
	struct msharearena_region r = after(0);
	int found = 0, wrong = 0;

	is(count(), before + MANY, "NEXT_REGION finds each of %d regions, by ascending address",
	   MANY);
	while (!next(&r)) {
		for (int i = 0; i < MANY; i++) {
			if (r.addr != addr_of(i))
				continue;
			found++;
			wrong += !same(&r, i);
		}
	}
	is(found, MANY, "NEXT_REGION called again with its own answer finds every region once");
	is(wrong, 0, "NEXT_REGION describes each region as GET_REGION does, without a view");
}

static void test_kinds(void)
{
	struct msharearena_region r = after(addr_of(3) - 1);

	ok(!next(&r) && r.addr == addr_of(3) && r.status & MSHAREARENA_REGION_UNLINKED &&
	   !strcmp(r.name, NAME "-3"), "a region that was unlinked is listed with its old name");
	ok(!next(&r) && r.addr == addr_of(4) && !strcmp(r.name, NAME "-same"),
	   "a region without nodes is listed");
	r = after(addr_of(0));
	ok(!next(&r) && r.addr == addr_of(1) && !strcmp(r.name, NAME "-same"),
	   "another region without nodes and with the same name is listed at its address");
	is(r.uid, 1001, "NEXT_REGION gives the owner of a region");
	is(r.view[0], 0, "NEXT_REGION gives no name of a view");
}

static void test_between(void)
{
	struct msharearena_region r = after(addr_of(2) + WINDOW);

	ok(!next(&r) && r.addr == addr_of(3),
	   "NEXT_REGION after an address between two regions gives the next one");
	r = after(addr_of(2) + 1);
	ok(!next(&r) && r.addr == addr_of(3),
	   "NEXT_REGION after an address within a region gives the next one");
	r = after(-1);
	is(next(&r), -ENOENT, "NEXT_REGION after the highest address gives ENOENT");
	is(r.addr, -1, "NEXT_REGION at the end leaves the structure as it was");
}

static void test_arguments(void)
{
	struct msharearena_region r = after(0);
	struct {
		struct msharearena_region r;
		uint64_t newer;
	} big = { .r = after(0), .newer = 1 };

	r.flags = 1;
	is(next(&r), -EINVAL, "NEXT_REGION refuses a flag");
	r = after(0);
	r.size--;
	is(next(&r), -EINVAL, "NEXT_REGION refuses a size that is short");
	big.r.size = sizeof(big);
	is(next(&big.r), -E2BIG, "NEXT_REGION refuses a member that it does not know");
	big.newer = 0;
	is(next(&big.r), 0, "NEXT_REGION takes a longer structure of zeros");
	is(next(NULL), -EFAULT, "NEXT_REGION with a bad pointer gives EFAULT");
	r = after(0);
	is(command(region[0], MSHAREARENA_NEXT_REGION, &r), -ENOTTY,
	   "NEXT_REGION on a region's file gives ENOTTY");
}

/* Regions that end or are created between two calls make no call fail. */
static void test_changes(void)
{
	struct msharearena_region r = after(addr_of(1));

	ok(!next(&r) && r.addr == addr_of(2),
	   "NEXT_REGION gives a region that will end before the next call");
	view_unlink(region[2]);
	close(region[2]);
	view_unlink(region[3]);
	close(region[3]);
	ok(!next(&r) && r.addr == addr_of(4),
	   "NEXT_REGION continues after that region and the next have ended");
	make(3, NAME "-3", 0);
	r = after(addr_of(1));
	ok(!next(&r) && r.addr == addr_of(3),
	   "NEXT_REGION gives a region that was created meanwhile");
	make(2, NAME "-2", 0);
}

/* Another process creates and ends regions while this one lists them all the time. */
static void test_race(void)
{
	int bad = 0, lists = 0;
	pid_t pid[2];

	for (int n = 0; n < 2; n++) {
		pid[n] = fork();
		if (pid[n])
			continue;
		for (;;) {
			region_create(n ? NAME "-b" : NAME "-a", SZ_4K, SZ_2M);
			region_unlink(n ? NAME "-b" : NAME "-a");
		}
	}
	/* Repeat until a list had some of them, which may take a while on a busy machine. */
	for (int i = 0; i < 3000 || (!lists && i < 300000); i++) {
		int n = count();

		bad += n < MANY;
		lists += n > MANY;
	}
	for (int n = 0; n < 2; n++) {
		kill(pid[n], SIGKILL);
		waitpid(pid[n], NULL, 0);
	}
	region_unlink(NAME "-a");
	region_unlink(NAME "-b");
	is(bad, 0,
	   "lists made while other regions are created and end have all that stay, in order");
	ok(lists > 0, "%d lists also had regions that are created and end", lists);
}

static int count_as_user(void *arg)
{
	int fd = open("/dev/msharearena", O_RDONLY | O_CLOEXEC);
	struct msharearena_region r = after(addr_of(0));
	int ret;

	if (fd < 0)
		return -errno;
	ret = command(fd, MSHAREARENA_NEXT_REGION, &r);
	close(fd);
	(void)arg;
	return ret ? ret : r.addr == addr_of(1) ? 0 : -EBADMSG;
}

static void test_users(void)
{
	static const struct user stranger = { .uid = 1003, .gid = 1003 };

	is(as(&stranger, count_as_user, NULL), -EACCES,
	   "a user who may not open the control device cannot list regions");
	control_for_all(true);
	is(as(&stranger, count_as_user, NULL), 0,
	   "a user who may open the control device for reading lists the regions of all users");
	control_for_all(false);
}

int main(void)
{
	int before;

	control = control_open();
	before = count();
	make_all();
	test_all(before);
	test_kinds();
	test_between();
	test_arguments();
	test_changes();
	test_race();
	test_users();
	for (int i = 0; i < MANY; i++) {
		view_unlink(region[i]);
		close(region[i]);
	}
	is(count(), before, "no region of this test is listed after all have ended");
	close(control);
	return done_testing();
}
