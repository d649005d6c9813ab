// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the number of pieces in which a region gets its memory is limited, and the last
 * ones are reserved for its owner.
 *
 * timeout: 900
 */
#include "users.h"

#include <sys/resource.h>

#define NAME "test-caps-export"

/* These are the limits of kmod/limits.h. */
#define PIECES_MAX 65536
#define PIECES_OWN 4096

static const struct user root = { .name = "root" };
static const struct user owner = { .name = "the owner", .uid = 1010, .gid = 1010 };
static const struct user ann = { .name = "ann", .uid = 1011, .gid = 1011 };
static const struct user exempt = { .name = "ann with CAP_SYS_RESOURCE", .uid = 1011,
				    .gid = 1011, .caps = CAP(SYS_RESOURCE) };

/* Shared with children: the number of pieces, and the result of the next export. */
static volatile struct {
	unsigned int n;
	int ret;
} *outcome;

/* Export the same page again and again, until there are as many pieces as @arg says. */
static int export_pieces(void *arg)
{
	unsigned int max = *(unsigned int *)arg;
	int fd = view_open(NAME, "rw", O_RDWR);
	char *page = donor(SZ_4K, SZ_4K);

	if (fd < 0)
		return fd;
	outcome->ret = 0;
	while (outcome->n < max) {
		outcome->ret = view_export(fd, page, SZ_4K, outcome->n * SZ_4K);
		if (outcome->ret)
			break;
		outcome->n++;
	}
	close(fd);
	return outcome->ret;
}

static int export_until(const struct user *u, unsigned int max)
{
	return as(u, export_pieces, &max);
}

static int new_region(void)
{
	struct msharearena_create c = create_args(NAME, SZ_4K, SZ_1G);
	int fd;

	region_unlink(NAME);
	c.uid = owner.uid;
	c.mode = 0666;
	fd = create_open(&c);
	if (fd < 0)
		bail("create: %s", strerror(-fd));
	return fd;
}

int main(void)
{
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	long pinned = pinned_pages();
	int fd = new_region();

	setrlimit(RLIMIT_MEMLOCK, &none);
	outcome = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	is(export_until(&ann, PIECES_MAX), -ENOSPC,
	   "a user who may write to a region gets ENOSPC before its pieces are used up");
	is(outcome->n, PIECES_MAX - PIECES_OWN, "61440 pieces are available to everybody");
	is(view_region(fd).exported, outcome->n * SZ_4K,
	   "GET_REGION counts the memory of each piece");
	is(export_until(&exempt, outcome->n + 1), 0,
	   "a user with CAP_SYS_RESOURCE can export a further piece");
	is(export_until(&owner, outcome->n + 1), 0,
	   "the owner can export a further piece");
	is(export_until(&ann, PIECES_MAX), -ENOSPC,
	   "other users still get ENOSPC after the owner's export");
	is(export_until(&owner, PIECES_MAX + 1), -ENOSPC,
	   "the owner gets ENOSPC when all pieces are used up");
	is(outcome->n, PIECES_MAX, "a region has at most 65536 pieces");
	is(export_until(&root, PIECES_MAX + 1), -ENOSPC,
	   "exporting more than 65536 pieces gives ENOSPC to root");
	is(view_region(fd).exported, PIECES_MAX * SZ_4K, "each of 65536 pieces has memory");
	view_unlink(fd);
	close(fd);
	is(pinned_pages(), pinned, "no page is pinned after the region has ended");
	return done_testing();
}
