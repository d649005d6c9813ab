// SPDX-License-Identifier: MIT
/*
 * Goal: one call makes a region with its layout, or opens one, and takes a role in it; what
 * fails leaves no region behind.
 * Method: options are zeroed but for what is tested. Children take the other role: in the
 * region that they have inherited, by its name, through a view and by a descriptor.
 */
#include <arena/arena.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define NAME	"setup"
#define OTHER	ARENA_ROLE(1, 0)
#define MIB	(1UL << 20)

static struct arena_options options(uint32_t role)
{
	return (struct arena_options){ .size = sizeof(struct arena_options), .role = role };
}

static bool is_gone(void)
{
	struct mshare *m;
	int ret = mshare_open(NAME, 0, &m);

	if (!ret)
		mshare_close(m);
	return ret == -ENOENT;
}

/* Of the other role: what it writes, the parent reads. */
static int write_word(struct arena *a)
{
	struct arena_buf b;

	if (arena_role(a) != OTHER || arena_get_for(a, 1, 1, &b))
		return 1;
	strcpy(arena_ptr(a, b), "written");
	return 0;
}

static const char *word(struct arena *a)
{
	int group = arena_layout_find(arena_layout(a), OTHER, 1, 0);

	return arena_layout_buffer(arena_base(a), arena_layout(a), (uint32_t)group, 0);
}

