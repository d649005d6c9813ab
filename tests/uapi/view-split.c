// SPDX-License-Identifier: MIT
/*
 * Goal: with a view for each of two users every page has exactly one writer. Neither user
 * gets more access than the view allows, and each sees what the other writes.
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
	is(add_view(NAME, &v), 0, "the view %s is added for user %u", s->view, s->uid);
}

static void begin_side(struct side *s, const char *other)
{
	s->peer = peer_start();
	is(PEER(s->peer, .op = PEER_BECOME, .a = s->uid), 0,
	   "a peer becomes the user of the view %s", s->view);
	is(open_node(s, "rw", O_RDONLY), -EACCES, "the user of %s cannot open rw", s->view);
	is(open_node(s, "ro", O_RDONLY), -EACCES, "the user of %s cannot open ro", s->view);
	is(open_node(s, other, O_RDONLY), -EACCES, "the user of %s cannot open %s", s->view, other);
	ok(open_node(s, s->view, O_RDWR) >= 0, "the user of %s can open that view", s->view);
	is(PEER(s->peer, .op = PEER_ATTACH, .a = PROT_READ), -EACCES,
	   "the user of %s cannot attach it for reading only, as it has writable pages", s->view);
	is(PEER(s->peer, .op = PEER_ATTACH, .a = PROT_READ | PROT_WRITE), (intptr_t)base,
	   "the user of %s can attach it for writing", s->view);
}

static uint64_t value(const struct side *s, uint64_t offset, uint64_t round)
{
	return (offset << 20) + (round << 16) + s->uid;
}

static uint64_t word(unsigned int i)
{
	return (page / WORDS * i) & ~7ULL;
}

/* True if stores of this side to each word of the page do what its view says. */
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

/* True if this side sees in page @n what @by wrote, or faults if the page is not shown. */
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

/* Both try to write to all pages; each page must have what its one writer wrote. */
static void test_round(struct side *np, struct side *sp, uint64_t round)
{
	for (unsigned int n = 0; np->layout[n]; n++) {
		struct side *writer = np->layout[n] == 'w' ? np : sp;

		ok(writes_page(np, n, round) && writes_page(sp, n, round) &&
		   writes_page(np, n, round),
		   "page %u can be stored to by the user of %s and not by the other", n,
		   writer->view);
	}
	for (unsigned int n = 0; np->layout[n]; n++) {
		struct side *writer = np->layout[n] == 'w' ? np : sp;

		ok(sees_page(np, n, writer, round) && sees_page(sp, n, writer, round),
		   "page %u shows what the user of %s wrote to each view that has it", n,
		   writer->view);
	}
}

/* When a writer is killed, its pages stay as they are, and nobody else can write to them. */
static void test_death(struct side *np, struct side *sp, uint64_t round)
{
	peer_kill(&np->peer);
	for (unsigned int n = 0; np->layout[n]; n++) {
		if (np->layout[n] != 'w')
			continue;
		ok(writes_page(sp, n, round + 1) && sees_page(sp, n, np, round),
		   "page %u keeps its content after its writer was killed", n);
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
	is(pages_free(size), free, "all pages are free at the end");
}

int main(int argc, char **argv)
{
	peer_main(argc, argv);
	reserve_2m(16);
	need_1g(2);
	/* No page has two writers, and each side has a page that the other does not see. */
	test_size(SZ_4K, "wrwr.wrw", "rwrww.wr");
	test_size(SZ_2M, "wrwr.wrw", "rwrww.wr");
	test_size(SZ_1G, "wr", "rw");
	test_size(SZ_1G, "w.", ".w");
	return done_testing();
}
