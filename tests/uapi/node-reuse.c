// SPDX-License-Identifier: MIT
/*
 * Device numbers may be given again, or else they run out; but a node that somebody
 * kept from a region that is gone must not open the region that has the number
 * now. Its owner could have given it permissions of his own choice, and held it by
 * O_PATH, where removing the node does not reach; or it was copied by mknod(2), as
 * containers' nodes are. Both are tried after each of two hundred later regions,
 * by the owner and by somebody whom permissions do not stop.
 * timeout: 300
 */
#include "users.h"
#include "views.h"

#include <sys/sysmacros.h>

#define OLD "test-node-reuse-old"
#define NEW "test-node-reuse-new"
#define COPY "/dev/test-node-reuse"	/* beside the others: no mount says nodev */
#define ROUNDS 200

static const struct user owner = { .name = "the owner", .uid = 1001, .gid = 2001 };
static const struct user later = { .name = "whoever comes later", .uid = 1002, .gid = 2002 };

static int path_fd;		/* of the old node */

/* The node, whatever is behind it by now; 0 if it opened anything. */
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
	is(as(&owner, chmod_old, NULL), 0, "the owner lets everybody open his node");
	path_fd = open("/dev/mshare/" OLD "/rw", O_PATH | O_CLOEXEC);
	if (path_fd < 0 || fstat(path_fd, &st))
		bail("O_PATH: %s", strerror(errno));
	unlink(COPY);
	if (mknod(COPY, S_IFCHR | 0666, st.st_rdev) || chmod(COPY, 0666))
		bail("mknod: %s", strerror(errno));
	is(reopen(NULL), 0, "a node kept by O_PATH can be opened while the region has its name");
	is(reopen(COPY), 0, "a copy of the node can be opened while the region has its name");
	is(as(&later, reopen, NULL), 0, "every user who has access can open the node");
	return st.st_rdev;
}

/* Everything that must fail; how much of it did not. */
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
	is(bad, 0, "no region after it is opened by its node, in %d rounds", ROUNDS);
}

/* Regions that stay, so that the lowest numbers that are free are taken. */
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
	is(bad, 0, "none of thirty later regions is opened by the old node");
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), NEW "-%d", i);
		region_unlink(name);
	}
}

int main(void)
{
	dev_t old = make_old();

	is(region_unlink(OLD), 0, "the region goes");
	is(opened(), 0, "its node opens nothing any more");
	test_later_regions(old);
	region_unlink(NEW);
	test_many_regions();
	close(path_fd);
	unlink(COPY);
	return done_testing();
}
