// SPDX-License-Identifier: MIT
/*
 * The descriptors that CREATE and ADD_VIEW answer with: what they are good for,
 * what becomes of them, regions and views that have nothing else, and that
 * nothing is left where no descriptor is free.
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

/* How many regions there are. */
static int regions(void)
{
	struct msharearena_region r = { .size = sizeof(r) };
	int n = 0;

	while (!ctl(MSHAREARENA_NEXT_REGION, &r))
		n++;
	return n;
}

/* ---- CREATE's ---- */

static void test_create(void)
{
	int fd = region_anew_open(NAME, SZ_2M, 2 * SZ_2M);
	char *base;

	is(fcntl(fd, F_GETFD), FD_CLOEXEC, "CREATE's descriptor is close-on-exec");
	is(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR, "CREATE's descriptor reads and writes");
	ok(!strcmp(view_region(fd).view, "rw"), "CREATE's descriptor is of the view rw");
	is(donate(fd, SZ_2M, SZ_2M, 0), 0, "EXPORT by CREATE's descriptor works");
	base = attach(fd, RW);
	ok(base && !try_store(base, 42), "attached by CREATE's descriptor it can be stored to");
	is(region_addr(NAME), (intptr_t)base, "its node leads to the same region");
	munmap(base, WINDOW);
	close(fd);
	fd = view_open(NAME, "rw", O_RDWR);
	ok(fd >= 0, "when CREATE's descriptor is closed the name keeps the region");
	base = attach(fd, PROT_READ);
	is(*(volatile uint64_t *)base, 42, "the region that its name keeps has its memory");
	munmap(base, WINDOW);
	view_unlink(fd);
	close(fd);
}

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, flags | O_CLOEXEC);
	return closed(fd < 0 ? -errno : fd);
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
	ok(!strcmp(view_region(fd).name, NAME), "GET_REGION tells its name");
	is(regions(), count + 1, "NEXT_REGION finds it");
	is(view_unlink(fd), -ENOENT, "UNLINK of it is ENOENT: it has no name to be removed");
	is(view_region(fd).status, MSHAREARENA_REGION_UNLINKED, "GET_REGION says so");
	is(poll(&p, 1, 0), 1, "it has POLLPRI, as one that was unlinked");
	is(reopen(fd, O_RDWR), -ENXIO, "its descriptor cannot be opened anew");
	is(donate(fd, SZ_2M, SZ_2M, 0), 0, "EXPORT to it works");
	base = attach(fd, RW);
	ok(base && !try_store(base, 7), "it can be attached and stored to");
	close(fd);
	is(regions(), count + 1, "its descriptor closed, an attachment keeps the region");
	is(*(volatile uint64_t *)base, 7, "the region that an attachment keeps has its memory");
	is(hugepages(SZ_2M, "free_hugepages"), before - 1, "(its page is out of the pool)");
	munmap(base, WINDOW);
	is(regions(), count, "a region without nodes ends with its last attachment");
	is(hugepages(SZ_2M, "free_hugepages"), before,
	   "a region without nodes gives its page back");
}

static void test_no_node_ends(void)
{
	int count = regions(), fd = create_no_node(NAME), other = dup(fd);

	close(fd);
	is(regions(), count + 1, "one of two descriptors closed, a region without nodes is there");
	close(other);
	is(regions(), count, "a region without nodes ends with its last descriptor");
}

/* The name is for people: it need not be another one's, nor is it taken. */
static void test_same_names(void)
{
	int named = region_anew_open(NAME, SZ_2M, SZ_2M);
	int a = create_no_node(NAME), b = create_no_node(NAME);

	ok(view_region(a).addr != view_region(b).addr &&
	   view_region(a).addr != view_region(named).addr,
	   "regions without nodes may have the same name as others");
	is(region_addr(NAME), view_region(named).addr, "the node leads to the one that has it");
	is(view_unlink(a), -ENOENT, "UNLINK of one without nodes is ENOENT");
	ok(has_node(NAME "/rw"),
	   "UNLINK of a region without nodes does not remove nodes of its namesake");
	is(view_unlink(named), 0, "UNLINK of the one with nodes works");
	close(named);
	is(region_create(NAME, SZ_2M, SZ_2M), 0, "the name of regions without nodes is not taken");
	region_unlink(NAME);
	close(a);
	close(b);
}

