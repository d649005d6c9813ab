// SPDX-License-Identifier: MIT
/*
 * Two users and a view for each, so that every page has exactly one writer:
 * neither gets beyond what he was given, and each sees what the other writes.
 * timeout: 300
 */
#define PEER_EXTRA(m, fd) peer_become((m)->a)
#define PEER_BECOME PEER_OPS	/* a: uid, and gid; for good */

static long peer_become(long id);

#include "views.h"

#include <grp.h>

#define NAME "test-view-split"
#define WORDS 8	/* spread over each page */

static long peer_become(long id)
{
	return setgroups(0, NULL) || setresgid(id, id, id) || setresuid(id, id, id) ? -errno : 0;
}

struct side {
	const char *view;
	uid_t uid;
	const char *layout;
	struct peer peer;
};

static char *base;
static uint64_t page;

static int64_t open_node(struct side *s, const char *view, int flags)
{
	struct peer_msg m = { .op = PEER_OPEN_VIEW, .a = flags };

	snprintf(m.text, sizeof(m.text), NAME "/%s", view);
	return peer_call(&s->peer, m);
}

static void add_side(struct side *s)
{
	struct msharearena_range r[16];
	struct msharearena_view v = view_args(s->view, r, layout_ranges(s->layout, page, r));

	v.uid = s->uid;
	v.gid = s->uid;
	is(add_view(NAME, &v), 0, "%s: a view for user %u", s->view, s->uid);
}

static void begin_side(struct side *s, const char *other)
{
	s->peer = peer_start();
	is(PEER(s->peer, .op = PEER_BECOME, .a = s->uid), 0, "%s: become the user", s->view);
	is(open_node(s, "rw", O_RDONLY), -EACCES, "%s: rw is not his", s->view);
	is(open_node(s, "ro", O_RDONLY), -EACCES, "%s: nor is ro", s->view);
	is(open_node(s, other, O_RDONLY), -EACCES, "%s: nor is %s", s->view, other);
	ok(open_node(s, s->view, O_RDWR) >= 0, "%s: but his own is", s->view);
	is(PEER(s->peer, .op = PEER_ATTACH, .a = PROT_READ), -EACCES,
	   "%s: not for reading alone, which it cannot be", s->view);
	is(PEER(s->peer, .op = PEER_ATTACH, .a = PROT_READ | PROT_WRITE), (intptr_t)base,
	   "%s: attached", s->view);
}

static uint64_t value(const struct side *s, uint64_t offset, uint64_t round)
{
	return (offset << 20) + (round << 16) + s->uid;
}

static uint64_t word(unsigned int i)
{
	return (page / WORDS * i) & ~7ULL;
}

/* Every word of the page: is it this side's to store, and does it arrive? */
static bool writes_page(struct side *s, unsigned int n, uint64_t round)
{
	bool mine = s->layout[n] == 'w';

	for (unsigned int i = 0; i < WORDS; i++) {
		uint64_t offset = n * page + word(i);
		int64_t sig = PEER(s->peer, .op = PEER_STORE, .a = (intptr_t)base + offset,
				   .b = value(s, offset, round));

		if (sig != (mine ? 0 : SIGSEGV))
			return false;
	}
	return true;
}

/* Does he see in page @n what @by wrote, or nothing if it is not shown? */
static bool sees_page(struct side *s, unsigned int n, const struct side *by, uint64_t round)
{
	int64_t want = s->layout[n] == '.' ? SIGBUS : 0;

	for (unsigned int i = 0; i < WORDS; i++) {
		uint64_t offset = n * page + word(i);
		int64_t sig = PEER(s->peer, .op = PEER_LOAD, .a = (intptr_t)base + offset);

		if (sig != want || (!want && s->peer.value != value(by, offset, round)))
			return false;
	}
	return true;
}

/* Both try to write all of it; each page has what its one writer wrote. */
static void test_round(struct side *np, struct side *sp, uint64_t round)
{
	for (unsigned int n = 0; np->layout[n]; n++) {
		struct side *writer = np->layout[n] == 'w' ? np : sp;

		ok(writes_page(np, n, round) && writes_page(sp, n, round) &&
		   writes_page(np, n, round), "page %u: %s stores, the other cannot", n,
		   writer->view);
	}
	for (unsigned int n = 0; np->layout[n]; n++) {
		struct side *writer = np->layout[n] == 'w' ? np : sp;

		ok(sees_page(np, n, writer, round) && sees_page(sp, n, writer, round),
		   "page %u: each sees what %s wrote, if it is shown to him", n, writer->view);
	}
}

/* The writer dies: his pages stay as they are, and nobody else gets them. */
static void test_death(struct side *np, struct side *sp, uint64_t round)
{
	peer_kill(&np->peer);
	for (unsigned int n = 0; np->layout[n]; n++) {
		if (np->layout[n] != 'w')
			continue;
		ok(writes_page(sp, n, round + 1) && sees_page(sp, n, np, round),
		   "page %u: as it was, and not the other's, after its writer's death", n);
	}
	peer_kill(&sp->peer);
}

static void test_size(uint64_t size, const char *np_layout, const char *sp_layout)
{
	struct side np = { .view = "np", .uid = 1001, .layout = np_layout };
	struct side sp = { .view = "sp", .uid = 1002, .layout = sp_layout };
	uint64_t length = strlen(np_layout) * size;
	long free = pages_free(size);
	int fd;

	page = size;
	diag("pages of %lu KiB, np %s, sp %s", (unsigned long)size >> 10, np_layout, sp_layout);
	fd = region_with(NAME, page, length);
	base = (char *)(uintptr_t)view_region(fd).addr;
	add_side(&np);
	add_side(&sp);
	begin_side(&np, sp.view);
	begin_side(&sp, np.view);
	is(view_region(fd).attached, 2, "two processes are attached");
	test_round(&np, &sp, 1);
	test_round(&np, &sp, 2);
	test_death(&np, &sp, 2);
	close(fd);
	region_unlink(NAME);
	is(pages_free(size), free, "all memory is given back");
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(16);
	need_1g(2);
	/* No page is written by both; each has one that the other does not see. */
	test_size(SZ_4K, "wrwr.wrw", "rwrww.wr");
	test_size(SZ_2M, "wrwr.wrw", "rwrww.wr");
	test_size(SZ_1G, "wr", "rw");
	test_size(SZ_1G, "w.", ".w");
	return done_testing();
}
