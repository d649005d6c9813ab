// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * Goal: the number of attachments of a user and of a region is limited, and the last ones
 * of a region are reserved for its owner: users who may only read it cannot keep the owner,
 * or root, from attaching it.
 *
 * timeout: 900
 */
#include "caps.h"
#include "userns.h"

#define NAME "test-caps-attach"
#define OTHER "test-caps-attach-2"

/* These are the limits of kmod/limits.h. */
#define REGION_MAX 4096
#define REGION_OWN 1024
#define USER_MAX 2048

static const struct user root = { .name = "root" };
static const struct user owner = { .name = "the owner", .uid = 1010, .gid = 1010 };
static const struct user ann = { .name = "ann", .uid = 1011, .gid = 1011 };
static const struct user bob = { .name = "bob", .uid = 1012, .gid = 1012 };
static const struct user exempt = { .name = "bob with CAP_SYS_RESOURCE", .uid = 1012,
				    .gid = 1012, .caps = CAP(SYS_RESOURCE) };

static struct crowd anns, bobs, owners;
static int region, other;

/* Attach by the node that everybody may read. */
static int attach_ro(void *name)
{
	int fd = view_open(name, "ro", O_RDONLY);
	char *base;

	if (fd < 0)
		return fd;
	base = attach(fd, PROT_READ);
	close(fd);
	return base ? 0 : -errno;
}

static int attach_rw(void *name)
{
	int fd = view_open(name, "rw", O_RDWR);
	char *base;

	if (fd < 0)
		return fd;
	base = attach(fd, PROT_READ | PROT_WRITE);
	close(fd);
	return base ? 0 : -errno;
}

static bool attached_is(int fd, uint64_t n)
{
	for (int ms = 0; ms < 30000 && view_region(fd).attached != n; ms++)
		usleep(1000);
	if (view_region(fd).attached != n)
		diag("%llu are attached", (unsigned long long)view_region(fd).attached);
	return view_region(fd).attached == n;
}

/* Attach as another id of ann: in a namespace of hers, with its own number outside. */
static int attach_as_subuid(void)
{
	static const struct userns ns = {
		.maker = 1011, .map = "0 1011 1\n1 100001 8\n", .uid = 3,
	};

	return in_userns(&ns, attach_ro, OTHER);
}

static void test_user(void)
{
	is(crowd_grow(&anns, &ann, USER_MAX + 64, attach_ro, NAME), USER_MAX,
	   "a user can attach a readable region 2048 times");
	is(anns.ret, -EDQUOT, "the user's 2049th attachment gives EDQUOT");
	is(as(&ann, attach_ro, OTHER), -EDQUOT,
	   "attaching another region gives EDQUOT to a user with 2048 attachments");
	is(view_region(other).attached, 0, "the other region is not attached");
	if (access("/proc/self/ns/user", F_OK))
		skip("this kernel has no user namespaces (CONFIG_USER_NS)");
	else
		is(attach_as_subuid(), -EDQUOT,
		   "attaching as another id in a user namespace of the same user gives EDQUOT");
	is(as(&bob, attach_ro, OTHER), 0, "another user can still attach the region");
	crowd_shrink(&anns, USER_MAX - 1);
	ok(attached_is(region, USER_MAX - 1), "a killed process is not attached any more");
	is(as(&ann, attach_ro, OTHER), 0,
	   "the user can attach another region after a process has ended");
	is(crowd_grow(&anns, &ann, 4, attach_ro, NAME), 1,
	   "the user can attach the first region once more after a process has ended");
	is(anns.ret, -EDQUOT, "the user's next attachment gives EDQUOT again");
}

static void test_region(void)
{
	is(crowd_grow(&bobs, &bob, USER_MAX, attach_ro, NAME),
	   REGION_MAX - REGION_OWN - USER_MAX,
	   "two users who may read a region can attach it 3072 times");
	is(bobs.ret, -ENOSPC, "the 3073rd attachment of readers gives ENOSPC");
	is(as(&exempt, attach_ro, NAME), 0,
	   "a user with CAP_SYS_RESOURCE can attach a region with 3072 attachments");
	is(as(&root, attach_rw, NAME), 0, "root can attach a region with 3072 attachments");
	is(as(&owner, attach_rw, NAME), 0, "the owner can attach a region with 3072 attachments");
	is(crowd_grow(&owners, &owner, USER_MAX, attach_rw, NAME), REGION_OWN,
	   "the owner can attach the region 1024 times more");
	is(owners.ret, -ENOSPC, "the owner's 1025th attachment gives ENOSPC");
	is(as(&root, attach_rw, NAME), -ENOSPC,
	   "an attachment beyond the region's limit gives ENOSPC to root");
	is(view_region(region).attached, REGION_MAX, "GET_REGION counts 4096 attachments");
	crowd_shrink(&bobs, bobs.n - 1);
	ok(attached_is(region, REGION_MAX - 1), "a killed reader is not attached any more");
	is(as(&bob, attach_ro, NAME), -ENOSPC,
	   "another reader cannot take the place of a killed one in a full region");
	is(as(&owner, attach_rw, NAME), 0,
	   "the owner can take the place of a killed reader in a full region");
}

static void test_end(void)
{
	crowd_shrink(&anns, 0);
	crowd_shrink(&bobs, 0);
	ok(attached_is(region, REGION_OWN),
	   "the owner's attachments remain after the readers have ended");
	is(as(&ann, attach_ro, NAME), 0, "a reader can attach after other readers have ended");
	crowd_shrink(&owners, 0);
	ok(attached_is(region, 0), "nothing is attached after all processes have ended");
}

int main(void)
{
	crowd_make_room();
	region = owned_region(NAME, &owner, 0644);
	other = owned_region(OTHER, &owner, 0644);
	test_user();
	test_region();
	test_end();
	view_unlink(region);
	view_unlink(other);
	close(region);
	close(other);
	return done_testing();
}
