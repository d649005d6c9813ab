// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the descriptors that CREATE and ADD_VIEW return work as those of open(2), also for
 * regions and views without nodes and in processes to which they are sent. A call that
 * finds no free descriptor leaves nothing behind.
 */
#include "give.h"
#include "views.h"

#include <sys/resource.h>

#define NAME "test-fds"
#define RW (PROT_READ | PROT_WRITE)

static struct msharearena_create no_node(const char *name)
{
	struct msharearena_create c = create_args(name, SZ_2M, 2 * SZ_2M);

	c.flags = MSHAREARENA_NO_NODE;
	c.mode = 0;
	return c;
}

static int create_no_node(const char *name)
{
	struct msharearena_create c = no_node(name);
	int fd = create_open(&c);

	if (fd < 0)
		bail("create without nodes: %s", strerror(-fd));
	return fd;
}

static bool has_node(const char *node)
{
	char path[128];

	snprintf(path, sizeof(path), "/dev/mshare/%s", node);
	return !access(path, F_OK);
}

/* The number of all regions. */
static int regions(void)
{
	struct msharearena_region r = { .size = sizeof(r) };
	int n = 0;

	while (!ctl(MSHAREARENA_NEXT_REGION, &r))
		n++;
	return n;
}

/* ---- the descriptor of CREATE ---- */

static void test_create(void)
{
	int fd = region_anew_open(NAME, SZ_2M, 2 * SZ_2M);
	char *base;

	is(fcntl(fd, F_GETFD), FD_CLOEXEC, "CREATE's descriptor is close-on-exec");
	is(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR, "CREATE's descriptor reads and writes");
	ok(!strcmp(view_region(fd).view, "rw"), "CREATE's descriptor is of the view rw");
	is(donate(fd, SZ_2M, SZ_2M, 0), 0, "EXPORT by CREATE's descriptor succeeds");
	base = attach(fd, RW);
	ok(base && !try_store(base, 42), "memory attached by CREATE's descriptor can be stored to");
	is(region_addr(NAME), (intptr_t)base,
	   "the node leads to the region of CREATE's descriptor");
	munmap(base, WINDOW);
	close(fd);
	fd = view_open(NAME, "rw", O_RDWR);
	ok(fd >= 0, "the name keeps the region after CREATE's descriptor is closed");
	base = attach(fd, PROT_READ);
	is(*(volatile uint64_t *)base, 42, "a region that its name keeps has its memory");
	munmap(base, WINDOW);
	view_unlink(fd);
	close(fd);
}

/* ---- regions without nodes ---- */

static void test_no_node(void)
{
	long before = hugepages(SZ_2M, "free_hugepages");
	int count = regions(), fd = create_no_node(NAME);
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	char *base;

	ok(!has_node(NAME), "a region without nodes has none");
	is(view_open(NAME, "rw", O_RDWR), -ENOENT,
	   "a region without nodes cannot be opened by its name");
	ok(!strcmp(view_region(fd).name, NAME),
	   "GET_REGION gives the name of a region without nodes");
	is(regions(), count + 1, "NEXT_REGION finds a region without nodes");
	is(view_unlink(fd), -ENOENT, "UNLINK of a region without nodes gives ENOENT");
	is(view_region(fd).status, MSHAREARENA_REGION_UNLINKED,
	   "GET_REGION reports a region without nodes as unlinked");
	is(poll(&p, 1, 0), 1, "poll() of a region without nodes gives POLLPRI");
	is(given_reopen(fd, O_RDWR), -ENXIO,
	   "the descriptor of a region without nodes cannot be reopened");
	is(donate(fd, SZ_2M, SZ_2M, 0), 0, "EXPORT to a region without nodes succeeds");
	base = attach(fd, RW);
	ok(base && !try_store(base, 7), "a region without nodes can be attached and stored to");
	close(fd);
	is(regions(), count + 1,
	   "an attachment keeps a region without nodes after its descriptor is closed");
	is(*(volatile uint64_t *)base, 7, "a region that an attachment keeps has its memory");
	is(hugepages(SZ_2M, "free_hugepages"), before - 1,
	   "a region that an attachment keeps uses its page");
	munmap(base, WINDOW);
	is(regions(), count, "a region without nodes ends with its last attachment");
	is(hugepages(SZ_2M, "free_hugepages"), before,
	   "the page of a region without nodes is free after its end");
}

