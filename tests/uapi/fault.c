// SPDX-License-Identifier: MIT
/*
 * Goal: each call but EXPORT (see fault-export.c) survives the failure of any of its
 * allocations and of its copies from and to the caller. Each of them is made to fail once.
 * The call must then return an error, nothing may have changed, and the same call must
 * succeed afterwards. Calls of another user are made just within that user's limits, so
 * that anything that is not freed shows.
 *
 * timeout: 900
 */
#include "fault-region.h"

#include <liburing.h>

/* ---- the control device ---- */

static int control_fd;

static int call_info(void)
{
	struct msharearena_info i = { .size = sizeof(i) };

	return command(control_fd, MSHAREARENA_GET_INFO, &i);
}

static int call_next(void)
{
	struct msharearena_region r = { .size = sizeof(r) };

	return command(control_fd, MSHAREARENA_NEXT_REGION, &r);
}

static int made = -1;	/* the descriptor that CREATE or ADD_VIEW returned */

static int call_create(void)
{
	struct msharearena_create c = create_args("fault-new", SZ_2M, 8 * SZ_2M);

	c.mode = 0640;
	made = command(control_fd, MSHAREARENA_CREATE, &c);
	return made;
}

static int call_create_no_node(void)
{
	struct msharearena_create c = create_args("fault-new", SZ_2M, 8 * SZ_2M);

	c.flags = MSHAREARENA_NO_NODE;
	c.mode = 0;
	made = command(control_fd, MSHAREARENA_CREATE, &c);
	return made;
}

static void close_made(void)
{
	close(made);
	made = -1;
}

static bool node_is(const char *view, mode_t mode)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/mshare/fault-new/%s", view);
	return !stat(path, &st) && st.st_mode == (S_IFCHR | mode);
}

static bool complete_create(void)
{
	struct msharearena_region r = view_region(made);

	return node_is("rw", 0640) && node_is("ro", 0440) && r.length == 8 * SZ_2M &&
	       !strcmp(r.name, "fault-new");
}

static bool complete_no_node(void)
{
	return view_region(made).length == 8 * SZ_2M;
}

static void unlink_new(void)
{
	must(view_unlink(made), "unlink");
	close_made();
}

static void create_new(void)
{
	must(call_create(), "create");
}

static void create_new_as_user(void)
{
	become(USER);
	create_new();
	become(0);
}

static int call_unlink(void)
{
	return view_unlink(made);
}

/* A failure leaves the name, which must be removed before the next snapshot. */
static void unlink_rest(void)
{
	int ret = view_unlink(made);

	if (ret && ret != -ENOENT)
		bad("it cannot be unlinked any more");
	close_made();
}

static int call_add_view(void)
{
	struct msharearena_range range[40];
	struct msharearena_view v = {
		.size = sizeof(v),
		.ranges = (uintptr_t)range,
		.n_ranges = 40,
		.uid = -1,
		.gid = -1,
		.mode = 0620,
		.view = "added",
	};

	for (unsigned int i = 0; i < 40; i++)
		range[i] = (struct msharearena_range){
			.offset = 2 * i * page_size,
			.length = page_size,
			.prot = i & 1 ? MSHAREARENA_PROT_READ :
					MSHAREARENA_PROT_READ | MSHAREARENA_PROT_WRITE,
		};
	made = command(main_fd, MSHAREARENA_ADD_VIEW, &v);
	return made;
}

static bool complete_add_view(void)
{
	struct stat st;
	uint64_t value;
	bool good;

	munmap(base, WINDOW);
	good = attach(made, PROT_READ | PROT_WRITE) == base && filled(base, 4096, 3) &&
	       try_load(base + page_size, &value) == SIGBUS &&
	       !stat("/dev/mshare/" NAME "/added", &st) && st.st_mode == (S_IFCHR | 0620);
	munmap(base, WINDOW);
	return attach(main_fd, PROT_READ | PROT_WRITE) == base && good;
}

/* ---- calls on a view ---- */

static const char *open_path;
static int open_flags;
static int opened;

