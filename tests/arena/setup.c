// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: one call creates a region with its layout, or opens one, and takes a role in it. A call
 * that fails leaves no region behind.
 * Method: options are zeroed except for the tested member. Children take the other role: in a
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

/* With the other role, write a word that the parent reads. */
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

/* Clear the word, and return the result of @child in a child. */
static int run_child(struct arena *a, int (*child)(struct arena *a))
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

	is(arena_create(NULL, NULL, &a), 0, "an arena can be created without options");
	is(arena_role(a), ARENA_ROLE(0, 0), "without options an arena has the role 0.0");
	is(mshare_info(arena_region(a), &info), 0, "mshare_info() describes an arena's region");
	is(info.length, ARENA_DEFAULT_BYTES,
	   "without options a region has ARENA_DEFAULT_BYTES bytes");
	is(info.exported, info.length, "without options all of a region has memory");
	ok(info.unlinked, "without a name a region is unlinked");
	is(run_child(a, by_inheritance), 0, "a child takes the other role in its parent's region");
	ok(!strcmp(word(a), "written"), "the parent reads what the child wrote");
	is(arena_close(a), 0, "an arena without a name can be closed");
}

static void test_named(void)
{
	struct arena_options o = options(ARENA_ROLE(0, 0));
	struct arena *a, *again;

	o.bytes = 4 * MIB;
	o.page_size = 4096;
	is(arena_create(NAME, &o, &a), 0, "an arena with a name can be created");
	is(arena_create(NAME, &o, &again), -EEXIST,
	   "creating a second arena of the same name is refused");
	is(run_child(a, by_name), 0, "a child opens the arena by its name");
	ok(!strcmp(word(a), "written"), "the parent reads what the child wrote by the name");
	ok(!is_gone(), "the name is left when a child closes the arena that it opened");
	is(run_child(a, by_inheritance), 0, "a child closes its parent's arena, too");
	ok(!is_gone(), "the name is left when a child closes the arena that it inherited");
	is(arena_close(a), 0, "the parent can close an arena that children have closed");
	ok(is_gone(), "the name is gone when the creator closes the arena");
}

/* Only the module restricts a process to its view; a memfd just knows the view's name. */
static void test_view(void)
{
	struct mshare_range range = { 0, 0, PROT_READ | PROT_WRITE };
	struct mshare_view v = { .size = sizeof(v), .ranges = &range, .n_ranges = 1, .mode = 0600 };
	struct arena_options o = options(ARENA_ROLE(0, 0));
	struct arena *a;

	o.bytes = 4 * MIB;
	o.page_size = 4096;
	range.length = o.bytes;
	is(arena_create(NAME, &o, &a), 0, "an arena of 4 MiB can be created");
	is(mshare_add_view(NAME, "half", &v), 0, "a view can be added to an arena's region");
	is(run_child(a, by_view), 0, "a child opens the arena through a view");
	ok(!strcmp(word(a), "written"), "the parent reads what the child wrote through the view");
	arena_close(a);
}

static void test_fd(void)
{
	struct arena_options o = options(OTHER);
	struct arena *a, *none;

	is(arena_open_fd(-1, &o, &none), -EBADF,
	   "arena_open_fd() refuses a descriptor that is not open");
	is(arena_open_fd(0, &o, &none), -EINVAL,
	   "arena_open_fd() refuses a descriptor that is not a region's");
	o.view = "rw";
	is(arena_open_fd(0, &o, &none), -EINVAL, "arena_open_fd() refuses the name of a view");
	if (mshare_default_backend() == MSHARE_BACKEND_MEMFD) {
		skip("opening by a descriptor needs the module");
		return;
	}
	is(arena_create(NULL, NULL, &a), 0,
	   "an arena can be created for a child with a descriptor");
	is(run_child(a, by_fd), 0, "a child opens the arena by a descriptor");
	ok(!strcmp(word(a), "written"),
	   "the parent reads what the child wrote by the descriptor");
	arena_close(a);
}

/* With one member changed, arena_create() must fail and leave no region. */
#define refuses(member, value, error) do {					\
	struct arena_options o_ = options(0);					\
	struct arena *a_;							\
										\
	o_.page_size = 4096;							\
	o_.member = (value);							\
	is(arena_create(NAME, &o_, &a_), error,					\
	   "arena_create() refuses " #member " = " #value);			\
	ok(is_gone(), "no region is left after " #member " = " #value);		\
} while (0)

static void test_create_refuses(void)
{
	struct arena_config small = { .size = sizeof(small), .length = 8192 };
	struct arena_config large = { .size = sizeof(large), .length = 1ULL << 40 };
	struct arena_config none = { .size = 0 };

	refuses(size, 0, -EINVAL);
	refuses(size, 9000, -E2BIG);
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

/* arena_open() must refuse a member that only arena_create() uses. */
#define open_refuses(member, value) do {					\
	struct arena_options o_ = options(OTHER);				\
	struct arena *a_;							\
										\
	o_.member = (value);							\
	is(arena_open(NAME, &o_, &a_), -EINVAL,					\
	   "arena_open() refuses " #member " = " #value);			\
} while (0)

static void test_open_refuses(void)
{
	struct arena_config config = { .size = sizeof(config) };
	struct arena_options o = options(ARENA_ROLE(0, 0));
	struct arena *a, *none;
	struct mshare *m;

	is(arena_open(NAME, &o, &none), -ENOENT,
	   "opening a region that does not exist is refused");
	is(arena_create(NAME, &o, &a), 0, "an arena can be created for arena_open() to find");
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
	is(arena_open(NAME, &o, &none), -ENOENT, "opening a view that does not exist is refused");
	m = arena_region(a);
	is(arena_open_region(m, ARENA_ROLE(3, 0), &none), -ENOENT,
	   "opening a role that the layout does not have is refused");
	memset(arena_base(a), 0, 4096);
	is(arena_open_region(m, OTHER, &none), -EPROTO,
	   "opening a region whose layout was overwritten is refused");
	arena_close(a);
	ok(is_gone(), "the name is gone after all refused openings");
}

/* The caller's configuration covers all of the region, or a part. */
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
	is(arena_create(NULL, &o, &a), 0, "an arena can be created with a configuration");
	is(arena_layout(a)->processes[2], 3, "the layout has the classes of the configuration");
	is(mshare_info(arena_region(a), &info), 0,
	   "mshare_info() describes a region with a configuration");
	is(info.length, config.length, "the region has the configuration's length");
	arena_close(a);
	o.bytes = 4 * MIB;
	is(arena_create(NULL, &o, &a), 0,
	   "an arena can be created in a region that is larger than its configuration");
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
	is(arena_close(NULL), 0, "arena_close() of NULL succeeds");
	return done_testing();
}