static void test_no_node_ends(void)
{
	int count = regions(), fd = create_no_node(NAME), other = dup(fd);

	close(fd);
	is(regions(), count + 1,
	   "a region without nodes stays after one of two descriptors is closed");
	close(other);
	is(regions(), count, "a region without nodes ends with its last descriptor");
}

/* Names of regions without nodes are for people: they may occur more than once. */
static void test_same_names(void)
{
	int named = region_anew_open(NAME, SZ_2M, SZ_2M);
	int a = create_no_node(NAME), b = create_no_node(NAME);

	ok(view_region(a).addr != view_region(b).addr &&
	   view_region(a).addr != view_region(named).addr,
	   "regions without nodes may have the same name as others");
	is(region_addr(NAME), view_region(named).addr,
	   "the node leads to the region with nodes, and not to its namesakes");
	is(view_unlink(a), -ENOENT, "UNLINK of a namesake without nodes gives ENOENT");
	ok(has_node(NAME "/rw"),
	   "UNLINK of a namesake without nodes does not remove the nodes");
	is(view_unlink(named), 0, "UNLINK of the region with nodes succeeds");
	close(named);
	is(region_create(NAME, SZ_2M, SZ_2M), 0,
	   "a region can be created with the name of regions without nodes");
	region_unlink(NAME);
	close(a);
	close(b);
}

static void test_no_node_arguments(void)
{
	struct msharearena_create c = no_node("");

	is(create_open(&c), -EINVAL, "CREATE without nodes refuses an empty name");
	c = no_node("a/b");
	is(create_open(&c), -EINVAL,
	   "CREATE without nodes refuses a name with a slash");
	c = no_node(NAME);
	c.mode = 0400;
	is(create_open(&c), -EINVAL, "CREATE without nodes refuses a mode");
	c = no_node(NAME);
	c.uid = 1234;
	is(closed(create_open(&c)), 0, "CREATE without nodes accepts an owner");
}

/* ---- views ---- */

static struct msharearena_view view_of(const char *name, const struct msharearena_range *r,
				       uint32_t flags)
{
	struct msharearena_view v = view_args(name, r, 1);

	v.flags = flags;
	if (flags & MSHAREARENA_NO_NODE)
		v.mode = 0;
	return v;
}

static const struct msharearena_range to_write = { .length = SZ_2M, .prot = PROT_RW };
static const struct msharearena_range to_read = { .length = SZ_2M, .prot = PROT_R };

