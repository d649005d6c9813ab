// SPDX-License-Identifier: MIT
/*
 * Goal: on the memfd backend, views are found by name, also by children, can be opened
 * only as their ranges allow, and are refused for the same reasons as by the module.
 * Method: each call is made with valid and with invalid arguments, and in a child that
 * executes this program again.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <mshare.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define NAME	"views"
#define PAGE	4096UL
#define LENGTH	(64 * PAGE)
#define RW	(PROT_READ | PROT_WRITE)

static const struct mshare_range ranges[] = {
	{ 0, PAGE, PROT_READ },
	{ 4 * PAGE, 2 * PAGE, RW },
};

static struct mshare_view view_of(const struct mshare_range *r, size_t n)
{
	return (struct mshare_view){
		.ranges = r, .n_ranges = n, .mode = 0600,
		.size = sizeof(struct mshare_view),
	};
}

/* Adding a view of the ranges @a and @b fails with @error. */
static void refused(struct mshare_range a, struct mshare_range b, int error, const char *what)
{
	struct mshare_range r[] = { a, b };
	struct mshare_view v = view_of(r, 2);

	is(mshare_add_view(NAME, "bad", &v), error, "mshare_add_view() refuses %s", what);
}

static void test_refused(void)
{
	struct mshare_range one = { 0, PAGE, RW }, after = { PAGE, PAGE, RW };
	struct mshare_view v = view_of(ranges, 0);
	struct mshare *m;

	is(mshare_add_view(NAME, "bad", &v), -EINVAL,
	   "mshare_add_view() refuses a view without ranges");
	v.n_ranges = 4097;
	is(mshare_add_view(NAME, "bad", &v), -EINVAL,
	   "mshare_add_view() refuses a view of 4097 ranges");
	v = view_of(ranges, 2);
	v.mode = 0700;
	is(mshare_add_view(NAME, "bad", &v), -EINVAL,
	   "mshare_add_view() refuses a mode with execute permission");
	v.mode = 0600;
	is(mshare_add_view("nothing", "bad", &v), -ENOENT,
	   "a view of a region that does not exist cannot be added");
	is(mshare_add_view("a/b", "bad", &v), -EINVAL,
	   "mshare_add_view() refuses a region's name with a slash");
	is(mshare_add_view(NAME, "", &v), -EINVAL,
	   "mshare_add_view() refuses an empty name of a view");
	is(mshare_add_view(NAME, "a/b", &v), -EINVAL,
	   "mshare_add_view() refuses a view's name with a slash");
	is(mshare_add_view(NAME, "a234567890123456789012345678901x", &v), -EINVAL,
	   "mshare_add_view() refuses a view's name of 32 characters");
	is(mshare_add_view(NAME, "rw", &v), -EEXIST,
	   "mshare_add_view() refuses the name rw, which is taken");
	is(mshare_add_view(NAME, "ro", &v), -EEXIST,
	   "mshare_add_view() refuses the name ro, which is taken");
	refused(one, (struct mshare_range){ 2 * PAGE, PAGE, PROT_WRITE }, -EINVAL,
		"a range that is writable but not readable");
	refused(one, (struct mshare_range){ 2 * PAGE, PAGE, PROT_NONE }, -EINVAL,
		"a range without any access");
	refused(one, (struct mshare_range){ 2 * PAGE, PAGE, RW | PROT_EXEC }, -EINVAL,
		"an executable range");
	refused(one, (struct mshare_range){ 2 * PAGE, 0, RW }, -EINVAL, "a range of length 0");
	refused(one, (struct mshare_range){ 2 * PAGE, 1, RW }, -EINVAL,
		"a range that is no multiple of a page");
	refused(one, (struct mshare_range){ 2 * PAGE + 1, PAGE, RW }, -EINVAL,
		"a range that does not begin at a page");
	refused(one, one, -EINVAL, "the same range twice");
	refused(after, one, -EINVAL, "ranges that are not in ascending order");
	refused(one, (struct mshare_range){ LENGTH, PAGE, RW }, -ERANGE,
		"a range behind the region's end");
	refused(one, (struct mshare_range){ LENGTH - PAGE, 2 * PAGE, RW }, -ERANGE,
		"a range across the region's end");
	refused(one, (struct mshare_range){ PAGE, -PAGE, RW }, -ERANGE,
		"a range whose end overflows");
	is(mshare_open_view(NAME, "bad", 0, &m), -ENOENT, "no view that was refused can be opened");
	is(mshare_open_view(NAME, "a/b", 0, &m), -EINVAL,
	   "mshare_open_view() refuses a view's name with a slash");
}