/* What a child returns; the region's memory is cleared before. */
static int run(struct arena *a, int (*child)(struct arena *a))
{
	int status;
	pid_t pid;

	memset((void *)word(a), 0, 8);
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(child(a));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int by_inheritance(struct arena *a)
{
	struct arena *own;

	if (arena_open_region(arena_region(a), OTHER, &own))
		return 2;
	return write_word(own) || arena_close(own) || arena_close(a);
}

static int by_name(struct arena *a)
{
	struct arena_options o = options(OTHER);
	struct arena *own;
	int ret;

	if (mshare_detach(arena_region(a)) || arena_open(NAME, &o, &own))
		return 2;
	ret = write_word(own);
	return ret ? ret : arena_close(own);
}

static int by_view(struct arena *a)
{
	struct arena_options o = options(OTHER);
	struct arena *own;
	int ret;

	o.view = "half";
	if (arena_open(NAME, &o, &own))
		return 2;
	ret = write_word(own);
	(void)a;
	return ret ? ret : arena_close(own);
}

static int by_fd(struct arena *a)
{
	struct arena_options o = options(OTHER);
	int fd = dup(mshare_fd(arena_region(a))), ret;
	struct arena *own;

	if (arena_open_fd(fd, &o, &own))
		return 2;
	ret = write_word(own);
	return ret ? ret : arena_close(own);
}

static void test_default(void)
{
	struct mshare_info info = { .size = sizeof(info) };
	struct arena *a;

	is(arena_create(NULL, NULL, &a), 0, "an arena is made without any options");
	is(arena_role(a), ARENA_ROLE(0, 0), "it has the first role");
	is(mshare_info(arena_region(a), &info), 0, "its region is described");
	is(info.length, ARENA_DEFAULT_BYTES, "as of the default length");
	is(info.exported, info.length, "and all of it has memory");
	ok(info.unlinked, "it has no name");
	is(run(a, by_inheritance), 0, "a child takes the other role in its parent's region");
	ok(!strcmp(word(a), "written"), "and writes to it");
	is(arena_close(a), 0, "the arena is closed");
}

static void test_named(void)
{
	struct arena_options o = options(ARENA_ROLE(0, 0));
	struct arena *a, *again;

	o.bytes = 4 * MIB;
	o.page_size = 4096;
	is(arena_create(NAME, &o, &a), 0, "an arena with a name is made");
	is(arena_create(NAME, &o, &again), -EEXIST, "a second one of this name is not");
	is(run(a, by_name), 0, "a child opens it by its name");
	ok(!strcmp(word(a), "written"), "and writes to it");
	ok(!is_gone(), "the name outlives the child that closed its arena");
	is(run(a, by_inheritance), 0, "a child closes its parent's arena, too");
	ok(!is_gone(), "which leaves the name to the parent");
	is(arena_close(a), 0, "the parent closes it");
	ok(is_gone(), "and the name is gone");
}

/* Only the module keeps a process to its view; a memfd knows the view's name. */
static void test_view(void)
{
	struct mshare_range range = { 0, 0, PROT_READ | PROT_WRITE };
	struct mshare_view v = { .size = sizeof(v), .ranges = &range, .n_ranges = 1, .mode = 0600 };
	struct arena_options o = options(ARENA_ROLE(0, 0));
	struct arena *a;

	o.bytes = 4 * MIB;
	o.page_size = 4096;
	range.length = o.bytes;
	is(arena_create(NAME, &o, &a), 0, "an arena is made");
	is(mshare_add_view(NAME, "half", &v), 0, "its region gets a view");
	is(run(a, by_view), 0, "a child opens it through the view");
	ok(!strcmp(word(a), "written"), "and writes to it");
	arena_close(a);
}

static void test_fd(void)
{
	struct arena_options o = options(OTHER);
	struct arena *a, *none;

	is(arena_open_fd(-1, &o, &none), -EBADF, "a descriptor that is not open is refused");
	is(arena_open_fd(0, &o, &none), -EINVAL, "a descriptor of something else is refused");
	o.view = "rw";
	is(arena_open_fd(0, &o, &none), -EINVAL, "a descriptor has its view already");
	if (mshare_default_backend() == MSHARE_BACKEND_MEMFD) {
		skip("a memfd does not say what it is");
		return;
	}
	is(arena_create(NULL, NULL, &a), 0, "an arena is made");
	is(run(a, by_fd), 0, "a child opens it by a descriptor");
	ok(!strcmp(word(a), "written"), "and writes to it");
	arena_close(a);
}

/* One member is changed; no region may be left. */
#define refuses(member, value, error) do {					\
	struct arena_options o_ = options(0);					\
	struct arena *a_;							\
										\
	o_.page_size = 4096;							\
	o_.member = (value);							\
	is(arena_create(NAME, &o_, &a_), error, #member " = " #value);		\
	ok(is_gone(), "  leaves no region behind");				\
} while (0)

static void test_create_refuses(void)
{
	struct arena_config small = { .size = sizeof(small), .length = 8192 };
	struct arena_config large = { .size = sizeof(large), .length = 1ULL << 40 };
	struct arena_config none = { .size = 0 };

	refuses(size, 0, -EINVAL);
	refuses(size, 5000, -E2BIG);
	refuses(role, ARENA_ROLE(0, 1), -ENOENT);
	refuses(role, ARENA_ROLE(2, 0), -ENOENT);
	refuses(view, "rw", -EINVAL);
	refuses(bytes, 4096, -ENOSPC);
	refuses(bytes, MIB + 1, -EINVAL);
	refuses(page_size, 8192, -EINVAL);
	refuses(backend, 77, -EINVAL);
	refuses(flags, MSHARE_UNNAMED, -EINVAL);
	refuses(uid, 1234, -EINVAL);
	refuses(gid, 1234, -EINVAL);
	refuses(mode, 01777, -EINVAL);
	refuses(config, &none, -EINVAL);
	refuses(config, &small, -ENOSPC);
	refuses(config, &large, -EINVAL);
}

/* One member is set that only arena_create() uses. */
#define open_refuses(member, value) do {					\
	struct arena_options o_ = options(OTHER);				\
	struct arena *a_;							\
										\
	o_.member = (value);							\
	is(arena_open(NAME, &o_, &a_), -EINVAL, "opened with " #member " = " #value);	\
} while (0)

static void test_open_refuses(void)
{
	struct arena_config config = { .size = sizeof(config) };
	struct arena_options o = options(ARENA_ROLE(0, 0));
	struct arena *a, *none;
	struct mshare *m;

	is(arena_open(NAME, &o, &none), -ENOENT, "a region that is not there cannot be opened");
	is(arena_create(NAME, &o, &a), 0, "an arena is made");
	open_refuses(size, 0);
	open_refuses(backend, MSHARE_BACKEND_MEMFD);
	open_refuses(config, &config);
	open_refuses(bytes, MIB);
	open_refuses(page_size, 4096);
	open_refuses(flags, MSHARE_SET_UID);
	open_refuses(uid, 1);
	open_refuses(gid, 1);
	open_refuses(mode, 0600);
	o.view = "absent";
	is(arena_open(NAME, &o, &none), -ENOENT, "a view that is not there cannot be opened");
	m = arena_region(a);
	is(arena_open_region(m, ARENA_ROLE(3, 0), &none), -ENOENT, "nor a role");
	memset(arena_base(a), 0, 4096);
	is(arena_open_region(m, OTHER, &none), -EPROTO, "nor a region without a layout");
	arena_close(a);
	ok(is_gone(), "no name is left");
}

/* A configuration of the caller's, of part of the region. */
static void test_config(void)
{
	struct arena_config config = {
		.size = sizeof(config), .length = 2 * MIB,
		.classes = { { .processes = 2 }, { .processes = 1 }, { .processes = 3 } },
	};
	struct arena_options o = options(ARENA_ROLE(2, 2));
	struct mshare_info info = { .size = sizeof(info) };
	struct arena *a;

	o.config = &config;
	is(arena_create(NULL, &o, &a), 0, "an arena is made of a configuration");
	is(arena_layout(a)->processes[2], 3, "with its classes");
	is(mshare_info(arena_region(a), &info), 0, "the region is described");
	is(info.length, config.length, "it has the configuration's length");
	arena_close(a);
	o.bytes = 4 * MIB;
	is(arena_create(NULL, &o, &a), 0, "an arena is made of a larger region");
	is(arena_layout(a)->length, config.length, "the layout covers the configuration's length");
	arena_close(a);
}

int main(void)
{
	test_default();
	test_named();
	test_view();
	test_fd();
	test_create_refuses();
	test_open_refuses();
	test_config();
	is(arena_close(NULL), 0, "NULL can be closed");
	return done_testing();
}
