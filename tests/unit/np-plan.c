// SPDX-License-Identifier: MIT
/*
 * Goal: plan_make() plans a receive so that the bytes of a stream of WRITEs come to the extents
 * where they belong, no byte of the stream is left out, and everything fits the area for headers
 * and the list of pieces.
 * Method: streams of requests as a client may send them, received as planned.
 */
#include <np/plan.h>
#include <string.h>

#include "tap.h"

#define HEADER	28U
#define AREA	2048U

static void see_writes(struct plan_guess *g, uint32_t n, uint32_t length, uint32_t within)
{
	while (n--)
		plan_saw_write(g, length, within);
}

static void test_guess(void)
{
	struct plan_guess g = { 0 };

	is(plan_pairs(&g), 0, "nothing is guessed of a client that has sent nothing");
	see_writes(&g, 1, 4096, 0);
	is(plan_pairs(&g), 0, "nothing is guessed after a single WRITE");
	see_writes(&g, 1, 4096, 0);
	ok(plan_pairs(&g) > 0, "a second WRITE of the same length makes a guess");
	ok(g.length == 4096 && !g.within, "the guess is a WRITE like the last one");
	see_writes(&g, 1, 4096, 512);
	is(plan_pairs(&g), 0, "a WRITE that begins elsewhere in its buffer ends the guess");
	see_writes(&g, 8, 4096, 0);
	for (int i = 0; i < 3; i++)
		plan_saw_other(&g);
	ok(plan_pairs(&g) > 0, "a few other requests among many WRITEs do not end the guess");
	for (uint32_t i = 0; i < PLAN_TRUST_MAX + PLAN_TRUST_GAIN; i++)
		plan_saw_other(&g);
	is(plan_pairs(&g), 0, "many other requests end the guess");
}

static void test_burst(void)
{
	struct plan_guess g = { 0 };
	uint32_t one;

	see_writes(&g, 8, 4096, 0);
	plan_saw_burst(&g, 1);
	one = plan_pairs(&g);
	plan_saw_burst(&g, 16);
	ok(plan_pairs(&g) > 16, "after 16 requests at once there is room for 16 WRITEs and more");
	plan_saw_burst(&g, 1000);
	is(plan_pairs(&g), PLAN_PAIRS_MAX,
	   "there is never room for more WRITEs than a list of pieces holds");
	for (int i = 0; i < 1000; i++)
		plan_saw_burst(&g, 1);
	is(plan_pairs(&g), one,
	   "after many single requests there is room for as many WRITEs as at first");
	g = (struct plan_guess){ 0 };
	see_writes(&g, 8, PLAN_GUESS_BYTES_MAX / 2, 0);
	plan_saw_burst(&g, 16);
	is(plan_pairs(&g), 2,
	   "the guessed payloads of one receive together do not exceed their bound");
	g = (struct plan_guess){ 0 };
	see_writes(&g, 8, PLAN_GUESS_BYTES_MAX + 1, 0);
	is(plan_pairs(&g), 0, "no extent is kept ready for a payload that exceeds the bound");
}

static void test_headers(void)
{
	struct plan_wish w = { .area = AREA, .header = HEADER };
	struct plan p;

	plan_make(&p, &w);
	ok(p.n == 1 && p.piece[0].kind == PLAN_AREA && !p.piece[0].from &&
	   p.piece[0].length == AREA, "without a guess headers fill the whole area");
	w.have = 5;
	plan_make(&p, &w);
	ok(p.n == 1 && p.piece[0].length == AREA,
	   "without a guess the rest of a header and what follows fill the whole area");
	w.have = 0;
	w.payload = 1000;
	w.payload_from = 3096;
	plan_make(&p, &w);
	ok(p.n == 2 && p.piece[0].kind == PLAN_PAYLOAD && p.piece[0].from == 3096 &&
	   p.piece[0].length == 1000 && p.piece[1].kind == PLAN_AREA,
	   "the rest of a payload is received first, into its extent, then headers");
	w.area = 0;
	plan_make(&p, &w);
	is(p.n, 1, "without an area only the rest of the payload is received");
}

/* Receive a stream of WRITEs of one length, the first of which has begun to come. */
static void test_pairs(uint32_t payload, uint32_t have, uint32_t area)
{
	struct plan_wish w = {
		.payload = payload, .payload_from = 4096 - payload, .area = area,
		.header = HEADER, .have = have, .pairs = PLAN_PAIRS_MAX, .length = 4096,
		.within = 7,
	};
	uint32_t from = 0, n = 0, first = payload ? 1 : 0, room, lacks = HEADER - have;
	bool is_right = true;
	struct plan p;

	plan_make(&p, &w);
	room = (area - lacks) / HEADER + 1;
	if (room > PLAN_PAIRS_MAX)
		room = PLAN_PAIRS_MAX;
	for (uint32_t i = first; i + 1 < p.n; i += 2, n++) {
		const struct plan_piece *a = &p.piece[i], *b = &p.piece[i + 1];

		is_right &= a->kind == PLAN_AREA && a->from == from && a->length == lacks &&
			    b->kind == PLAN_GUESS && b->nth == n && b->from == 7 &&
			    b->length == 4096;
		from += lacks;
		lacks = HEADER;
	}
	ok(is_right && from <= area && p.n == first + 2 * n && p.n <= PLAN_PIECES_MAX,
	   "with %u bytes of a payload and %u of a header known, each header is followed by its "
	   "payload in an area of %u", payload, have, area);
	is(n, room, "as many pairs as an area of %u has headers for are planned", area);
}

int main(void)
{
	test_guess();
	test_burst();
	test_headers();
	test_pairs(0, 0, AREA);
	test_pairs(0, 13, AREA);
	test_pairs(100, 0, AREA);
	test_pairs(4096, 0, 512);
	test_pairs(0, 27, 512);
	return done_testing();
}
