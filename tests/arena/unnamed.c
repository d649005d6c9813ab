// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: children of fork() inherit regions and views without names, and no other process can
 * find them. A handle still works when another region has got its name.
 * Method: each call, right and wrong, on the backend that is there; a child; names that are
 * used again.
 *
 * valgrind: no, it treats MAP_FIXED_NOREPLACE as a hint
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <mshare.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define NAME	"unnamed"
#define PAGE	4096UL
#define LENGTH	(16 * PAGE)
#define RW	(PROT_READ | PROT_WRITE)

static struct mshare_options nameless = {
	.size = sizeof(nameless), .length = LENGTH, .page_size = PAGE, .flags = MSHARE_UNNAMED,
};

static const struct mshare_range parts[] = {
	{ 0, PAGE, PROT_READ },
	{ 4 * PAGE, 2 * PAGE, RW },
};

static struct mshare *make(const struct mshare_options *o)
{
	struct mshare *m;

	if (mshare_create(NAME, o, &m))
		bail("cannot make a region");
	return m;
}

static void test_region(void)
{
	struct mshare *m = make(&nameless), *other = make(&nameless);
	struct mshare_options o = nameless;
	struct mshare_info info = { .size = sizeof(info) };
	struct mshare *none;
	int status;
	void *addr;
	pid_t pid;

	o.mode = 0600;
	is(mshare_create(NAME, &o, &none), -EINVAL,
	   "a mode is refused for a region without a name");
	is(mshare_open(NAME, 0, &none), -ENOENT,
	   "a region without a name cannot be opened by the empty name");
	is(mshare_unlink(NAME), -ENOENT, "a region without a name cannot be unlinked by a name");
	is(mshare_unlink_region(m), -ENOENT,
	   "a region without a name cannot be unlinked by its handle");
	ok(!getenv(MSHARE_MEMFD_ENV), "a region without a name is not in the environment");
	is(mshare_info(m, &info), 0, "mshare_info() describes a region without a name");
	ok(info.unlinked && !strcmp(info.view, "rw"),
	   "mshare_info() says that the region is unlinked and that its view is rw");
	is(mshare_populate(m, 0, LENGTH), 0, "a region without a name can be populated");
	is(mshare_attach(m, &addr), 0, "a region without a name can be attached");
	pid = fork();
	if (!pid) {
		if (mshare_attach(m, &addr))
			_exit(1);
		strcpy(addr, "from the child");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "a child of fork() can attach its parent's region without a name");
	ok(!strcmp(addr, "from the child"), "the parent reads what the child wrote");
	is(mshare_attach(other, &addr), -ENXIO,
	   "a second region without a name does not have the memory of the first");
	mshare_close(other);
	mshare_close(m);
}

static void test_view(void)
{
	struct mshare_view v = {
		.size = sizeof(v), .ranges = parts, .n_ranges = 2, .flags = MSHARE_UNNAMED,
	};
	struct mshare *m = make(&nameless), *part, *read_only, *none;
	struct mshare_info info = { .size = sizeof(info) };
	void *addr, *again;

	is(mshare_populate(m, 0, LENGTH), 0, "a region can be populated before it has views");
	is(mshare_make_view(m, "part", &v, &part), 0, "a view without a name can be made");
	is(mshare_info(part, &info), 0, "mshare_info() describes a view without a name");
	ok(!strcmp(info.view, "part") && info.length == LENGTH,
	   "mshare_info() has the name of the view and the length of the region");
	is(mshare_attach(m, &addr), 0, "a region with a view can be attached");
	strcpy((char *)addr + 4 * PAGE, "shared");
	is(mshare_detach(m), 0, "a region with a view can be detached");
	is(mshare_attach(part, &again), 0, "the view can be attached");
	ok(again == addr && !strcmp((char *)again + 4 * PAGE, "shared"),
	   "the view has the memory of the region, at the same address");
	is(mshare_populate(part, 0, PAGE), -EACCES, "populating through a view is refused");
	is(mshare_make_view(part, "more", &v, &none), -EACCES,
	   "making a view through a view is refused");
	mshare_close(part);

	v.n_ranges = 1;
	is(mshare_make_view(m, "look", &v, &read_only), 0,
	   "a view without a writable range can be made");
	is(mshare_publish_ring(read_only, 0, 0, 1), -EACCES,
	   "publishing a ring through a view without a writable range is refused");
	mshare_close(read_only);
	is(mshare_make_view(m, "rw", &v, &none), -EEXIST, "making a view called rw is refused");
	is(mshare_make_view(m, "a/b", &v, &none), -EINVAL,
	   "making a view with a slash in its name is refused");
	v.mode = 0600;
	is(mshare_make_view(m, "bad", &v, &none), -EINVAL,
	   "a mode is refused for a view without a name");
	v.flags = 0;
	is(mshare_make_view(m, "bad", &v, &none), -ENOENT,
	   "a view with a name is refused for a region without a name");
	mshare_close(m);
}

