// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: in a user namespace ids are those of the namespace, and root of a namespace may do
 * no more than the user who made it.
 */
#include "userns.h"
#include "views.h"

#include <sys/resource.h>

#define NAME "test-perm-ns"
#define ROOTS "test-perm-ns-root"
#define MAKER 1001	/* user 0 in the namespace */
#define FRIEND 1002	/* user 1 in the namespace */

/* ---- in the namespace ---- */

static int create_for(uint32_t uid, uint32_t gid)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);

	c.uid = uid;
	c.gid = gid;
	return create_named(&c);
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
	struct msharearena_view v = view_args("view", &r, 1);

	v.uid = uid;
	v.gid = gid;
	return add_view(name, &v);
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

static int roots = -1;	/* an open file of root's region, which children inherit */

static int add_to_roots(void)
{
	struct msharearena_range r = { .length = SZ_2M, .prot = PROT_R };
	struct msharearena_view v = view_args("view", &r, 1);

	return closed(add_view_open(roots, &v));
}

static int unlink_mine(void)
{
	return region_unlink(NAME);
}

static int unlink_roots(void)
{
	return view_unlink(roots);
}

/* The ids of regions as the namespace sees them. */
static int owner_of_roots(void)
{
	return view_region(roots).uid == 65534 ? 0 : -EILSEQ;
}

static int owner_of_mine(void)
{
	int fd = view_open(NAME, "ro", O_RDONLY);

	return view_region(fd).uid == 0 ? 0 : -EILSEQ;
}

static int open_roots(void)
{
	int fd = view_open(ROOTS, "ro", O_RDONLY);

	return fd < 0 ? fd : 0;
}

/* CAP_IPC_LOCK in the namespace does not lift the limit of locked memory. */
static int export_to_mine(void)
{
	struct rlimit none = { 0, 0 };
	int fd = view_open(NAME, "rw", O_RDWR);

	if (fd < 0 || setrlimit(RLIMIT_MEMLOCK, &none))
		return -ECHILD;
	return donate(fd, SZ_2M, SZ_2M, 0);
}

/* CAP_SYS_RESOURCE in the namespace does not lift the limit of regions. */
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

static int call(void *fn)
{
	return (*(int (**)(void))fn)();
}

/* Call fn() as root of a namespace in which 0 is MAKER and 1 is FRIEND. */
static int in_ns(int (*fn)(void))
{
	static const struct userns ns = { .maker = MAKER, .map = "0 1001 1\n1 1002 1\n" };

	return in_userns(&ns, call, &fn);
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
	is(in_ns(create_mine), 0, "root of a namespace can create a region");
	ok(node_is("rw", MAKER) && node_is("ro", MAKER),
	   "outside of the namespace the region belongs to the user who made the namespace");
	is(in_ns(owner_of_mine), 0,
	   "GET_REGION in the namespace gives user 0 as the region's owner");
	is(in_ns(owner_of_roots), 0,
	   "GET_REGION gives the overflow id for an owner without a number in the namespace");
	is(in_ns(unlink_mine), 0, "the region's owner can unlink it in the namespace");
	is(in_ns(create_0), 0, "root of a namespace can create a region for user 0");
	ok(node_is("rw", MAKER),
	   "a region for user 0 of the namespace does not belong to real root");
	is(in_ns(add_mine), 0, "root of a namespace can add a view for user 0");
	ok(node_is("view", MAKER),
	   "a view for user 0 of the namespace does not belong to real root");
	region_unlink(NAME);
	is(in_ns(create_77), -EINVAL, "CREATE for a user without a number outside gives EINVAL");
	is(in_ns(create_group_77), -EINVAL,
	   "CREATE for a group without a number outside gives EINVAL");
	is(in_ns(create_1001), -EINVAL, "CREATE for the user's number outside gives EINVAL inside");
	is(in_ns(create_mine), 0, "root of a namespace can create a region to add views to");
	is(in_ns(add_77), -EINVAL, "ADD_VIEW for a user without a number outside gives EINVAL");
	is(in_ns(add_group_77), -EINVAL,
	   "ADD_VIEW for a group without a number outside gives EINVAL");
	region_unlink(NAME);
}

static void test_capabilities(void)
{
	is(in_ns(am_root), 0, "root of a namespace has all capabilities in it");
	is(in_ns(create_1), -EPERM, "root of a namespace cannot give a region to another user");
	is(in_ns(create_group_1), -EPERM,
	   "root of a namespace cannot give a region to another group");
	is(in_ns(create_mine), 0, "root of a namespace can create a region for itself");
	is(in_ns(add_1), -EPERM, "root of a namespace cannot give a view to another user");
	is(in_ns(export_to_mine), -ENOMEM,
	   "root of a namespace cannot lock more than the user may");
	region_unlink(NAME);
	param_set("user_regions", 1);
	is(in_ns(create_two), -EDQUOT,
	   "root of a namespace cannot have more regions than the user may");
	region_unlink(NAME);
	is(in_ns(unlink_roots), -EPERM,
	   "root of a namespace cannot unlink root's region through an open file");
	is(in_ns(add_to_roots), -EPERM,
	   "root of a namespace cannot add a view to root's region through an open file");
	is(in_ns(open_roots), -EACCES, "root of a namespace cannot open root's region");
}

int main(void)
{
	region_unlink(NAME);
	if (access("/proc/self/ns/user", F_OK)) {
		skip("this kernel has no user namespaces (CONFIG_USER_NS)");
		return done_testing();
	}
	reserve_2m(4);
	param_keep();
	roots = region_anew_open(ROOTS, SZ_2M, SZ_2M);
	control_for_all(true);
	test_ids();
	test_capabilities();
	control_for_all(false);
	view_unlink(roots);
	close(roots);
	return done_testing();
}
