// SPDX-License-Identifier: MIT
/* vm: long */
/* Goal: only the right users may create regions and views, for others, and unlink them. */
#include "users.h"
#include "views.h"

#define NAME "test-perm-owner"

static const struct user root = { .name = "root" };
static const struct user owner = { .name = "the owner", .uid = 1001, .gid = 2001, .also = 2005 };
static const struct user member = { .name = "a group member", .uid = 1002, .gid = 2002,
				    .also = 2001 };
static const struct user stranger = { .name = "a stranger", .uid = 1003, .gid = 2003 };
static const struct user fowner = { .name = "a user with CAP_FOWNER", .uid = 1003, .gid = 2003,
				    .caps = CAP(FOWNER) };
static const struct user chowner = { .name = "a user with CAP_CHOWN", .uid = 1004, .gid = 2004,
				     .caps = CAP(CHOWN) };
/* Capabilities that might be mistaken for the right one. */
static const struct user others = { .name = "a user with other capabilities", .uid = 1003,
				    .gid = 2003,
				    .caps = CAP(DAC_OVERRIDE) | CAP(DAC_READ_SEARCH) |
					    CAP(SYS_ADMIN) | CAP(IPC_LOCK) | CAP(FSETID) |
					    CAP(SETUID) | CAP(SETGID) | CAP(MKNOD) };

/*
 * The region's view rw, which root has opened. A user who may not open a node must not gain
 * anything by an open file.
 */
static int given;

static int try_unlink(void *arg)
{
	(void)arg;
	return view_unlink(given);
}

static int try_unlink_by_node(void *arg)
{
	return region_unlink(arg);
}

static int try_create(void *arg)
{
	return create_named(arg);
}

static int try_view(void *arg)
{
	return closed(add_view_open(given, arg));
}

static void open_given(void)
{
	given = view_open(NAME, "rw", O_RDWR);
	if (given < 0)
		bail("open: %s", strerror(-given));
}

static int create_as(const struct user *u, uid_t uid, gid_t gid)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, 4 * SZ_2M);

	c.uid = uid;
	c.gid = gid;
	return as(u, try_create, &c);
}

static int view_as(const struct user *u, const char *view, uid_t uid, gid_t gid)
{
	struct msharearena_range r = { .length = SZ_2M, .prot = PROT_RW };
	struct msharearena_view v = view_args(view, &r, 1);

	v.uid = uid;
	v.gid = gid;
	return as(u, try_view, &v);
}

static void node_is(const char *view, uid_t uid, gid_t gid, mode_t mode)
{
	struct stat st = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "/dev/mshare/" NAME "/%s", view);
	ok(!stat(path, &st) && st.st_mode == (S_IFCHR | mode) && st.st_uid == uid &&
	   st.st_gid == gid, "the node %s belongs to %u:%u and has mode %o", view, uid, gid, mode);
	if (st.st_uid != uid || st.st_gid != gid || st.st_mode != (S_IFCHR | mode))
		diag("it is %u:%u, mode %o", st.st_uid, st.st_gid, st.st_mode);
}

static int open_control(void *arg)
{
	int fd = open("/dev/msharearena", O_RDONLY | O_CLOEXEC);

	(void)arg;
	return fd < 0 ? -errno : 0;
}

static void test_control(void)
{
	is(as(&owner, open_control, NULL), -EACCES, "a user cannot open the control device");
	is(as(&others, open_control, NULL), 0,
	   "a user with CAP_DAC_OVERRIDE can open the control device");
	control_for_all(true);
	is(create_as(&stranger, -1, -1), 0,
	   "a stranger can create a region if the control device's mode allows it");
	node_is("rw", 1003, 2003, 0600);
	node_is("ro", 1003, 2003, 0400);
	region_unlink(NAME);
}

static void created(int ret, int want, const char *what)
{
	is(ret, want, "%s", what);
	if (!want && !ret)
		region_unlink(NAME);
	else
		is(view_open(NAME, "ro", O_RDONLY), -ENOENT, "no region exists after: %s", what);
}

static void test_give(void)
{
	created(create_as(&owner, 1001, 2001), 0,
		"CREATE for the own user and group by number succeeds");
	created(create_as(&owner, -1, 2005), 0, "CREATE for another group of the user succeeds");
	created(create_as(&owner, -1, 2002), -EPERM, "CREATE for a group of others is refused");
	created(create_as(&owner, -1, 0), -EPERM, "CREATE for root's group is refused");
	created(create_as(&owner, 1002, -1), -EPERM, "CREATE for another user is refused");
	created(create_as(&owner, 0, -1), -EPERM, "CREATE for root is refused");
	created(create_as(&others, 1002, -1), -EPERM,
		"CREATE for another user by a user with other capabilities is refused");
	created(create_as(&others, -1, 2002), -EPERM,
		"CREATE for a group of others by a user with other capabilities is refused");
	created(create_as(&fowner, 1002, -1), -EPERM,
		"CREATE for another user by a user with CAP_FOWNER is refused");
	created(create_as(&chowner, 1002, -1), 0,
		"CREATE for another user by a user with CAP_CHOWN succeeds");
	created(create_as(&chowner, -1, 2002), 0,
		"CREATE for a group of others by a user with CAP_CHOWN succeeds");
	created(create_as(&root, 1002, 2002), 0, "CREATE for another user by root succeeds");
}

