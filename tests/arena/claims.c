// SPDX-License-Identifier: MIT
/*
 * Goal: a role belongs to one arena at a time, and is free as soon as its process has died and the
 * kernel does nothing for it any more.
 * Method: two arenas of one process, and processes that open the region by its name, live, die,
 * fork and close. One of them dies while a zero-copy send is under way, because the peer takes
 * no data.
 */
#define _GNU_SOURCE
#include <sys/prctl.h>

#include "ring-rig.h"

#define NAME	"claims"
#define FIRST	ARENA_ROLE(0, 0)
#define SECOND	ARENA_ROLE(1, 0)

/* Of a process that only sets the region up. */
static struct arena *none;

static struct mshare *region(void)
{
	return arena_region(none);
}

static int open_role(uint32_t role)
{
	const struct arena_options o = { .size = sizeof(o), .role = role };
	struct arena *a;

	return arena_open(NAME, &o, &a);
}

/**
 * struct holder - a child that takes a role and lives until it is killed
 * @pid: of the child
 * @told: the child writes here what arena_open() returned
 */
struct holder {
	pid_t pid;
	int told[2];
};

/* Fork a child; in the child @pid is 0. */
static struct holder fork_holder(void)
{
	struct holder h;

	if (pipe(h.told))
		bail("pipe");
	fflush(stdout);
	h.pid = fork();
	if (h.pid) {
		close(h.told[1]);
		return h;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* A process has one region attached at an address. */
	mshare_detach(region());
	return h;
}

/* In the child: tell the result, and live on. */
static void tell(const struct holder *h, int ret)
{
	if (write(h->told[1], &ret, sizeof(ret)) != sizeof(ret))
		_exit(1);
	for (;;)
		pause();
}

static struct holder hold(uint32_t role)
{
	struct holder h = fork_holder();