static void test_named(void)
{
	struct mshare_view v = {
		.size = sizeof(v), .ranges = parts, .n_ranges = 2, .mode = 0600,
	};
	struct mshare_options o = nameless;
	struct mshare *m, *view, *second;

	o.flags = 0;
	o.mode = 0600;
	m = make(&o);
	is(mshare_make_view(m, "part", &v, &view), 0, "a view with a name can be made");
	mshare_close(view);
	is(mshare_make_view(m, "part", &v, &view), -EEXIST,
	   "making a second view of the same name is refused");
	is(mshare_open_view(NAME, "part", 0, &view), 0, "a view can be opened by its name");
	v.flags = MSHARE_UNNAMED;
	v.mode = 0;
	is(mshare_add_view(NAME, "lost", &v), -EINVAL,
	   "mshare_add_view() refuses a view without a name, since it returns no handle");
	if (nameless.backend == MSHARE_BACKEND_MODULE)
		is(mshare_unlink_region(view), -EACCES,
		   "a region is not unlinked through the handle of a view that was added");
	is(mshare_unlink_region(m), 0, "a region can be unlinked through its handle");
	second = make(&o);
	is(mshare_unlink_region(m), -ENOENT,
	   "unlinking a region whose name another region has got is refused");
	is(mshare_unlink(NAME), 0, "a region that got the name of another one keeps it");
	mshare_close(second);
	mshare_close(view);
	mshare_close(m);
}

/* A region of the module can be opened again by its descriptor. */
static void test_duplicate(struct mshare *m)
{
	struct mshare_info info = { .size = sizeof(info) }, again_info = info;
	struct mshare_view v = {
		.size = sizeof(v), .ranges = parts, .n_ranges = 1, .flags = MSHARE_UNNAMED,
	};
	struct mshare *again, *read_only;
	void *addr;

	is(mshare_populate(m, 0, LENGTH), 0, "a region of the module can be populated");
	is(mshare_open_fd(fcntl(mshare_fd(m), F_DUPFD_CLOEXEC, 0), &again), 0,
	   "a region can be opened by a duplicate of its descriptor");
	is(mshare_info(m, &info) || mshare_info(again, &again_info), 0,
	   "mshare_info() describes the region by both handles");
	ok(info.addr == again_info.addr && again_info.length == LENGTH &&
	   again_info.page_size == PAGE && !strcmp(again_info.view, "rw"),
	   "mshare_info() says the same by both handles");
	is(mshare_attach(again, &addr), 0, "a region that was opened by a descriptor is attached");
	ok((uintptr_t)addr == info.addr,
	   "a region opened by a descriptor is attached at its address");
	strcpy(addr, "written");
	is(mshare_make_view(again, "look", &v, &read_only), 0,
	   "a handle from a writable descriptor can make a view");
	mshare_close(again);
	is(mshare_open_fd(fcntl(mshare_fd(read_only), F_DUPFD_CLOEXEC, 0), &again), 0,
	   "a read-only view can be opened by a duplicate of its descriptor");
	is(mshare_populate(again, 0, PAGE), -EACCES,
	   "populating through a handle from a read-only descriptor is refused");
	is(mshare_attach(again, &addr), 0, "a handle from a read-only descriptor can be attached");
	ok(!strcmp(addr, "written"), "a handle from a read-only descriptor shows the memory");
	mshare_close(again);
	mshare_close(read_only);
}

static void test_descriptors(void)
{
	struct mshare *m = make(&nameless), *none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (nameless.backend == MSHARE_BACKEND_MODULE)
		test_duplicate(m);
	else
		is(mshare_fd(m), -EOPNOTSUPP, "mshare_fd() of a region on a memfd is refused");
	is(mshare_open_fd(-1, &none), -EBADF, "mshare_open_fd() of -1 is refused");
	is(mshare_open_fd(null, &none), -EINVAL, "mshare_open_fd() of /dev/null is refused");
	is(fcntl(null, F_GETFD), FD_CLOEXEC,
	   "a descriptor that mshare_open_fd() refused stays open");
	close(null);
	mshare_close(m);
}

int main(void)
{
	nameless.backend = mshare_default_backend();
	unsetenv(MSHARE_MEMFD_ENV);
	test_region();
	test_view();
	test_named();
	test_descriptors();
	return done_testing();
}
