// SPDX-License-Identifier: MIT
/*
 * User namespaces: ids are the caller's, and who is root only in a namespace of
 * his own is no more than the user who made it.
 */
#include "users.h"
#include "views.h"

#include <sched.h>
#include <sys/resource.h>

#define NAME "test-perm-ns"
#define ROOTS "test-perm-ns-root"
#define MAKER 1001	/* root in the namespace */
#define FRIEND 1002	/* user 1 there */

/* ---- in the namespace ---- */

static int create_for(uint32_t uid, uint32_t gid)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);

	c.uid = uid;
	c.gid = gid;
	return ctl(MSHAREARENA_CREATE, &c);
}

static int create_mine(void)
{
	return create_for(-1, -1);
}

static int create_0(void)
{
	return create_for(0, 0);
}

static int create_1(void)
{
	return create_for(1, -1);
}

static int create_group_1(void)
{
	return create_for(-1, 1);
}

static int create_77(void)
{
	return create_for(77, -1);
}

static int create_group_77(void)
{
	return create_for(-1, 77);
}

static int create_1001(void)
{
	return create_for(MAKER, -1);
}

static int add_for(const char *name, uint32_t uid, uint32_t gid)
{
	struct msharearena_range r = { .length = SZ_2M, .prot = PROT_R };
	struct msharearena_view v = view_args(name, "view", &r, 1);

	v.uid = uid;
	v.gid = gid;
	return ctl(MSHAREARENA_ADD_VIEW, &v);
}

static int add_mine(void)
{
	return add_for(NAME, 0, 0);
}

static int add_1(void)
{
	return add_for(NAME, 1, -1);
}

static int add_77(void)
{
	return add_for(NAME, 77, -1);
}

static int add_group_77(void)
{
	return add_for(NAME, -1, 77);
}

static int add_to_roots(void)
{
	return add_for(ROOTS, -1, -1);
}

static int unlink_mine(void)
{
	return region_unlink(NAME);
}

static int unlink_roots(void)
{
	return region_unlink(ROOTS);
}

static int open_roots(void)
{
	int fd = view_open(ROOTS, "ro", O_RDONLY);

	return fd < 0 ? fd : 0;
}

/* CAP_IPC_LOCK in the namespace is none over what users may lock. */
static int export_to_mine(void)
{
	struct rlimit none = { 0, 0 };
	int fd = view_open(NAME, "rw", O_RDWR);

	if (fd < 0 || setrlimit(RLIMIT_MEMLOCK, &none))
		return -ECHILD;
	return donate(fd, SZ_2M, SZ_2M, 0);
}

/* Nor is CAP_SYS_RESOURCE one over what they may have. */
static int create_two(void)
{
	int ret = create_mine();

	return ret ? -ECHILD : region_create(NAME "2", SZ_2M, SZ_2M);
}

static int am_root(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	uint64_t want = CAP(CHOWN) | CAP(FOWNER) | CAP(IPC_LOCK) | CAP(SYS_RESOURCE);

	if (getuid() || getgid() || syscall(SYS_capget, &h, d))
		return -EPERM;
	return (d[0].effective & want) == want ? 0 : -ENOMSG;
}

/* ---- getting there ---- */

static void write_map(pid_t pid, const char *file, const char *map)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, map, strlen(map)) != (ssize_t)strlen(map))
		bail("%s: %s", path, strerror(errno));
	close(fd);
}

static void enter(int sock)
{
	static const struct user maker = { .uid = MAKER, .gid = MAKER };
	char byte = 0;

	if (user_become(&maker) || unshare(CLONE_NEWUSER))
		_exit(ENOSYS);
	if (write(sock, &byte, 1) != 1 || read(sock, &byte, 1) != 1)
		_exit(ECHILD);
	if (setresgid(0, 0, 0) || setresuid(0, 0, 0))
		_exit(ECHILD);
}

/* fn() as root of a namespace in which 0 is MAKER and 1 is FRIEND. */
static int in_ns(int (*fn)(void))
{
	char byte = 0;
	pid_t pid;
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		bail("socketpair: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		close(sv[0]);
		enter(sv[1]);
		_exit(-fn());
	}
	close(sv[1]);
	/* No byte comes if there are no namespaces. */
	if (read(sv[0], &byte, 1) == 1) {
		write_map(pid, "uid_map", "0 1001 1\n1 1002 1\n");
		write_map(pid, "gid_map", "0 1001 1\n1 1002 1\n");
		if (write(sv[0], &byte, 1) != 1)
			bail("a child: %s", strerror(errno));
	}
	close(sv[0]);
	return user_wait(pid);
}

static bool node_is(const char *view, uid_t uid)
{
	struct stat st = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "/dev/mshare/" NAME "/%s", view);
	return !stat(path, &st) && st.st_uid == uid && st.st_gid == uid;
}

static void test_ids(void)
{
	is(in_ns(create_mine), 0, "a region of his own");
	ok(node_is("rw", MAKER) && node_is("ro", MAKER), "is the maker's outside");
	is(in_ns(unlink_mine), 0, "and his to unlink");
	is(in_ns(create_0), 0, "a region for user 0");
	ok(node_is("rw", MAKER), "is not real root's");
	is(in_ns(add_mine), 0, "a view for user 0");
	ok(node_is("view", MAKER), "neither");
	region_unlink(NAME);
	is(in_ns(create_77), -EINVAL, "a user without a number outside");
	is(in_ns(create_group_77), -EINVAL, "a group without one");
	is(in_ns(create_1001), -EINVAL, "the maker's number outside says nothing inside");
	is(in_ns(create_mine), 0, "a region of his own");
	is(in_ns(add_77), -EINVAL, "a view's user without a number outside");
	is(in_ns(add_group_77), -EINVAL, "a view's group without one");
	region_unlink(NAME);
}

static void test_capabilities(void)
{
	is(in_ns(am_root), 0, "he has all capabilities in his namespace");
	is(in_ns(create_1), -EPERM, "but cannot give a region to another user");
	is(in_ns(create_group_1), -EPERM, "nor to another group");
	is(in_ns(create_mine), 0, "a region of his own");
	is(in_ns(add_1), -EPERM, "nor a view");
	is(in_ns(export_to_mine), -ENOMEM, "nor lock more than he may");
	region_unlink(NAME);
	param_set("user_regions", 1);
	is(in_ns(create_two), -EDQUOT, "nor have more regions than he may");
	region_unlink(NAME);
	is(in_ns(unlink_roots), -EPERM, "nor unlink root's region");
	is(in_ns(add_to_roots), -EPERM, "nor add a view to it");
	is(in_ns(open_roots), -EACCES, "nor open it");
}

int main(void)
{
	region_unlink(NAME);
	if (access("/proc/self/ns/user", F_OK)) {
		skip("user namespaces: this kernel has none (CONFIG_USER_NS)");
		return done_testing();
	}
	reserve_2m(4);
	param_keep();
	region_anew(ROOTS, SZ_2M, SZ_2M);
	control_for_all(true);
	test_ids();
	test_capabilities();
	control_for_all(false);
	region_unlink(ROOTS);
	return done_testing();
}
