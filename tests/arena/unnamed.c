// SPDX-License-Identifier: MIT
/*
 * Goal: regions and views without names, on the backend that is there: children of
 * fork() have them, nobody finds them; what a handle can do that a name cannot.
 * Method: each call, right and wrong; a child; names that were used again.
 *
 * valgrind: no, it takes MAP_FIXED_NOREPLACE for a hint
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
	is(mshare_unlink(NAME), -ENOENT, "nor unlinked");
	is(mshare_unlink_region(m), -ENOENT, "nor unlinked by the handle: it has no name");
	ok(!getenv(MSHARE_MEMFD_ENV), "the environment does not know it");
	is(mshare_info(m, &info), 0, "info");
	ok(info.unlinked && !strcmp(info.view, "rw"), "says so");
	is(mshare_populate(m, 0, LENGTH), 0, "populate");
	is(mshare_attach(m, &addr), 0, "attach");
	pid = fork();
	if (!pid) {
		if (mshare_attach(m, &addr))
			_exit(1);
		strcpy(addr, "from the child");
		_exit(0);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "a child of fork() has it");
	ok(!strcmp(addr, "from the child"), "and it is the same memory");
	is(mshare_attach(other, &addr), -ENXIO, "another one of that name is another one");
	mshare_close(other);
	mshare_close(m);
}

static void test_view(void)
{
	struct mshare_view v = {
		.size = sizeof(v), .ranges = parts, .n_ranges = 2, .flags = MSHARE_UNNAMED,
	};
	struct mshare *m = make(&nameless), *part, *look, *none;
	struct mshare_info info = { .size = sizeof(info) };
	void *addr, *again;

	is(mshare_populate(m, 0, LENGTH), 0, "populate");
	is(mshare_make_view(m, "part", &v, &part), 0, "a view of an open region");
	is(mshare_info(part, &info), 0, "info");
	ok(!strcmp(info.view, "part") && info.length == LENGTH, "says which view");
	is(mshare_attach(m, &addr), 0, "attach the region");
	strcpy((char *)addr + 4 * PAGE, "shared");
	is(mshare_detach(m), 0, "and leave");
	is(mshare_attach(part, &again), 0, "attach the view");
	ok(again == addr && !strcmp((char *)again + 4 * PAGE, "shared"), "at the same place");
	is(mshare_populate(part, 0, PAGE), -EACCES, "memory does not come in through it");
	is(mshare_make_view(part, "more", &v, &none), -EACCES, "nor do views");
	mshare_close(part);

	v.n_ranges = 1;
	is(mshare_make_view(m, "look", &v, &look), 0, "a view without a writable range");
	is(mshare_publish_ring(look, 0, 0, 1), -EACCES, "is open for reading");
	mshare_close(look);
	is(mshare_make_view(m, "rw", &v, &none), -EEXIST, "a view called rw");
	is(mshare_make_view(m, "a/b", &v, &none), -EINVAL, "a view's name with a slash");
	v.mode = 0600;
	is(mshare_make_view(m, "bad", &v, &none), -EINVAL, "permissions, and no node");
	v.flags = 0;
	is(mshare_make_view(m, "bad", &v, &none), -ENOENT, "a node, where the region has none");
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
	is(mshare_make_view(m, "part", &v, &view), 0, "a view with a name");
	mshare_close(view);
	is(mshare_make_view(m, "part", &v, &view), -EEXIST, "which is taken then");
	is(mshare_open_view(NAME, "part", 0, &view), 0, "and can be opened by it");
	v.flags = MSHARE_UNNAMED;
	v.mode = 0;
	is(mshare_add_view(NAME, "lost", &v), -EINVAL, "add_view: a view that nobody would have");
	is(mshare_unlink_region(view), 0, "unlink through the view");
	second = make(&o);
	is(mshare_unlink_region(m), -ENOENT, "a name that another region has got");
	is(mshare_unlink(NAME), 0, "is still that one's");
	mshare_close(second);
	mshare_close(view);
	mshare_close(m);
}

/* By its descriptor a region of the module's can be opened anew. */
static void test_duplicate(struct mshare *m)
{
	struct mshare_info info = { .size = sizeof(info) }, again_info = info;
	struct mshare_view v = {
		.size = sizeof(v), .ranges = parts, .n_ranges = 1, .flags = MSHARE_UNNAMED,
	};
	struct mshare *again, *look;
	void *addr;

	is(mshare_populate(m, 0, LENGTH), 0, "populate");
	is(mshare_open_fd(fcntl(mshare_fd(m), F_DUPFD_CLOEXEC, 0), &again), 0,
	   "open by a duplicate of the descriptor");
	is(mshare_info(m, &info) || mshare_info(again, &again_info), 0, "info");
	ok(info.addr == again_info.addr && again_info.length == LENGTH &&
	   again_info.page_size == PAGE && !strcmp(again_info.view, "rw"), "it is the region");
	is(mshare_attach(again, &addr), 0, "attach");
	ok((uintptr_t)addr == info.addr, "at its address");
	strcpy(addr, "written");
	is(mshare_make_view(again, "look", &v, &look), 0, "which was opened for writing, too");
	mshare_close(again);
	is(mshare_open_fd(fcntl(mshare_fd(look), F_DUPFD_CLOEXEC, 0), &again), 0,
	   "one that is open for reading");
	is(mshare_populate(again, 0, PAGE), -EACCES, "stays so");
	is(mshare_attach(again, &addr), 0, "attach");
	ok(!strcmp(addr, "written"), "and read");
	mshare_close(again);
	mshare_close(look);
}

static void test_descriptors(void)
{
	struct mshare *m = make(&nameless), *none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (nameless.backend == MSHARE_BACKEND_MODULE)
		test_duplicate(m);
	else
		is(mshare_fd(m), -EOPNOTSUPP, "a memfd alone does not say where it belongs");
	is(mshare_open_fd(-1, &none), -EBADF, "no descriptor");
	is(mshare_open_fd(null, &none), -EINVAL, "one of something else");
	is(fcntl(null, F_GETFD), FD_CLOEXEC, "which stays open");
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
