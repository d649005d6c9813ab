// SPDX-License-Identifier: MIT
/* vm: long */
/* Goal: nodes have the requested owner, group and mode, and only the owner unlinks a region. */
#include "users.h"

#define NAME "test-region-owner"

static const struct user owner = { .uid = 1234, .gid = 1 };
static const struct user member = { .uid = 1, .gid = 4321 };
static const struct user other = { .uid = 1235, .gid = 1 };

static void check_node(const char *view, mode_t mode)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/mshare/" NAME "/%s", view);
	is(stat(path, &st), 0, "%s exists when CREATE returns", path);
	is(st.st_mode, S_IFCHR | mode, "%s has the requested mode", path);
	ok(st.st_uid == 1234 && st.st_gid == 4321, "%s has the requested owner and group", path);
}

/* Calls for as(); @arg of these is the view. */
static int open_writing(void *view)
{
	return closed(view_open(NAME, view, O_RDWR));
}

static int open_reading(void *view)
{
	return closed(view_open(NAME, view, O_RDONLY));
}

static void test_nodes(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);

	c.uid = 1234;
	c.gid = 4321;
	c.mode = 0640;
	is(create_named(&c), 0, "a region with an owner, a group and a mode is created");
	check_node("rw", 0640);
	check_node("ro", 0440);
	is(as(&owner, open_writing, "rw"), 0, "the owner can open rw for writing");
	is(as(&member, open_writing, "rw"), -EACCES,
	   "a member of the group cannot open rw for writing");
	is(as(&member, open_reading, "rw"), 0,
	   "a member of the group can open rw for reading");
	is(as(&member, open_reading, "ro"), 0, "a member of the group can open ro");
	is(as(&other, open_reading, "ro"), -EACCES, "other users cannot open ro");
	is(view_open(NAME, "ro", O_RDWR), -EACCES, "even root cannot open the view ro for writing");
	is(chmod("/dev/mshare/" NAME "/rw", 0400), 0, "chmod of a node succeeds");
	is(as(&owner, open_writing, "rw"), -EACCES,
	   "the owner cannot open rw for writing after chmod has removed the permission");
	region_unlink(NAME);
}

static int open_control(void *unused)
{
	int fd = open("/dev/msharearena", O_RDWR);

	(void)unused;
	return closed(fd < 0 ? -errno : fd);
}

static int create_for_root(void *unused)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);

	(void)unused;
	c.uid = 0;
	return create_named(&c);
}

static int create_own(void *unused)
{
	(void)unused;
	return region_create(NAME, SZ_2M, SZ_2M);
}

static int unlink_by_name(void *unused)
{
	(void)unused;
	return region_unlink(NAME);
}

static int unlink_by_file(void *fd)
{
	return view_unlink(*(int *)fd);
}

static void test_calls(void)
{
	int fd;

	is(as(&owner, open_control, NULL), -EACCES, "a user cannot open the control device");
	control_for_all(true);
	is(as(&owner, create_for_root, NULL), -EPERM,
	   "a user cannot create a region for another user");
	is(as(&owner, create_own, NULL), 0, "a user can create a region");
	is(as(&other, unlink_by_name, NULL), -EACCES,
	   "another user cannot open the region's nodes");
	fd = view_open(NAME, "rw", O_RDWR);
	is(as(&other, unlink_by_file, &fd), -EPERM,
	   "UNLINK on an open file by another user gives EPERM");
	close(fd);
	is(as(&owner, unlink_by_name, NULL), 0, "the owner can unlink the region");
	is(as(&owner, create_own, NULL), 0,
	   "the owner can create the region again after UNLINK");
	is(region_unlink(NAME), 0, "root can unlink a user's region");
	control_for_all(false);
}

int main(void)
{
	region_unlink(NAME);
	test_nodes();
	test_calls();
	return done_testing();
}