static void test_views(void)
{
	int rw = region_with(NAME, SZ_2M, 2 * SZ_2M), w, r;
	struct msharearena_view v = view_of("w", &to_write, 0);
	char *base;

	w = add_view_open(rw, &v);
	v = view_of("r", &to_read, 0);
	r = add_view_open(rw, &v);
	is(fcntl(w, F_GETFD), FD_CLOEXEC, "ADD_VIEW's descriptor is close-on-exec");
	is(fcntl(w, F_GETFL) & O_ACCMODE, O_RDWR,
	   "ADD_VIEW's descriptor of a view with a writable range can write");
	is(fcntl(r, F_GETFL) & O_ACCMODE, O_RDONLY,
	   "ADD_VIEW's descriptor of a view without a writable range only reads");
	ok(!strcmp(view_region(w).view, "w") && !strcmp(view_region(r).view, "r"),
	   "ADD_VIEW's descriptors are of the new views");
	base = attach(w, RW);
	ok(base && !try_store(base, 5) && try_store(base + SZ_2M, 5) == SIGSEGV,
	   "a view attached by ADD_VIEW's descriptor shows its range and no more");
	munmap(base, WINDOW);
	ok(!attach(r, RW) && errno == EACCES,
	   "a view without a writable range cannot be attached for writing by its descriptor");
	base = attach(r, PROT_READ);
	ok(base && *(volatile uint64_t *)base == 5 && try_store(base, 6) == SIGSEGV,
	   "a view attached for reading shows the same memory");
	munmap(base, WINDOW);
	close(rw);
	is(donate(w, SZ_2M, SZ_2M, SZ_2M), -EACCES, "EXPORT by an added view gives EACCES");
	region_unlink(NAME);
	is(view_region(r).status,
	   MSHAREARENA_REGION_UNLINKED | MSHAREARENA_REGION_READONLY,
	   "open views keep a region that was unlinked");
	close(r);
	close(w);
}

static void test_views_without_nodes(void)
{
	int rw = region_with(NAME, SZ_2M, 2 * SZ_2M), fd;
	struct msharearena_view v = view_of("hidden", &to_read, MSHAREARENA_NO_NODE);
	char *base;

	fd = add_view_open(rw, &v);
	ok(fd >= 0 && !has_node(NAME "/hidden"), "a view without a node has none");
	is(add_view_open(rw, &v), -EEXIST, "adding a view without a node again gives EEXIST");
	view_unlink(rw);
	v = view_of("late", &to_read, 0);
	is(add_view_open(rw, &v), -ENOENT,
	   "adding a view with a node after UNLINK gives ENOENT");
	v = view_of("late", &to_read, MSHAREARENA_NO_NODE);
	close(fd);
	fd = add_view_open(rw, &v);
	ok(fd >= 0, "a view without a node can be added after UNLINK");
	close(rw);
	base = attach(fd, PROT_READ);
	ok(base && try_store(base, 1) == SIGSEGV,
	   "a view without a node can be attached when it alone keeps the region");
	munmap(base, WINDOW);
	close(fd);
	rw = create_no_node(NAME);
	v = view_of("late", &to_read, 0);
	is(add_view_open(rw, &v), -ENOENT,
	   "adding a view with a node to a region without nodes gives ENOENT");
	v = view_of("late", &to_read, MSHAREARENA_NO_NODE);
	is(closed(add_view_open(rw, &v)), 0,
	   "a view without a node can be added to a region without nodes");
	close(rw);
}

/* ---- no descriptor is free ---- */

/* Run fn() with a limit of open files that leaves no descriptor free. */
static int without_fds(int (*fn)(int fd), int fd)
{
	struct rlimit old, none;
	int lowest = dup(0), ret;

	close(lowest);
	getrlimit(RLIMIT_NOFILE, &old);
	none = (struct rlimit){ lowest, old.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &none))
		bail("setrlimit: %s", strerror(errno));
	ret = fn(fd);
	setrlimit(RLIMIT_NOFILE, &old);
	return ret;
}

static int create_by(int control)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);

	return command(control, MSHAREARENA_CREATE, &c);
}

static int create_no_node_by(int control)
{
	struct msharearena_create c = no_node(NAME);

	return command(control, MSHAREARENA_CREATE, &c);
}

static int add_view_by(int fd)
{
	struct msharearena_view v = view_of("part", &to_write, 0);

	return add_view_open(fd, &v);
}

