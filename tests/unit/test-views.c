// SPDX-License-Identifier: MIT
/*
 * Goal: views on the memfd backend: known by name, to children too, opened in
 * the mode they allow, refused as the module refuses them.
 * Method: each call, right and wrong; a child that is executed afresh.
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

static void refused(struct mshare_range a, struct mshare_range b, int error, const char *what)
{
	struct mshare_range r[] = { a, b };
	struct mshare_view v = view_of(r, 2);

	is(mshare_add_view(NAME, "bad", &v), error, "a view %s", what);
}

static void test_refused(void)
{
	struct mshare_range one = { 0, PAGE, RW }, after = { PAGE, PAGE, RW };
	struct mshare_view v = view_of(ranges, 0);
	struct mshare *m;

	is(mshare_add_view(NAME, "bad", &v), -EINVAL, "a view of nothing");
	v.n_ranges = 4097;
	is(mshare_add_view(NAME, "bad", &v), -EINVAL, "a view of too many ranges");
	v = view_of(ranges, 2);
	v.mode = 0700;
	is(mshare_add_view(NAME, "bad", &v), -EINVAL, "a view with execute permission");
	v.mode = 0600;
	is(mshare_add_view("nothing", "bad", &v), -ENOENT, "a view of no region");
	is(mshare_add_view("a/b", "bad", &v), -EINVAL, "a region's name with a slash");
	is(mshare_add_view(NAME, "", &v), -EINVAL, "a view without a name");
	is(mshare_add_view(NAME, "a/b", &v), -EINVAL, "a view's name with a slash");
	is(mshare_add_view(NAME, "a234567890123456789012345678901x", &v), -EINVAL,
	   "a view's name of 32 characters");
	is(mshare_add_view(NAME, "rw", &v), -EEXIST, "a view called rw");
	is(mshare_add_view(NAME, "ro", &v), -EEXIST, "a view called ro");
	refused(one, (struct mshare_range){ 2 * PAGE, PAGE, PROT_WRITE }, -EINVAL, "to write only");
	refused(one, (struct mshare_range){ 2 * PAGE, PAGE, PROT_NONE }, -EINVAL, "of no access");
	refused(one, (struct mshare_range){ 2 * PAGE, PAGE, RW | PROT_EXEC }, -EINVAL,
		"to execute");
	refused(one, (struct mshare_range){ 2 * PAGE, 0, RW }, -EINVAL, "of an empty range");
	refused(one, (struct mshare_range){ 2 * PAGE, 1, RW }, -EINVAL, "of part of a page");
	refused(one, (struct mshare_range){ 2 * PAGE + 1, PAGE, RW }, -EINVAL, "at an odd offset");
	refused(one, one, -EINVAL, "of one range twice");
	refused(after, one, -EINVAL, "of ranges in the wrong order");
	refused(one, (struct mshare_range){ LENGTH, PAGE, RW }, -ERANGE, "at the end");
	refused(one, (struct mshare_range){ LENGTH - PAGE, 2 * PAGE, RW }, -ERANGE, "past the end");
	refused(one, (struct mshare_range){ PAGE, -PAGE, RW }, -ERANGE, "of a length that wraps");
	is(mshare_open_view(NAME, "bad", 0, &m), -ENOENT, "none of them is there");
	is(mshare_open_view(NAME, "a/b", 0, &m), -EINVAL, "open a name with a slash");
}

/* What a child does: 0, or the number of the step that failed. */
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
		/* Not /proc/self/exe, which valgrind is under valgrind. */
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

	is(mshare_add_view(NAME, "part", &part), 0, "a view with a writable range");
	is(mshare_add_view(NAME, "look", &look), 0, "a view without");
	is(mshare_add_view(NAME, "part", &look), -EEXIST, "its name is taken");
	is(run_child(), 0, "a child opens them, in the modes they allow");
	is(mshare_open_view(NAME, "ro", 0, &v), -EACCES, "ro is not for writing");
	is(mshare_open_view(NAME, "rw", 1, &v), 0, "rw may be opened for reading");
	mshare_close(v);
	is(mshare_info(m, &info), 0, "info");
	ok(!strcmp(info.view, "rw") && !info.unlinked, "says which view, and that it has a name");
	is(mshare_unlink(NAME), 0, "unlink");
	mshare_info(m, &info);
	ok(info.unlinked, "info says so");
	is(mshare_open_view(NAME, "part", 0, &v), -ENOENT, "the view went with the name");
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
	is(mshare_open("views-2", 0, &m), 0, "other regions are as they were");
	mshare_close(m);
	mshare_unlink("views-2");
	mshare_close(other);
	return done_testing();
}
