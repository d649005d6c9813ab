// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: an old node never opens a later region. Device numbers are reused, as they would run
 * out otherwise, but a node that was kept from a region that ended must not open the region
 * that has its number now. The old owner could have chosen its permissions and kept it by
 * O_PATH, which the removal of the node does not affect, or it could be a copy made by
 * mknod(2), as in containers. Both are tried after each of two hundred later regions, by
 * the owner and by root.
 * timeout: 300
 */
#include "users.h"
#include "views.h"

#include <sys/sysmacros.h>

#define OLD "test-node-reuse-old"
#define NEW "test-node-reuse-new"
#define COPY "/dev/test-node-reuse"	/* on devtmpfs, which is not mounted nodev */
#define ROUNDS 200

static const struct user owner = { .name = "the owner", .uid = 1001, .gid = 2001 };
static const struct user later = { .name = "a later user", .uid = 1002, .gid = 2002 };

static int path_fd;		/* O_PATH descriptor of the old node */

/* Open the old node or its copy; 0 if that opened any region. */
static int reopen(void *arg)
{
	char path[64];
	int fd;

	if (arg)
		snprintf(path, sizeof(path), "%s", (const char *)arg);
	else
		snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	diag("%s is %s/%s", path, view_region(fd).name, view_region(fd).view);
	close(fd);
	return 0;
}

static void create_for(const char *name, const struct user *u)
{
	struct msharearena_create c = create_args(name, SZ_4K, SZ_2M);
	int ret;

	c.uid = u->uid;
	c.gid = u->gid;
	ret = create_named(&c);
	if (ret)
		bail("create %s: %s", name, strerror(-ret));
}

static int chmod_old(void *arg)
{
	(void)arg;
	return chmod("/dev/mshare/" OLD "/rw", 0666) ? -errno : 0;
}

static dev_t make_old(void)
{
	struct stat st;

	region_unlink(OLD);
	create_for(OLD, &owner);
	is(as(&owner, chmod_old, NULL), 0, "the owner lets everybody open the node");
	path_fd = open("/dev/mshare/" OLD "/rw", O_PATH | O_CLOEXEC);
	if (path_fd < 0 || fstat(path_fd, &st))
		bail("O_PATH: %s", strerror(errno));
	unlink(COPY);
	if (mknod(COPY, S_IFCHR | 0666, st.st_rdev) || chmod(COPY, 0666))
		bail("mknod: %s", strerror(errno));
	is(reopen(NULL), 0, "a node kept by O_PATH can be opened while the region has its name");
	is(reopen(COPY), 0, "a copy of the node can be opened while the region has its name");
	is(as(&later, reopen, NULL), 0, "another user who has access can open the node");
	return st.st_rdev;
}

/* Try every way to open the old node, all of which must fail; returns how many did not. */
static int opened(void)
{
	return !reopen(NULL) + !reopen(COPY) + !as(&owner, reopen, NULL) +
	       !as(&owner, reopen, COPY);
}

static void test_later_regions(dev_t old)
{
	int bad = 0, same = 0;
	struct stat st;

	for (int i = 0; i < ROUNDS; i++) {
		region_unlink(NEW);
		create_for(NEW, &later);
		if (stat("/dev/mshare/" NEW "/rw", &st))
			bail("stat: %s", strerror(errno));
		same += st.st_rdev == old;
		bad += opened();
	}
	diag("%d of %d regions had the old number", same, ROUNDS);
	is(bad, 0, "the old node opens none of %d later regions", ROUNDS);
}

/* Later regions that stay, so that they take the lowest free numbers. */
static void test_many_regions(void)
{
	char name[32];
	int bad;

	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), NEW "-%d", i);
		region_unlink(name);
		create_for(name, &later);
	}
	bad = opened();
	is(bad, 0, "the old node opens none of thirty later regions that exist at once");
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), NEW "-%d", i);
		region_unlink(name);
	}
}

int main(void)
{
	dev_t old = make_old();

	is(region_unlink(OLD), 0, "the region of the old node ends");
	is(opened(), 0, "the old node opens nothing after its region has ended");
	test_later_regions(old);
	region_unlink(NEW);
	test_many_regions();
	close(path_fd);
	unlink(COPY);
	return done_testing();
}
