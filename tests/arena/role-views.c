// SPDX-License-Identifier: MIT
/*
 * Goal: a process that has the region through the view of its role can do everything that its role
 * does, and can change no byte of another role, neither by a store nor by a system call.
 * Method: a region in pages of each size has a view for each role. Children attach one view each
 * and try every group; pairs of them hand over buffers on every transport. A memfd only knows the
 * names of views and protects no memory, so there the first half is left out.
 *
 * Clearing two pages of 1 GiB takes long under emulation.
 * timeout: 400
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arena/arena.h>
#include <arena/channel.h>
#include <fcntl.h>
#include <liburing.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"

#define NAME		"role-views"
#define MIB		(1ULL << 20)
#define GIB		(1ULL << 30)
#define POOL_2M		"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define POOL_1G		"/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages"
#define ROUNDS		200
#define MAX_ROLES	8

/**
 * struct place - a region and the views of its roles
 * @page: bytes of a page
 * @processes: number of processes of each class
 * @a: the region, opened by the process that made it
 * @role: the roles of all processes
 * @view: the view of each role
 * @n: how many roles there are
 */
struct place {
	uint64_t page;
	uint32_t processes[2];
	struct arena *a;
	uint32_t role[MAX_ROLES];
	struct mshare *view[MAX_ROLES];
	unsigned int n;
};

static bool has_module;

static long read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static bool write_number(const char *path, long n)
{
	FILE *f = fopen(path, "we");

	return f && fprintf(f, "%ld\n", n) > 0 && !fclose(f);
}

static void make_views(struct place *p)
{
	p->n = 0;
	for (uint32_t class = 0; class < 2; class++)
		for (uint32_t i = 0; i < p->processes[class]; i++) {
			p->role[p->n] = ARENA_ROLE(class, i);
			is(arena_make_view(arena_region(p->a), arena_layout(p->a), p->role[p->n],
					   NULL, &p->view[p->n]), 0,
			   "role %#x has a view in pages of %llu KiB", p->role[p->n],
			   (unsigned long long)p->page / 1024);
			p->n++;
		}
}

/* The configuration says nothing of pages, so the layout is made for those of the region. */
static void place_begin(struct place *p, uint64_t bytes)
{
	struct arena_config c = arena_test_config(0);
	struct arena_options o = {
		.size = sizeof(o), .role = ARENA_NO_ROLE, .config = &c, .page_size = p->page,
		.bytes = bytes,
	};
	int ret;

	c.classes[0].processes = p->processes[0];
	c.classes[1].processes = p->processes[1];
	ret = arena_create(NULL, &o, &p->a);
	if (ret)
		bail("cannot make a region: %s", strerror(-ret));
	make_views(p);
}

static void place_end(struct place *p)
{
	for (unsigned int i = 0; i < p->n; i++)
		mshare_close(p->view[i]);
	arena_close(p->a);
}

/* ---- what a process may do to memory ---- */

static sigjmp_buf jump;

static void caught(int signal)
{
	siglongjmp(jump, signal);
}

static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = caught, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* Return: the signal that the access raises, or 0. */
static int load(const volatile char *at)
{
	int signal = sigsetjmp(jump, 1);

	if (!signal)
		(void)*at;
	return signal;
}

static int store(volatile char *at)
{
	int signal = sigsetjmp(jump, 1);

	if (!signal)
		*at = 's';
	return signal;
}

/* Let the kernel write to memory. Return: what the system call returned. */
static int by_read(char *at)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, at, 8);
	int ret = n < 0 ? -errno : (int)n;

	close(fd);
	return ret;
}

static int by_io_uring(struct io_uring *ring, char *at)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC), ret;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;

	io_uring_prep_read(sqe, fd, at, 8, 0);
	ret = io_uring_submit_and_wait(ring, 1);
	if (ret == 1 && !io_uring_wait_cqe(ring, &cqe)) {
		ret = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	}
	close(fd);
	return ret;
}