/* The child's part: it returns 0, or the number of the step that failed. */
static int child(void)
{
	struct mshare_info info = { .size = sizeof(info) };
	struct mshare *m;
	void *addr;

	if (mshare_open_view(NAME, "part", 0, &m))
		return 1;
	if (mshare_info(m, &info) || strcmp(info.view, "part"))
		return 2;
	if (mshare_attach(m, &addr) || strcmp((char *)addr + 4 * PAGE, "shared"))
		return 3;
	if (mshare_populate(m, 0, PAGE) != -EACCES || mshare_export(m, addr, PAGE, 0) != -EACCES)
		return 4;
	mshare_close(m);
	if (mshare_open_view(NAME, "look", 0, &m) != -EACCES)
		return 5;
	if (mshare_open_view(NAME, "look", 1, &m) || mshare_attach(m, &addr))
		return 6;
	mshare_close(m);
	return 0;
}

static int run_child(void)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		/* Not /proc/self/exe: under valgrind that is valgrind itself. */
		execl(program_invocation_name, "test-views", "child", NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_views(struct mshare *m)
{
	struct mshare_view part = view_of(ranges, 2), look = view_of(ranges, 1);
	struct mshare_info info = { .size = sizeof(info) };
	struct mshare *v;

	is(mshare_add_view(NAME, "part", &part), 0, "a view with a writable range is added");
	is(mshare_add_view(NAME, "look", &look), 0, "a view without a writable range is added");
	is(mshare_add_view(NAME, "part", &look), -EEXIST,
	   "a second view of the same name is refused");
	is(run_child(), 0,
	   "a child opens both views, and the one without a writable range only for reading");
	is(mshare_open_view(NAME, "ro", 0, &v), -EACCES,
	   "the view ro cannot be opened for writing");
	is(mshare_open_view(NAME, "rw", 1, &v), 0, "the view rw can be opened for reading only");
	mshare_close(v);
	is(mshare_info(m, &info), 0, "mshare_info() succeeds on an open region");
	ok(!strcmp(info.view, "rw") && !info.unlinked,
	   "mshare_info() names the view rw and says that the region is not unlinked");
	is(mshare_unlink(NAME), 0, "a region with views is unlinked");
	mshare_info(m, &info);
	ok(info.unlinked, "mshare_info() says that the region is unlinked");
	is(mshare_open_view(NAME, "part", 0, &v), -ENOENT,
	   "a view of an unlinked region cannot be opened");
}

int main(int argc, char **argv)
{
	static const struct mshare_options options = {
		.backend = MSHARE_BACKEND_MEMFD, .length = LENGTH, .page_size = PAGE,
		.size = sizeof(options), .mode = 0600,
	};
	struct mshare *m, *other;
	void *addr;

	if (argc > 1 && !strcmp(argv[1], "child"))
		return child();
	if (mshare_create(NAME, &options, &m) || mshare_create("views-2", &options, &other))
		bail("cannot make regions");
	if (mshare_populate(m, 0, LENGTH) || mshare_attach(m, &addr))
		bail("cannot attach a region");
	strcpy((char *)addr + 4 * PAGE, "shared");
	test_refused();
	test_views(m);
	mshare_close(m);
	is(mshare_open("views-2", 0, &m), 0,
	   "a region can be opened after another one was unlinked");
	mshare_close(m);
	mshare_unlink("views-2");
	mshare_close(other);
	return done_testing();
}