	if (!h.pid)
		tell(&h, open_role(role));
	return h;
}

static int told(struct holder *h)
{
	int ret;

	if (read(h->told[0], &ret, sizeof(ret)) != sizeof(ret))
		bail("a child said nothing");
	return ret;
}

static void kill_holder(struct holder *h)
{
	kill(h->pid, SIGKILL);
	waitpid(h->pid, NULL, 0);
	close(h->told[0]);
}

static int take_and_end(uint32_t role)
{
	struct holder h = hold(role);
	int ret = told(&h);

	kill_holder(&h);
	return ret;
}

static void test_processes(void)
{
	struct holder h = hold(FIRST);

	is(told(&h), 0, "a process takes a role that is free");
	is(take_and_end(FIRST), -EBUSY, "the role of a living process is refused to another one");
	is(take_and_end(SECOND), 0, "the other role is free");
	kill_holder(&h);
	is(take_and_end(FIRST), 0, "the role of a process that was killed is free");
}

static void test_setting_up(void)
{
	struct arena *a = NULL;

	is(arena_open_region(region(), ARENA_NO_ROLE, &a), 0,
	   "any number of arenas can have no role");
	is(arena_role(a), ARENA_NO_ROLE, "an arena without a role says so");
	arena_close(a);
}

/* With the module, this process and those above have the same view. */
static void test_one_process(void)
{
	struct arena *a = NULL, *second = NULL;

	is(arena_open_region(region(), FIRST, &a), 0, "an arena takes a role that is free");
	is(arena_open_region(region(), FIRST, &second), -EBUSY,
	   "a second arena of the same process cannot have the role");
	arena_close(a);
	is(arena_open_region(region(), FIRST, &second), 0, "the role of a closed arena is free");
	arena_close(second);
}

static void test_fork(void)
{
	struct arena *a;
	int status;
	pid_t pid;

	if (arena_open_region(region(), FIRST, &a))
		bail("arena_open_region");
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(arena_close(a));
	waitpid(pid, &status, 0);
	is(status, 0, "a child can close its copy of an arena");
	is(take_and_end(FIRST), -EBUSY, "the role stays that of the parent");
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	arena_close(a);
	is(take_and_end(FIRST), 0,
	   "the role of a closed arena is free although a child has a copy of the arena");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_reading_only(void)
{
	struct mshare *m;
	struct arena *a;

	mshare_detach(region());
	if (mshare_open(NAME, true, &m))
		bail("mshare_open");
	is(arena_open_region(m, FIRST, &a), -EACCES,
	   "a role cannot be taken in a region that is open for reading only");
	mshare_close(m);
}

/* More than the socket buffers of both ends take. */
#define SENT_BUFFERS	1024U
#define SOCKET_BYTES	(64 << 10)

static int connect_to(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = SOCKET_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return connect(fd, (const struct sockaddr *)at, sizeof(*at)) ? -1 : fd;
}

/* Take the first role and begin to send without a copy. Return: 0 or -errno. */
static int send_much(const struct sockaddr_in *at, bool closes_at_death)
{
	const struct arena_options o = { .size = sizeof(o), .role = FIRST };
	struct arena_ring_options ro = rig_options;
	struct arena_io io = { .length = SENT_BUFFERS * 4096 };
	struct arena_ring *r;
	struct arena *a;
	int ret = arena_open(NAME, &o, &a);

	ro.closes_at_death = closes_at_death;
	if (!ret)
		ret = arena_ring_open(a, &ro, &r);
	if (!ret)
		ret = arena_get_for(a, 1, SENT_BUFFERS, &io.buf);
	if (!ret)
		ret = arena_ring_add_file(r, connect_to(at), &io.file);
	if (!ret)
		ret = arena_ring_send_zc(r, &io, NULL);
	return ret ? ret : arena_ring_submit(r);
}

/* A child that sends to the socket which the call returns, and where nobody reads. */
static struct holder hold_sending(bool closes_at_death, int *to)
{
	struct holder h;
	struct sockaddr_in at;
	int sock = rig_listen(&at), size = SOCKET_BYTES;

	setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	h = fork_holder();
	if (!h.pid) {
		close(sock);
		tell(&h, send_much(&at, closes_at_death));
	}
	*to = accept(sock, NULL, NULL);
	close(sock);
	return h;
}

/* Does the role become free? The kernel ends a ring some time after its process. */
static bool becomes_free(uint32_t role)
{
	int ret = -EBUSY;

	for (int i = 0; ret == -EBUSY && i < 1000; i++) {
		if (i)
			usleep(10000);
		ret = take_and_end(role);
	}
	return !ret;
}

/* Return: the error behind the bytes that have come, or 0 for a regular end. */
static int read_to_end(int fd)
{
	static char bytes[65536];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		;
	return n ? errno : 0;
}

static void test_sending(void)
{
	int to;
	struct holder h = hold_sending(false, &to);

	ok(told(&h) >= 0, "a process sends without a copy to a peer that takes no data");
	kill_holder(&h);
	/* A role that only takes a while to become free is free by then. */
	usleep(500000);
	is(take_and_end(FIRST), -EBUSY,
	   "the role of a killed process is not free while the kernel sends from its buffers");
	close(to);
	ok(becomes_free(FIRST), "the role is free when the peer is gone");
}

static void test_closing(void)
{
	int to;
	struct holder h = hold_sending(true, &to);

	ok(told(&h) >= 0, "a process whose ring closes at death sends to an idle peer");
	kill_holder(&h);
	ok(becomes_free(FIRST), "the role is free although the peer has taken no data");
	is(read_to_end(to), ECONNRESET, "the peer sees a reset behind what it was sent");
	close(to);
}

static void test_numbers(void)
{
	int claim = mshare_claim(region(), 1ULL << 62);

	ok(claim >= 0, "the highest number can be claimed");
	is(mshare_claim(region(), 1ULL << 62), -EBUSY, "a number is claimed once");
	mshare_unclaim(claim);
	is(mshare_claim(region(), (1ULL << 62) + 1), -EINVAL, "there is no higher number");
}

int main(void)
{
	const struct arena_options o = { .size = sizeof(o), .role = ARENA_NO_ROLE,
					 .page_size = 4096 };
	int ret = arena_create(NAME, &o, &none);

	alarm(60);
	if (ret)
		bail("cannot make a region: %s", strerror(-ret));
	test_processes();
	test_setting_up();
	test_one_process();
	test_fork();
	test_sending();
	test_closing();
	test_numbers();
	test_reading_only();
	arena_close(none);
	return done_testing();
}
