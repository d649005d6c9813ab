// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the number of published rings is limited for copies of one ring, for an attachment,
 * a user and a region, and the last places of a region are reserved for its owner.
 *
 * timeout: 600
 */
#include "caps.h"

#include <liburing.h>

#define NAME "test-caps-rings"
#define OTHER "test-caps-rings-2"

/* These are the limits of kmod/limits.h. */
#define COPIES 16
#define ATTACHMENT_MAX 256
#define REGION_MAX 1024
#define REGION_OWN 256
#define USER_MAX 512

static const struct user root = { .name = "root" };
static const struct user owner = { .name = "the owner", .uid = 1010, .gid = 1010 };
static const struct user ann = { .name = "ann", .uid = 1011, .gid = 1011 };
static const struct user bob = { .name = "bob", .uid = 1012, .gid = 1012 };

static int region;

/* Shared with children: the number of published rings, and the result of the next one. */
static volatile struct {
	unsigned int n;
	int ret;
} *outcome;

static unsigned int limit = ATTACHMENT_MAX + 1;	/* how many rings a child tries to publish */

/* Publish up to @max rings, each of them 16 times. */
static void publish_many(int fd, unsigned int max)
{
	struct io_uring ring;

	outcome->n = 0;
	outcome->ret = 0;
	while (outcome->n < max) {
		if (!(outcome->n % COPIES) && io_uring_queue_init(1, &ring, 0))
			bail("ring %u: %s", outcome->n, strerror(errno));
		outcome->ret = publish(fd, ring.ring_fd, outcome->n, -1);
		if (outcome->ret)
			return;
		outcome->n++;
	}
}

/* The child's part; it returns an error only if it could publish no ring at all. */
static int publish_to(void *name)
{
	int fd = view_open(name, "rw", O_RDWR);

	if (fd < 0)
		return fd;
	if (!attach(fd, PROT_READ | PROT_WRITE))
		return -errno;
	publish_many(fd, limit);
	return outcome->n ? 0 : outcome->ret;
}

/* Start a process that publishes as many rings as it can: @n, and then the error @ret. */
static void expect(struct crowd *c, const struct user *u, const char *name, unsigned int n,
		   int ret, const char *what)
{
	outcome->n = 0;
	crowd_grow(c, u, 1, publish_to, (void *)name);
	is(outcome->n, n, "%s can publish %u rings", what, n);
	is(outcome->ret, ret, "the next ring of %s gives %s", what,
	   ret ? strerrorname_np(-ret) : "no error");
}

static void test_copies(void)
{
	char *base = attach(region, PROT_READ | PROT_WRITE);
	struct io_uring a, b;
	int n = 0, ret;

	if (io_uring_queue_init(1, &a, 0) || io_uring_queue_init(1, &b, 0))
		bail("io_uring_queue_init");
	while (n < 100 && !(ret = publish(region, a.ring_fd, n, -1)))
		n++;
	is(n, COPIES, "one ring can be published 16 times");
	is(ret, -ENOSPC, "publishing a ring a 17th time gives ENOSPC");
	is(publish(region, b.ring_fd, 100, -1), 0, "another ring can be published");
	is(closed(take(region, -1, 3)), 0, "one of the 16 copies is taken");
	is(publish(region, a.ring_fd, 3, -1), 0,
	   "the ring can be published again after one of its copies was taken");
	is(publish(region, a.ring_fd, 99, -1), -ENOSPC, "the next copy of the ring gives ENOSPC");
	is(withdraw(region, 5), 0, "one of the 16 copies is withdrawn");
	is(publish(region, a.ring_fd, 99, -1), 0,
	   "the ring can be published again after one of its copies was withdrawn");
	io_uring_queue_exit(&a);
	io_uring_queue_exit(&b);
	munmap(base, WINDOW);
}

static void test_attachment(void)
{
	struct crowd c = { .n = 0 };

	expect(&c, &root, NAME, ATTACHMENT_MAX, -ENOSPC, "one process of root");
	is(closed(take(region, -1, 17)), 0, "a ring of root's process is taken");
	crowd_shrink(&c, 0);
	is(take(region, -1, 18), -EAGAIN, "rings of a process that ended cannot be taken");
}

static void test_user_and_region(void)
{
	static struct crowd anns, others, owners;
	int other = owned_region(OTHER, &owner, 0666);

	expect(&anns, &ann, NAME, ATTACHMENT_MAX, -ENOSPC, "ann's first process");
	expect(&anns, &ann, OTHER, ATTACHMENT_MAX, -EDQUOT,
	       "ann's second process, in another region,");
	expect(&anns, &ann, NAME, 0, -EDQUOT, "ann's third process, with her quota used up,");
	is(closed(take(other, -1, 8)), 0, "one of ann's rings is taken");
	expect(&anns, &ann, NAME, 1, -EDQUOT,
	       "ann's fourth process, after a ring was taken,");
	crowd_shrink(&anns, 2);
	expect(&others, &bob, NAME, ATTACHMENT_MAX, -ENOSPC, "bob's first process");
	expect(&others, &bob, NAME, ATTACHMENT_MAX, -EDQUOT, "bob's second process");
	expect(&others, &bob, NAME, 0, -EDQUOT, "bob's third process, with his quota used up,");
	crowd_shrink(&anns, 1);
	expect(&anns, &ann, NAME, 0, -ENOSPC,
	       "a process of ann in a region of which 768 places are used");
	limit = REGION_OWN / 2;
	expect(&owners, &owner, NAME, REGION_OWN / 2, 0, "the owner, who wants 128,");
	limit = ATTACHMENT_MAX + 1;
	expect(&owners, &root, NAME, REGION_OWN / 2, -ENOSPC, "root, for whom 128 are left,");
	expect(&owners, &owner, NAME, 0, -ENOSPC, "the owner, when all 1024 places are used,");
	crowd_shrink(&others, 1);
	expect(&owners, &owner, NAME, ATTACHMENT_MAX, -ENOSPC,
	       "the owner, after a process of bob has ended,");
	expect(&anns, &ann, NAME, 0, -ENOSPC,
	       "a process of ann, after the owner took those places,");
	crowd_shrink(&owners, 0);
	expect(&anns, &ann, NAME, ATTACHMENT_MAX, -EDQUOT,
	       "a process of ann, after the owner's have ended,");
	close(other);
	region_unlink(OTHER);
	crowd_shrink(&anns, 0);
	crowd_shrink(&others, 0);
}

int main(void)
{
	outcome = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	region = owned_region(NAME, &owner, 0666);
	test_copies();
	test_attachment();
	test_user_and_region();
	view_unlink(region);
	close(region);
	return done_testing();
}
