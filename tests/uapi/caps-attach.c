// SPDX-License-Identifier: MIT
/* vm: long, vm: once */
/*
 * How many attachments one user and one region may have, and that the last
 * places of a region are its owner's: who may only read it cannot keep the
 * owner, or root, from attaching it.
 *
 * timeout: 900
 */
#include "caps.h"
#include "userns.h"

#define NAME "test-caps-attach"
#define OTHER "test-caps-attach-2"

/* As in kmod/limits.h. */
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

/* By the node that everybody may read. */
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

/* Another id of ann's: in a namespace of hers, with a number of its own outside. */
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
	   "a user attaches a region that he may read 2048 times");
	is(anns.ret, -EDQUOT, "one attachment more of the user's is EDQUOT");
	is(as(&ann, attach_ro, OTHER), -EDQUOT,
	   "attaching another region is EDQUOT for a user who has used up the share");
	is(view_region(other).attached, 0, "(of which nothing is attached)");
	if (access("/proc/self/ns/user", F_OK))
		skip("user namespaces: this kernel has none (CONFIG_USER_NS)");
	else
		is(attach_as_subuid(), -EDQUOT,
		   "attaching as another id in a user namespace of the same user is EDQUOT");
	is(as(&bob, attach_ro, OTHER), 0, "another user has a share of his own");
	crowd_shrink(&anns, USER_MAX - 1);
	ok(attached_is(region, USER_MAX - 1), "(one of the processes is killed)");
	is(as(&ann, attach_ro, OTHER), 0,
	   "after a process has ended its user can attach another region");
	is(crowd_grow(&anns, &ann, 4, attach_ro, NAME), 1,
	   "the user can use the free place for the first region, once");
	is(anns.ret, -EDQUOT, "one attachment more than the free place is EDQUOT");
}

static void test_region(void)
{
	is(crowd_grow(&bobs, &bob, USER_MAX, attach_ro, NAME),
	   REGION_MAX - REGION_OWN - USER_MAX,
	   "two users who may read a region attach it 3072 times");
	is(bobs.ret, -ENOSPC, "one attachment more of readers is ENOSPC");
	is(as(&exempt, attach_ro, NAME), 0, "CAP_SYS_RESOURCE is exempt");
	is(as(&root, attach_rw, NAME), 0, "root can attach it");
	is(as(&owner, attach_rw, NAME), 0, "the owner can attach the full region");
	is(crowd_grow(&owners, &owner, USER_MAX, attach_rw, NAME), REGION_OWN,
	   "the owner attaches it 1024 times more");
	is(owners.ret, -ENOSPC, "once more is ENOSPC for the owner");
	is(as(&root, attach_rw, NAME), -ENOSPC,
	   "an attachment beyond the region's limit is ENOSPC for root");
	is(view_region(region).attached, REGION_MAX, "4096 are attached");
	crowd_shrink(&bobs, bobs.n - 1);
	ok(attached_is(region, REGION_MAX - 1), "(one of the readers is killed)");
	is(as(&bob, attach_ro, NAME), -ENOSPC,
	   "the place that a process left is no other reader's");
	is(as(&owner, attach_rw, NAME), 0, "the place that a process left is the owner's");
}

static void test_end(void)
{
	crowd_shrink(&anns, 0);
	crowd_shrink(&bobs, 0);
	ok(attached_is(region, REGION_OWN), "when the readers have ended the owner has his places");
	is(as(&ann, attach_ro, NAME), 0, "there are places for readers when readers have ended");
	crowd_shrink(&owners, 0);
	ok(attached_is(region, 0), "when all have ended nothing is attached");
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
