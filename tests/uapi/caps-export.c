// SPDX-License-Identifier: MIT
/*
 * In how many pieces a region may be given its memory, and that the last ones
 * are its owner's.
 *
 * timeout: 900
 */
#include "users.h"

#include <sys/resource.h>

#define NAME "test-caps-export"

/* As in kmod/limits.h. */
#define PIECES_MAX 65536
#define PIECES_OWN 4096

static const struct user root = { .name = "root" };
static const struct user owner = { .name = "the owner", .uid = 1010, .gid = 1010 };
static const struct user ann = { .name = "ann", .uid = 1011, .gid = 1011 };
static const struct user exempt = { .name = "ann with CAP_SYS_RESOURCE", .uid = 1011,
				    .gid = 1011, .caps = CAP(SYS_RESOURCE) };

/* Shared with children: how many pieces there are, and what the next one gave. */
static volatile struct {
	unsigned int n;
	int ret;
} *outcome;

/* The same page again and again, up to as many pieces as @arg says. */
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
	   "a user who may write to a region cannot use up its pieces: ENOSPC");
	is(outcome->n, PIECES_MAX - PIECES_OWN, "61440 pieces are everybody's");
	is(view_region(fd).exported, outcome->n * SZ_4K, "GET_REGION counts each of them");
	is(export_until(&exempt, outcome->n + 1), 0, "CAP_SYS_RESOURCE has one more");
	is(export_until(&owner, outcome->n + 1), 0,
	   "the owner can export one piece more than other users");
	is(export_until(&ann, PIECES_MAX), -ENOSPC,
	   "the owner's pieces have made no place for others");
	is(export_until(&owner, PIECES_MAX + 1), -ENOSPC,
	   "the owner uses up the rest, and is then told so, too");
	is(outcome->n, PIECES_MAX, "65536 pieces are all");
	is(export_until(&root, PIECES_MAX + 1), -ENOSPC,
	   "more than 65536 pieces are ENOSPC for root");
	is(view_region(fd).exported, PIECES_MAX * SZ_4K, "each of them has memory");
	view_unlink(fd);
	close(fd);
	is(pinned_pages(), pinned, "all pages are let go of when the region ends");
	return done_testing();
}