static int call_open(void)
{
	opened = open(open_path, open_flags);
	return opened < 0 ? -errno : opened;
}

static void undo_open(void)
{
	close(opened);
}

static void open_ro(void)
{
	opened = view_open(NAME, "ro", O_RDONLY);
	must(opened, "open");
}

static int call_read(void)
{
	unsigned long answer[2];

	return read(opened, answer, sizeof(answer)) == sizeof(answer) ? 0 : -errno;
}

static int call_region(void)
{
	struct msharearena_region r = { .size = sizeof(r) };

	return command(main_fd, MSHAREARENA_GET_REGION, &r);
}

static int busy_with(uint32_t flags)
{
	struct msharearena_busy q = {
		.size = sizeof(q), .flags = flags, .length = region_length(),
	};

	return command(main_fd, MSHAREARENA_GET_BUSY, &q);
}

static int call_busy(void)
{
	return busy_with(0);
}

static int call_drain(void)
{
	return busy_with(MSHAREARENA_BUSY_DRAIN);
}

/* ---- attaching and detaching ---- */

static int attach_prot;

static void detach_here(void)
{
	munmap(base, WINDOW);
}

static int call_mmap(void)
{
	return mmap(NULL, WINDOW, attach_prot, MAP_SHARED, main_fd, 0) == MAP_FAILED ? -errno : 0;
}

static bool complete_mmap(void)
{
	return filled(base, 4096, 3) &&
	       try_store(base + 8, 1) == (attach_prot & PROT_WRITE ? 0 : SIGSEGV);
}

/* Attach again, also after a failure. */
static void attach_here(void)
{
	uint64_t value;

	if (try_load(base, &value) == SIGSEGV && !attach(main_fd, PROT_READ | PROT_WRITE))
		bad("it cannot be attached any more");
}

static void attach_anew(void)
{
	detach_here();
	attach_here();
}

static int call_munmap(void)
{
	return munmap(base, WINDOW) ? -errno : 0;
}

static bool complete_munmap(void)
{
	return filled(base, 4096, 3);
}

/* ---- the end of a region ---- */

static int last_fd;

static void create_last(void)
{
	create_new();
	last_fd = made;
	must(donate(last_fd, SZ_2M, SZ_2M, 0), "donate");
	must(view_unlink(last_fd), "unlink");
}

static int call_close(void)
{
	return close(last_fd) ? -errno : 0;
}

/* ---- rings ---- */

static struct io_uring ring;
static int taken = -1;
static int myself;	/* a pidfd */

static int call_publish(void)
{
	return publish(main_fd, ring.ring_fd, 7, -1);
}

static int call_publish_to(void)
{
	return publish(main_fd, ring.ring_fd, 7, myself);
}

static int call_withdraw(void)
{
	return withdraw(main_fd, 7);
}

static int call_take(void)
{
	taken = take(main_fd, -1, 7);
	return taken;
}

static int call_take_from(void)
{
	taken = take(main_fd, myself, 7);
	return taken;
}

/* Take the published ring; true if there was one. */
static bool take_rest(void)
{
	int fd = take(main_fd, -1, 7);

	if (fd >= 0)
		close(fd);
	else if (fd != -EAGAIN)
		bad("TAKE: %s", strerrorname_np(-fd));
	return fd >= 0;
}

static bool complete_publish(void)
{
	return take_rest();
}

/* A failure publishes nothing. */
static void clean_publish(void)
{
	if (run.ret < 0 && take_rest())
		bad("it is published all the same");
}

static void publish_one(void)
{
	must(call_publish(), "publish");
}

static void undo_take(void)
{
	close(taken);
}

/* After a failure the ring must still be published, after a success it must not. */
static void clean_take(void)
{
	bool left = take_rest(), failed = run.ret < 0;

	if (left != failed)
		bad(left ? "a ring that was taken is still published" : "a ring is lost");
}

/* ---- all of them ---- */