static void test_emfile(void)
{
	int control = control_open(), count = regions(), fd;
	uint64_t tables;

	is(without_fds(create_by, control), -EMFILE,
	   "CREATE gives EMFILE when no descriptor is free");
	ok(!has_node(NAME), "a CREATE that fails leaves no node");
	is(regions(), count, "a CREATE that fails leaves no region");
	is(without_fds(create_no_node_by, control), -EMFILE,
	   "CREATE without nodes gives EMFILE when no descriptor is free");
	is(regions(), count, "a CREATE without nodes that fails leaves no region");
	fd = create_by(control);
	ok(fd >= 0, "CREATE without nodes succeeds when a descriptor is free");
	tables = view_region(fd).table_bytes;
	is(without_fds(add_view_by, fd), -EMFILE,
	   "ADD_VIEW gives EMFILE when no descriptor is free");
	ok(!has_node(NAME "/part"), "an ADD_VIEW that fails leaves no node");
	is(view_region(fd).table_bytes, tables, "an ADD_VIEW that fails leaves no tables");
	is(closed(add_view_by(fd)), 0, "ADD_VIEW succeeds when a descriptor is free");
	view_unlink(fd);
	close(fd);
	close(control);
}

/* ---- descriptors that are sent to another process ---- */

static int store_beyond(int fd)
{
	char *base = attach(fd, RW);

	return !base ? -errno : try_store(base + SZ_2M, 42) == SIGSEGV ? 0 : -EEXIST;
}

static int add_no_node(int fd)
{
	struct msharearena_view v = view_of("strangers", &to_write, MSHAREARENA_NO_NODE);

	return closed(add_view_open(fd, &v));
}

static int drain(int fd)
{
	struct msharearena_busy b = {
		.size = sizeof(b), .flags = MSHAREARENA_BUSY_DRAIN, .length = SZ_2M,
	};

	return command(fd, MSHAREARENA_GET_BUSY, &b);
}

/* A process without privileges can do what the file allows, and no more. */
static void test_given(void)
{
	struct msharearena_view v = view_of("w", &to_write, MSHAREARENA_NO_NODE);
	int rw = create_no_node(NAME), w, r;

	if (donate(rw, SZ_2M, 2 * SZ_2M, 0))
		bail("donate");
	w = add_view_open(rw, &v);
	v = view_of("r", &to_read, MSHAREARENA_NO_NODE);
	r = add_view_open(rw, &v);
	is(give(rw, given_store_42), 0, "a stranger who was sent the view rw can store");
	is(give(rw, add_no_node), -EPERM,
	   "ADD_VIEW by a stranger who was sent the view rw gives EPERM");
	is(give(rw, view_unlink), -EPERM,
	   "UNLINK by a stranger who was sent the view rw gives EPERM");
	is(give(w, given_store_42), 0, "a stranger who was sent a writable view can store");
	is(give(w, store_beyond), 0,
	   "a stranger who was sent a writable view cannot store beyond its range");
	is(give(w, given_take), -EAGAIN, "a stranger who was sent a writable view may take rings");
	is(give(w, add_no_node), -EACCES,
	   "ADD_VIEW by a stranger who was sent a writable view gives EACCES");
	is(give(r, given_load_42), 0, "a stranger who was sent a readable view can load");
	is(give(r, given_store_42), -EACCES,
	   "a stranger who was sent a readable view cannot attach it for writing");
	is(give(r, given_take), -EACCES,
	   "a stranger who was sent a readable view may not take rings");
	is(give(r, drain), -EACCES,
	   "a stranger who was sent a readable view may not have batches emptied");
	is(give(r, given_reopen_reading), -EACCES,
	   "a stranger who was sent a readable view cannot given_reopen it for reading");
	is(give(r, given_reopen_writing), -EACCES,
	   "a stranger who was sent a readable view cannot given_reopen it for writing");
	close(rw);
	close(w);
	is(give(r, given_load_42), 0, "a stranger who was sent the last descriptor can load");
	close(r);
}

int main(void)
{
	reserve_2m(16);
	region_unlink(NAME);
	test_create();
	test_no_node();
	test_no_node_ends();
	test_same_names();
	test_no_node_arguments();
	test_views();
	test_views_without_nodes();
	test_emfile();
	test_given();
	return done_testing();
}