/* Let the kernel read memory. Return: what the system call returned. */
static int by_write(const char *at)
{
	int ends[2], ret;
	ssize_t n;

	if (pipe(ends))
		return -errno;
	n = write(ends[1], at, 8);
	ret = n < 0 ? -errno : (int)n;
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static bool may_write(struct io_uring *ring, char *at)
{
	return !store(at) && by_read(at) == 8 && by_io_uring(ring, at) == 8;
}

static bool may_not_write(struct io_uring *ring, char *at)
{
	return store(at) == SIGSEGV && by_read(at) == -EFAULT &&
	       by_io_uring(ring, at) == -EFAULT;
}

static bool may_read(const char *at)
{
	return !load(at) && by_write(at) == 8;
}

static bool may_not_read(const char *at)
{
	return load(at) == SIGBUS && by_write(at) == -EFAULT;
}

/* Does the process have just the rights of its role at the first and the last bytes of a range? */
static bool range_is_right(struct io_uring *ring, const struct arena *a, char *from, char *last,
			   uint32_t writer)
{
	uint32_t self = arena_role(a);

	if (writer == self)
		return may_write(ring, from) && may_write(ring, last);
	if (!may_not_write(ring, from) || !may_not_write(ring, last))
		return false;
	if (ARENA_ROLE_CLASS(writer) != ARENA_ROLE_CLASS(self))
		return may_read(from) && may_read(last);
	return may_not_read(from) && may_not_read(last);
}

/* ---- children ---- */

enum { CHILD_OK, CHILD_NO_ARENA, CHILD_NO_RING, CHILD_LAYOUT, CHILD_GROUP };

/* Check what the process of one role may do to the layout and to each group. */
static int try_groups(struct arena *a, uint64_t page)
{
	const struct arena_layout *l = arena_layout(a);
	char *base = arena_base(a);
	struct io_uring ring;

	if (io_uring_queue_init(4, &ring, 0))
		return CHILD_NO_RING;
	catch_signals();
	/* In pages of 1 GiB the layout lies in the page of the first role, which can write it. */
	if (!may_read(base) ||
	    ((page < GIB || arena_role(a)) && !may_not_write(&ring, base)))
		return CHILD_LAYOUT;
	for (uint32_t i = 0; i < l->n_groups; i++) {
		const struct arena_group *g = &l->group[i];
		char *from = base + g->offset;

		if (!range_is_right(&ring, a, from,
				    from + (uint64_t)g->buffer_size * g->count - 8, g->role))
			return CHILD_GROUP + (int)i;
	}
	io_uring_queue_exit(&ring);
	return CHILD_OK;
}

static pid_t fork_child(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bail("fork");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static int join(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_memory(struct place *p)
{
	if (!has_module) {
		skip("a memfd protects no memory");
		return;
	}
	for (unsigned int i = 0; i < p->n; i++) {
		pid_t pid = fork_child();
		struct arena *a;

		if (!pid)
			_exit(arena_open_region(p->view[i], p->role[i], &a) ? CHILD_NO_ARENA :
			      try_groups(a, p->page));
		is(join(pid), CHILD_OK, "role %#x can write its own groups only, and cannot read "
		   "others of its class, in pages of %llu KiB", p->role[i],
		   (unsigned long long)p->page / 1024);
	}
}

/* ---- channels ---- */

/* The pattern that the process of a role writes in a round. */
static char pattern(uint32_t role, int round)
{
	return (char)(ARENA_ROLE_CLASS(role) * 100 + (unsigned int)round % 100);
}

/* Lend a buffer that is filled with the round's pattern. */
static int lend_one(struct arena *a, struct arena_channel *ch, uint32_t peer, int round)
{
	struct arena_msg msg = { .type = 1 };
	struct arena_buf b;
	int ret = arena_get_for(a, arena_role(a) ? USE_SECOND : USE_FIRST, 1, &b);

	if (ret)
		return ret;
	memset(arena_ptr(a, b), pattern(arena_role(a), round), 4096);
	ret = arena_lend(a, b, peer, &msg.ref);
	return ret ? ret : send_message(ch, &msg);
}

/* Borrow the peer's buffer, check all of its bytes and return it. */
static int borrow_one(struct arena *a, struct arena_channel *ch, uint32_t peer, int round)
{
	struct arena_msg msg;
	const char *data;
	struct arena_buf b;
	int ret = receive(ch, &msg);

	if (ret < 0)
		return ret;
	ret = arena_borrow(a, peer, &msg.ref, &b);
	if (ret)
		return ret;
	data = arena_ptr_const(a, b);
	if (data[0] != pattern(peer, round) || memcmp(data, data + 1, 4095) != 0)
		return -EBADMSG;
	ret = arena_return(a, b, &msg.ref);
	return ret ? ret : send_message(ch, &msg);
}

static int regain_one(struct arena *a, struct arena_channel *ch, uint32_t peer)
{
	struct arena_msg msg;
	struct arena_buf b;
	int ret = receive(ch, &msg);

	if (ret < 0)
		return ret;
	ret = arena_regain(a, peer, &msg.ref, &b);
	return ret ? ret : arena_put(a, b);
}

/* Both sides lend, borrow and regain in each round. */
static int play(struct arena *a, uint32_t peer, const struct arena_channel_options *options)
{
	struct arena_channel *ch;
	int ret = arena_channel_open(a, peer, options, &ch);

	for (int round = 0; round < ROUNDS && !ret; round++) {
		ret = lend_one(a, ch, peer, round);
		if (!ret)
			ret = borrow_one(a, ch, peer, round);
		if (!ret)
			ret = regain_one(a, ch, peer);
	}
	if (ret)
		fprintf(stderr, "# role %#x: %s\n", arena_role(a), strerror(-ret));
	else
		arena_channel_close(ch);
	return ret != 0;
}

/* Play between a process of class 0 and its child of class 1. Return: 0 if both succeeded. */
static int pair_of_views(struct place *p, struct way way)
{
	struct pair pair = pair_of(way, ARENA_WAIT_SLEEP, 16);
	unsigned int last = p->n - 1;
	unsigned int self;
	struct arena *a;
	pid_t child;
	int ret;

	pair_make(&pair);
	child = fork_child();
	self = child ? 0 : last;
	pair.child = child;
	pair_take_side(&pair);
	if (arena_open_region(p->view[self], p->role[self], &a))
		ret = CHILD_NO_ARENA;
	else
		ret = play(a, p->role[child ? last : 0], &pair.options);
	if (!child)
		_exit(ret);
	return join(child) || ret;
}

static void test_channels(struct place *p)
{
	for (unsigned int i = 0; i < N_WAYS; i++) {
		pid_t pid = fork_child();

		if (!pid)
			_exit(pair_of_views(p, ways[i]));
		is(join(pid), 0,
		   "two roles hand over buffers through their views by %s, in pages of "
		   "%llu KiB", way_name(ways[i]), (unsigned long long)p->page / 1024);
	}
}

static void test_place(uint64_t page, uint64_t bytes, uint32_t first, uint32_t second)
{
	struct place p = { .page = page, .processes = { first, second } };

	place_begin(&p, bytes);
	test_memory(&p);
	test_channels(&p);
	place_end(&p);
}

/* ---- names ---- */

/* Let a process of a user open a view and take a role. Return: what arena_open() returned. */
static int open_as(uid_t uid, const char *view, uint32_t role)
{
	struct arena_options o = { .size = sizeof(o), .role = role, .view = view };
	pid_t pid = fork_child();
	struct arena *a;
	int ret;

	if (pid)
		return -join(pid);
	if (uid && (setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
		_exit(255);
	ret = arena_open(NAME, &o, &a);
	_exit(-ret);
}

static void test_owners(void)
{
	is(open_as(2001, "one", ARENA_ROLE(0, 0)), 0, "the owner of a role's view opens it");
	is(open_as(2002, "two", ARENA_ROLE(1, 0)), 0,
	   "the owner of another role's view opens that view");
	is(open_as(2001, "two", ARENA_ROLE(1, 0)), -EACCES,
	   "the owner of one role's view does not open the view of another role");
	is(open_as(2001, "rw", ARENA_ROLE(0, 0)), -EACCES,
	   "the owner of a role's view does not open the view rw");
}

static int name_view(struct arena *a, const char *name, uint32_t role, uid_t uid)
{
	struct arena_view_options o = { .size = sizeof(o), .name = name };
	struct mshare *view;
	int ret;

	if (has_module) {
		o.uid = uid;
		o.gid = uid;
		o.flags = MSHARE_SET_UID | MSHARE_SET_GID;
	}
	ret = arena_make_view(arena_region(a), arena_layout(a), role, &o, &view);
	if (!ret)
		mshare_close(view);
	return ret;
}

static void test_names(void)
{
	struct arena_options o = { .size = sizeof(o), .role = ARENA_NO_ROLE, .page_size = 4096 };
	struct arena *a;

	if (arena_create(NAME, &o, &a))
		bail("cannot make a region with a name");
	is(name_view(a, "one", ARENA_ROLE(0, 0), 2001), 0,
	   "a view is made for a role and gets a name");
	is(name_view(a, "two", ARENA_ROLE(1, 0), 2002), 0,
	   "a view is made for another role and gets another name");
	is(name_view(a, "two", ARENA_ROLE(1, 0), 2002), -EEXIST,
	   "a second view with the same name is refused");
	is(open_as(0, "two", ARENA_ROLE(1, 0)), 0, "a child opens a role's view by its name");
	if (has_module)
		test_owners();
	else
		skip("a memfd has no owners of views");
	arena_close(a);
}

/* ---- what is refused ---- */

#define refuses(member, value, error) do {					\
	struct arena_view_options o_ = { .size = sizeof(o_) };			\
	struct mshare *v_;							\
										\
	o_.member = (value);							\
	is(arena_make_view(arena_region(a), arena_layout(a), 0, &o_, &v_), error,	\
	   "a view whose options have " #member " = " #value " is refused");		\
} while (0)

static void test_refused(void)
{
	struct arena_options o = { .size = sizeof(o), .role = ARENA_NO_ROLE, .page_size = 4096 };
	static struct arena_layout shared_page;
	struct mshare *view;
	struct arena *a;

	if (arena_create(NULL, &o, &a))
		bail("cannot make a region");
	refuses(size, 0, -EINVAL);
	refuses(size, 9000, -E2BIG);
	refuses(mode, 0600, -EINVAL);
	refuses(flags, MSHARE_UNNAMED, -EINVAL);
	refuses(uid, 1, -EINVAL);
	refuses(name, "a/b", -EINVAL);
	refuses(name, "named", -ENOENT);
	is(arena_make_view(arena_region(a), arena_layout(a), ARENA_ROLE(1, 1), NULL, &view),
	   -ENOENT, "no view is made for a role that the layout does not have");
	shared_page = *arena_layout(a);
	/* Move a group so that it begins in a page that another process writes. */
	shared_page.group[shared_page.n_groups - 2].offset -= 512;
	is(arena_make_view(arena_region(a), &shared_page, 0, NULL, &view), -EINVAL,
	   "no view is made for a layout with a page that two processes write");
	arena_close(a);
}

/* ---- pages of each size ---- */

static void test_2m(void)
{
	long before = read_number(POOL_2M);

	/* Only the virtual machine has the module, and only there may the test change the pool. */
	if (!has_module || before < 0 || !write_number(POOL_2M, before + 16) ||
	    read_number(POOL_2M) < before + 16)
		skip("no pages of 2 MiB that this test may use");
	else
		test_place(2 * MIB, 32 * MIB, 2, 2);
	if (has_module && before >= 0)
		write_number(POOL_2M, before);
}

static void test_1g(void)
{
	if (!has_module || read_number(POOL_1G) < 2)
		skip("no pages of 1 GiB that this test may use");
	else
		test_place(GIB, 2 * GIB, 1, 1);
}

int main(void)
{
	has_module = mshare_default_backend() == MSHARE_BACKEND_MODULE;
	test_place(4096, 16 * MIB, 2, 3);
	test_names();
	test_refused();
	test_2m();
	test_1g();
	return done_testing();
}