static const struct scene control_scenes[] = {
	{ "GET_INFO", .call = call_info },
	{ "NEXT_REGION", .prepare = create_new, .call = call_next, .clean = unlink_new },
	{ "CREATE without nodes", .call = call_create_no_node, .complete = complete_no_node,
	  .undo = close_made },
	{ "CREATE", .call = call_create, .complete = complete_create, .undo = unlink_new },
	{ "CREATE by a user", .call = call_create, .complete = complete_create,
	  .undo = unlink_new, .user = true },
	{ "UNLINK", .prepare = create_new, .call = call_unlink, .clean = unlink_rest },
	{ "UNLINK by a user", .prepare = create_new_as_user, .call = call_unlink,
	  .clean = unlink_rest, .user = true },
	{ "the end of a region", .prepare = create_last, .call = call_close },
};

static void undo_add_view(void)
{
	close_made();
	region_anew();
}

static const struct scene add_view_scene = {
	"ADD_VIEW", .call = call_add_view, .complete = complete_add_view, .undo = undo_add_view,
};

static const struct scene view_scenes[] = {
	{ "read", .prepare = open_ro, .call = call_read, .clean = undo_open },
	{ "GET_REGION", .call = call_region },
	{ "GET_BUSY", .call = call_busy },
	{ "GET_BUSY with BUSY_DRAIN", .call = call_drain },
	{ "munmap", .prepare = attach_here, .call = call_munmap, .clean = attach_here,
	  .complete = complete_munmap },
	{ "PUBLISH", .call = call_publish, .clean = clean_publish, .complete = complete_publish },
	{ "PUBLISH for a process", .call = call_publish_to, .clean = clean_publish,
	  .complete = complete_publish },
	{ "WITHDRAW", .prepare = publish_one, .call = call_withdraw, .clean = clean_take },
	{ "TAKE", .prepare = publish_one, .call = call_take, .clean = clean_take,
	  .undo = undo_take },
	{ "TAKE from a process", .prepare = publish_one, .call = call_take_from,
	  .clean = clean_take, .undo = undo_take },
};

static void play_open(const char *name, const char *path, int flags)
{
	struct scene s = { name, .call = call_open, .undo = undo_open };

	open_path = path;
	open_flags = flags | O_CLOEXEC;
	play(&s);
}

static void play_mmap(const char *name, int prot)
{
	struct scene s = {
		name, .prepare = detach_here, .call = call_mmap, .clean = attach_here,
		.complete = complete_mmap, .undo = attach_anew,
	};

	attach_prot = prot;
	play(&s);
}

static void play_small(void)
{
	page_size = SZ_4K;
	target = 1023 * SZ_4K;
	region_begin();
	for (size_t i = 0; i < sizeof(view_scenes) / sizeof(view_scenes[0]); i++)
		play(&view_scenes[i]);
	play(&add_view_scene);
	play_open("open rw", "/dev/mshare/" NAME "/rw", O_RDWR);
	play_open("open ro", "/dev/mshare/" NAME "/ro", O_RDONLY);
	play_mmap("mmap, writable", PROT_READ | PROT_WRITE);
	play_mmap("mmap, read-only", PROT_READ);
	region_end();
}

static void play_huge(void)
{
	page_size = SZ_2M;
	target = 1023 * SZ_2M;
	region_begin();
	play(&add_view_scene);
	region_end();
}

int main(int argc, char **argv)
{
	long users;

	peer_main(argc, argv);
	if (!injection_begin()) {
		printf("1..0 # SKIP fail-nth: this kernel injects no faults, 6.12-debug does\n");
		return 0;
	}
	reserve_2m(16);
	users = module_users();
	control_fd = control_open();
	myself = pidfd_of(getpid());
	if (io_uring_queue_init(8, &ring, IORING_SETUP_SINGLE_ISSUER))
		bail("no ring: %s", strerror(errno));
	other = peer_start();
	limit_user();
	for (size_t i = 0; i < sizeof(control_scenes) / sizeof(control_scenes[0]); i++)
		play(&control_scenes[i]);
	play_small();
	play_huge();
	unlimit_user();
	injection_end();
	peer_kill(&other);
	io_uring_queue_exit(&ring);
	close(control_fd);
	close(myself);
	is(module_users(), users, "the module has as many users as before the test");
	return done_testing();
}