/* A region belongs to the user for whom it was created, not to its creator. */
static void test_given(void)
{
	is(create_as(&chowner, 1002, 2002), 0,
	   "a user with CAP_CHOWN creates a region for another user");
	node_is("rw", 1002, 2002, 0600);
	open_given();
	is(view_as(&chowner, "v1", -1, -1), -EPERM,
	   "the creator of another user's region cannot add a view");
	is(as(&chowner, try_unlink, NULL), -EPERM,
	   "the creator of another user's region cannot unlink it");
	is(view_as(&member, "v1", -1, -1), 0,
	   "the user for whom a region was created can add a view");
	is(as(&member, try_unlink_by_node, NAME), 0,
	   "the user for whom a region was created can unlink it");
	close(given);
}

static void test_unlink(void)
{
	static const struct {
		const struct user *who;
		int want;
	} tries[] = {
		{ &member, -EPERM }, { &stranger, -EPERM }, { &others, -EPERM },
		{ &chowner, -EPERM }, { &owner, 0 }, { &fowner, 0 }, { &root, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		is(create_as(&owner, -1, -1), 0, "the owner creates a region to be unlinked");
		open_given();
		is(as(tries[i].who, try_unlink, NULL), tries[i].want, "UNLINK by %s",
		   tries[i].who->name);
		is(as(&owner, try_unlink_by_node, NAME), tries[i].want ? 0 : -ENOENT,
		   "the region %s after UNLINK by %s",
		   tries[i].want ? "is still there" : "has ended", tries[i].who->name);
		is(as(&owner, try_unlink, NULL), -ENOENT,
		   "a second UNLINK by the owner gives ENOENT");
		is(as(&stranger, try_unlink, NULL), -EPERM,
		   "UNLINK of an unlinked region by a stranger gives EPERM");
		close(given);
	}
}

static void test_views(void)
{
	is(create_as(&owner, -1, -1), 0, "the owner makes a region");
	open_given();
	is(view_as(&member, "v1", -1, -1), -EPERM, "ADD_VIEW by a group member gives EPERM");
	is(view_as(&stranger, "v1", -1, -1), -EPERM, "ADD_VIEW by a stranger gives EPERM");
	is(view_as(&others, "v1", -1, -1), -EPERM,
	   "ADD_VIEW by a user with other capabilities gives EPERM");
	is(view_as(&chowner, "v1", -1, -1), -EPERM,
	   "ADD_VIEW by a user with CAP_CHOWN gives EPERM");
	is(view_as(&owner, "v1", -1, -1), 0, "ADD_VIEW by the owner succeeds");
	node_is("v1", 1001, 2001, 0600);
	is(view_as(&fowner, "v2", -1, -1), 0, "ADD_VIEW by a user with CAP_FOWNER succeeds");
	node_is("v2", 1003, 2003, 0600);
	is(view_as(&owner, "v3", 1002, -1), -EPERM, "the owner cannot add a view for another user");
	is(view_as(&owner, "v3", -1, 2002), -EPERM,
	   "the owner cannot add a view for a group of others");
	is(view_as(&owner, "v3", -1, 2005), 0,
	   "the owner can add a view for another group of the owner");
	node_is("v3", 1001, 2005, 0600);
	is(view_as(&root, "v4", 1002, 2002), 0, "root can add a view for another user");
	node_is("v4", 1002, 2002, 0600);
	is(view_as(&member, "v5", -1, -1), -EPERM,
	   "the owner of a view who does not own the region cannot add a view");
	is(as(&member, try_unlink, NULL), -EPERM, "the owner of a view cannot unlink the region");
	is(as(&owner, try_unlink, NULL), 0, "the owner of the region can unlink it");
	close(given);
}

static int open_rw(void *arg)
{
	int fd = view_open(NAME, "rw", O_RDWR);

	(void)arg;
	return fd < 0 ? fd : 0;
}

/* chown of a node changes who can open it, and nothing about the region. */
static void test_chown(void)
{
	is(create_as(&owner, -1, -1), 0, "the owner makes a region");
	open_given();
	if (chown("/dev/mshare/" NAME "/rw", 1003, 2003))
		bail("chown: %s", strerror(errno));
	is(as(&stranger, open_rw, NULL), 0, "a stranger can open a node that chown gave him");
	is(view_as(&stranger, "v1", -1, -1), -EPERM,
	   "a stranger with a node that chown gave him cannot add a view");
	is(as(&stranger, try_unlink_by_node, NAME), -EPERM,
	   "a stranger with a node that chown gave him cannot unlink the region");
	is(as(&owner, open_rw, NULL), -EACCES,
	   "the region's owner cannot open a node that chown gave to another user");
	is(as(&owner, try_unlink_by_node, NAME), 0,
	   "the region's owner can unlink it by its other node");
	close(given);
}

/* Nodes have exactly the requested mode, whatever the caller's umask is. */
static void test_modes(void)
{
	static const mode_t modes[] = { 0666, 0664, 0640, 0604, 0600, 0444, 0400, 0222, 0200, 0 };
	struct msharearena_range r = { .length = SZ_2M, .prot = PROT_RW };
	struct msharearena_view v = view_args("mixed", &r, 1);
	struct msharearena_create c;
	mode_t mask;

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		c = create_args(NAME, SZ_2M, SZ_2M);
		c.mode = modes[i];
		mask = umask(i % 2 ? 0777 : 0);
		is(create_named(&c), 0, "a region of mode %o is created", modes[i]);
		v.mode = modes[i];
		is(add_view(NAME, &v), 0, "a view of mode %o is added", modes[i]);
		umask(mask);
		node_is("rw", 0, 0, modes[i]);
		node_is("ro", 0, 0, modes[i] & 0444);
		node_is("mixed", 0, 0, modes[i]);
		region_unlink(NAME);
	}
}

int main(void)
{
	region_unlink(NAME);
	test_control();
	test_give();
	test_given();
	test_unlink();
	test_views();
	test_chown();
	control_for_all(false);
	test_modes();
	return done_testing();
}