static void test_no_node_arguments(void)
{
	struct msharearena_create c = no_node("");

	is(create_open(&c), -EINVAL, "a region without nodes needs a name, too");
	c = no_node("a/b");
	is(create_open(&c), -EINVAL,
	   "the name of a region without nodes follows the rules of all names");
	c = no_node(NAME);
	c.mode = 0400;
	is(create_open(&c), -EINVAL, "a region without nodes has no mode");
	c = no_node(NAME);
	c.uid = 1234;
	is(closed(create_open(&c)), 0, "a region without nodes can have an owner");
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
	   "attached by ADD_VIEW's descriptor a view shows its range and no more");
	munmap(base, WINDOW);
	ok(!attach(r, RW) && errno == EACCES,
	   "a view that only reads cannot be attached for writing by its descriptor");
	base = attach(r, PROT_READ);
	ok(base && *(volatile uint64_t *)base == 5 && try_store(base, 6) == SIGSEGV,
	   "attached for reading it shows the same memory");
	munmap(base, WINDOW);
	close(rw);
	is(donate(w, SZ_2M, SZ_2M, SZ_2M), -EACCES, "EXPORT by an added view is EACCES");
	region_unlink(NAME);
	is(view_region(r).status,
	   MSHAREARENA_REGION_UNLINKED | MSHAREARENA_REGION_READONLY,
	   "views that are open keep a region that lost its name");
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
	is(add_view_open(rw, &v), -EEXIST, "its name is taken in the region");
	view_unlink(rw);
	v = view_of("late", &to_read, 0);
	is(add_view_open(rw, &v), -ENOENT,
	   "after UNLINK a view with a node cannot be added: ENOENT");
	v = view_of("late", &to_read, MSHAREARENA_NO_NODE);
	close(fd);
	fd = add_view_open(rw, &v);
	ok(fd >= 0, "after UNLINK a view without a node can");
	close(rw);
	base = attach(fd, PROT_READ);
	ok(base && try_store(base, 1) == SIGSEGV,
	   "a view without a node can be attached when it is all that is left");
	munmap(base, WINDOW);
	close(fd);
	rw = create_no_node(NAME);
	v = view_of("late", &to_read, 0);
	is(add_view_open(rw, &v), -ENOENT,
	   "a region without nodes gets no view with a node: ENOENT");
	v = view_of("late", &to_read, MSHAREARENA_NO_NODE);
	is(closed(add_view_open(rw, &v)), 0, "a region without nodes gets a view without a node");
	close(rw);
}

/* ---- no descriptor is free ---- */

/* The lowest free number is over the limit while fn() runs. */
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

	is(without_fds(create_by, control), -EMFILE, "CREATE when no descriptor is free: EMFILE");
	ok(!has_node(NAME), "a CREATE that fails leaves no node");
	is(regions(), count, "a CREATE that fails leaves no region");
	is(without_fds(create_no_node_by, control), -EMFILE,
	   "CREATE without nodes when no descriptor is free: EMFILE");
	is(regions(), count, "a CREATE without nodes that fails leaves no region");
	fd = create_by(control);
	ok(fd >= 0, "the same call works when a descriptor is free");
	tables = view_region(fd).table_bytes;
	is(without_fds(add_view_by, fd), -EMFILE, "ADD_VIEW when no descriptor is free: EMFILE");
	ok(!has_node(NAME "/part"), "an ADD_VIEW that fails leaves no node");
	is(view_region(fd).table_bytes, tables, "an ADD_VIEW that fails leaves no tables");
	is(closed(add_view_by(fd)), 0, "the same call works when a descriptor is free");
	view_unlink(fd);
	close(fd);
	close(control);
}

/* ---- passed on ---- */

static int store_42(int fd)
{
	char *base = attach(fd, RW);

	return !base ? -errno : try_store(base, 42) ? -EFAULT : 0;
}

static int load_42(int fd)
{
	char *base = attach(fd, PROT_READ);
	uint64_t value;

	if (!base)
		return -errno;
	return try_load(base, &value) ? -EFAULT : value == 42 ? 0 : -EILSEQ;
}

static int store_beyond(int fd)
{
	char *base = attach(fd, RW);

	return !base ? -errno : try_store(base + SZ_2M, 42) == SIGSEGV ? 0 : -EEXIST;
}

static int reopen_reading(int fd)
{
	return reopen(fd, O_RDONLY);
}

static int reopen_writing(int fd)
{
	return reopen(fd, O_RDWR);
}

static int add_no_node(int fd)
{
	struct msharearena_view v = view_of("strangers", &to_write, MSHAREARENA_NO_NODE);

	return closed(add_view_open(fd, &v));
}

static int take_one(int fd)
{
	return take(fd, -1, 1);
}

static int drain(int fd)
{
	struct msharearena_busy b = {
		.size = sizeof(b), .flags = MSHAREARENA_BUSY_DRAIN, .length = SZ_2M,
	};

	return command(fd, MSHAREARENA_GET_BUSY, &b);
}

/* An unprivileged stranger gets what the file gives, and no more. */
static void test_given(void)
{
	struct msharearena_view v = view_of("w", &to_write, MSHAREARENA_NO_NODE);
	int rw = create_no_node(NAME), w, r;

	if (donate(rw, SZ_2M, 2 * SZ_2M, 0))
		bail("donate");
	w = add_view_open(rw, &v);
	v = view_of("r", &to_read, MSHAREARENA_NO_NODE);
	r = add_view_open(rw, &v);
	is(give(rw, store_42), 0, "a stranger who was sent rw stores");
	is(give(rw, add_no_node), -EPERM, "a stranger who was sent rw may add no view");
	is(give(rw, view_unlink), -EPERM, "UNLINK by a stranger who was sent rw is EPERM");
	is(give(w, store_42), 0, "a stranger who was sent a writable view stores");
	is(give(w, store_beyond), 0,
	   "a stranger who was sent a writable view cannot store beyond its range");
	is(give(w, take_one), -EAGAIN, "he may take rings by it");
	is(give(w, add_no_node), -EACCES, "he may add no view by it");
	is(give(r, load_42), 0, "a stranger who was sent a view to read loads");
	is(give(r, store_42), -EACCES, "he cannot attach it for writing");
	is(give(r, take_one), -EACCES, "he takes no rings by it");
	is(give(r, drain), -EACCES, "he cannot have batches emptied by it");
	is(give(r, reopen_reading), -EACCES, "he cannot open it anew");
	is(give(r, reopen_writing), -EACCES,
	   "a stranger who was sent a read-only view cannot open it for writing");
	close(rw);
	close(w);
	is(give(r, load_42), 0, "a stranger who was sent the last descriptor loads");
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
