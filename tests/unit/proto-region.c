// SPDX-License-Identifier: MIT
/*
 * Goal: a process opens its region through the view of its role, or through the view rw if the
 * region has no view of the role, and through no other view.
 * Method: regions on memfds, with and without views.
 */
#define _GNU_SOURCE
#include <arena/arena.h>
#include <common/log.h>
#include <errno.h>
#include <proto/layout.h>
#include <proto/region.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

#define NAME	"proto-region"
#define BYTES	(128UL << 20)

static void test_names(void)
{
	char name[MSHARE_VIEW_SIZE];

	proto_view_name(PROTO_ROLE_NP(0), name);
	ok(!strcmp(name, "np-0"), "the view of the first NP is called np-0");
	proto_view_name(PROTO_ROLE_SP(127), name);
	ok(!strcmp(name, "sp-127"), "the view of the last SP is called sp-127");
}

static struct arena *make(void)
{
	struct arena_config config;
	struct arena_options options = {
		.size = sizeof(options), .role = ARENA_NO_ROLE, .backend = MSHARE_BACKEND_MEMFD,
		.page_size = 4096, .config = &config,
	};
	struct arena *a;

	proto_config_init(&config, BYTES, &(struct proto_counts){
		.nps = 1, .sps = 2, .net_buffers = 64 });
	if (arena_create(NAME, &options, &a))
		bail("cannot make a region");
	return a;
}

/* The layout as arenad hands it over. */
static int layout_fd(void)
{
	struct arena_config config;
	static struct arena_layout l;
	int fd;

	proto_config_init(&config, BYTES, &(struct proto_counts){
		.nps = 1, .sps = 2, .net_buffers = 64 });
	fd = arena_layout_make(&l, &config) ? -1 : arena_layout_seal(&l);
	if (fd < 0)
		bail("cannot make a layout");
	return fd;
}

static void opens(uint32_t role, const char *view)
{
	struct mshare_info info = { .size = sizeof(info) };
	struct arena *a;

	is(proto_open_region(NAME, role, layout_fd(), &a), 0, "role %#x opens the region", role);
	mshare_info(arena_region(a), &info);
	ok(!strcmp(info.view, view), "role %#x has the view %s, and should have %s", role,
	   info.view, view);
	is(arena_role(a), role, "the arena of role %#x has that role", role);
	arena_close(a);
}

static void test_open(void)
{
	const struct mshare_range all = { 0, BYTES, PROT_READ | PROT_WRITE };
	const struct mshare_view view = {
		.size = sizeof(view), .ranges = &all, .n_ranges = 1, .mode = 0600,
	};
	struct arena *a = make(), *none;

	/* One region is attached at a time in a process. */
	mshare_detach(arena_region(a));
	opens(PROTO_ROLE_NP(0), "rw");
	if (mshare_add_view(NAME, "np-0", &view) || mshare_add_view(NAME, "sp-1", &view))
		bail("cannot add views");
	opens(PROTO_ROLE_NP(0), "np-0");
	opens(PROTO_ROLE_SP(1), "sp-1");
	opens(PROTO_ROLE_SP(0), "rw");
	is(proto_open_region(NAME, PROTO_ROLE_SP(2), layout_fd(), &none), -ENOENT,
	   "a role that the layout does not have cannot open the region");
	is(proto_open_region("absent", PROTO_ROLE_NP(0), layout_fd(), &none), -ENOENT,
	   "no role opens a region that does not exist");
	arena_close(a);
}

static void test_layouts(void)
{
	struct arena *a = make(), *b;
	int fd = layout_fd(), open = memfd_create("open", MFD_CLOEXEC);
	char *region = arena_base(a);

	is(pwrite(fd, "x", 1, 0), -1, "a sealed layout cannot be written");
	ok(open >= 0 && pwrite(open, arena_layout(a), sizeof(struct arena_layout), 0) ==
	   sizeof(struct arena_layout), "a layout can be written to a memfd that is not sealed");
	is(proto_open_region(NAME, PROTO_ROLE_NP(0), open, &b), -EPROTO,
	   "a layout that could be changed is refused");
	memset(region, 0xff, sizeof(struct arena_layout));
	mshare_detach(arena_region(a));
	is(proto_open_region(NAME, PROTO_ROLE_NP(0), fd, &b), 0,
	   "a region whose own layout was destroyed opens by the sealed one");
	arena_close(b);
	arena_close(a);
}

int main(void)
{
	log_init("proto-region", LOG_LEVEL_ERROR);
	test_names();
	test_open();
	test_layouts();
	return done_testing();
}
