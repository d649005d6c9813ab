// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Files that outlive their names: descriptors handed to others, nodes of regions
 * that are gone, and device numbers that are another region's by now.
 *
 * timeout: 600
 */
#include "users.h"
#include "views.h"

#include <sched.h>

#define NAME "test-perm-file"
#define OTHER "test-perm-file-other"
#define ROUNDS 50

static const struct user stranger = { .name = "a stranger", .uid = 1003, .gid = 2003 };

/* ---- a descriptor that somebody else was given ---- */

static void send_fd(int sock, int fd)
{
	char byte = 0, space[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(sock, &m, 0) != 1)
		bail("sendmsg: %s", strerror(errno));
}

static int receive_fd(int sock)
{
	char byte, space[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = space, .msg_controllen = sizeof(space),
	};
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) == 1) {
		c = CMSG_FIRSTHDR(&m);
		if (c && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

/* A stranger without any file but what is sent to him does something with it. */
static int give(int fd, int (*fn)(int fd))
{
	int sv[2], ret;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		bail("socketpair: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		if (dup2(sv[1], 3) != 3 || syscall(SYS_close_range, 4, ~0U, 0) ||
		    user_become(&stranger))
			_exit(ECHILD);
		fd = receive_fd(3);
		ret = fd < 0 ? -ENOLINK : fn(fd);
		_exit(ret < 0 ? -ret : 0);
	}
	send_fd(sv[0], fd);
	ret = user_wait(pid);
	close(sv[0]);
	close(sv[1]);
	return ret;
}

static int store_42(int fd)
{
	char *base = attach(fd, PROT_READ | PROT_WRITE);

	return !base ? -errno : try_store(base, 42) ? -EFAULT : 0;
}

static int load_42(int fd)
{
	char *base = attach(fd, PROT_READ);
	uint64_t value;

	if (!base)
		return -errno;
	if (!try_store(base, 43))
		return -EEXIST;
	return try_load(base, &value) ? -EFAULT : value == 42 ? 0 : -EILSEQ;
}

static int take(int fd)
{
	struct msharearena_take t = { .size = sizeof(t) };

	return ioctl(fd, MSHAREARENA_TAKE, &t) ? -errno : 0;
}

static int reopen(int fd, int flags)
{
	char path[64];
	int new;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	new = open(path, flags | O_CLOEXEC);
	if (new >= 0)
		close(new);
	return new < 0 ? -errno : 0;
}

static int reopen_reading(int fd)
{
	return reopen(fd, O_RDONLY);
}

static int reopen_writing(int fd)
{
	return reopen(fd, O_RDWR);
}

static void test_given(const char *when)
{
	static int rw = -1, rw_reading, ro;

	if (rw < 0) {
		rw = view_open(NAME, "rw", O_RDWR);
		rw_reading = view_open(NAME, "rw", O_RDONLY);
		ro = view_open(NAME, "ro", O_RDONLY);
	}
	diag("%s", when);
	is(give(rw, store_42), 0, "who was given the rw view stores");
	is(give(rw, take), -EAGAIN, "and takes rings");
	is(give(rw_reading, load_42), 0, "who was given it for reading loads, and only that");
	is(give(rw_reading, store_42), -EACCES, "and does not attach it for writing");
	is(give(rw_reading, take), -EACCES, "nor take rings");
	is(give(ro, load_42), 0, "who was given the ro view loads");
	is(give(ro, store_42), -EACCES, "and does not attach it for writing");
	is(give(rw, reopen_reading), -EACCES, "nobody opens anew what he was given");
	is(give(rw_reading, reopen_writing), -EACCES, "or makes it writable");
	is(give(ro, reopen_reading), -EACCES, "not even the ro view");
}

/* ---- names that are left over ---- */

static const char *name_of(int fd)
{
	static struct msharearena_region r;

	r = view_region(fd);
	return r.name;
}

/* Another region, whatever number it has, is not what the old node leads to. */
static void test_reused(int stale, const char *copy)
{
	int fd;

	region_anew(OTHER, SZ_2M, SZ_2M);
	is(reopen(stale, O_RDWR), -ENXIO, "nor does it lead to another region later");
	is(reopen(stale, O_RDONLY), -ENXIO, "not for reading either");
	fd = open(copy, O_RDWR | O_CLOEXEC);
	ok(fd < 0 || !strcmp(name_of(fd), OTHER),
	   "(what root made by mknod leads to where the number does)");
	close(fd);
	region_unlink(OTHER);
}

static void test_stale(void)
{
	const char *copy = "/dev/test-perm-copy";
	struct stat st;
	int stale, fd;

	region_anew(NAME, SZ_2M, SZ_2M);
	stale = view_open(NAME, "rw", O_PATH);
	if (fstat(stale, &st) || mknod(copy, S_IFCHR | 0600, st.st_rdev))
		bail("%s: %s", copy, strerror(errno));
	is(reopen(stale, O_RDWR), 0, "a node can be opened by an O_PATH descriptor");
	fd = open(copy, O_RDWR | O_CLOEXEC);
	ok(fd >= 0 && !strcmp(name_of(fd), NAME), "and by another node with its number");
	close(fd);
	region_unlink(NAME);
	is(view_open(NAME, "rw", O_RDWR), -ENOENT, "unlinked, its name is gone");
	is(reopen(stale, O_RDWR), -ENXIO, "its node leads nowhere");
	is(reopen(stale, O_RDONLY), -ENXIO, "nor for reading");
	ok(open(copy, O_RDWR | O_CLOEXEC) < 0 && errno == ENXIO, "nor does the other node");
	test_reused(stale, copy);
	unlink(copy);
	close(stale);
}

/*
 * A stranger opens his own region's node all the time, while it goes and
 * root's, with mode 0600, takes its place and number. Ends when he got that.
 */
static void open_forever(volatile bool *got)
{
	int fd;

	if (user_become(&stranger))
		_exit(ECHILD);
	for (;;) {
		fd = view_open(NAME, "rw", O_RDONLY);
		if (fd < 0)
			continue;
		if (strcmp(name_of(fd), NAME))
			*got = true;
		close(fd);
	}
}

static void swap_regions(struct msharearena_create his)
{
	pid_t pid;

	if (ctl(MSHAREARENA_CREATE, &his))
		bail("create: %s", strerror(errno));
	/* Both at once, so that the second waits for the first. */
	pid = fork();
	if (!pid) {
		sched_yield();
		_exit(-region_create(OTHER, SZ_2M, SZ_2M));
	}
	region_unlink(NAME);
	if (user_wait(pid))
		bail("the other region cannot be created");
	region_unlink(OTHER);
}

static void test_swap(void)
{
	volatile bool *got = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct msharearena_create his = create_args(NAME, SZ_2M, SZ_2M);
	pid_t pid[6];
	int rounds;

	his.uid = stranger.uid;
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		pid[i] = fork();
		if (!pid[i])
			open_forever(got);
	}
	for (rounds = 0; rounds < ROUNDS && !*got; rounds++)
		swap_regions(his);
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	ok(!*got, "whoever opens his own node never gets another's region (%d rounds)", rounds);
}

int main(void)
{
	int fd;

	reserve_2m(8);
	fd = region_with(NAME, SZ_2M, SZ_2M);
	close(fd);
	test_given("while the region has its name");
	region_unlink(NAME);
	test_given("when it has been unlinked");
	test_stale();
	test_swap();
	return done_testing();
}
