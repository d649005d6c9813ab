// SPDX-License-Identifier: MIT
#include "plan.h"

void plan_saw_write(struct plan_guess *g, uint32_t length, uint32_t within)
{
	bool is_like_last = g->length == length && g->within == within;

	if (is_like_last && g->trust < PLAN_TRUST_MAX)
		g->trust += PLAN_TRUST_GAIN;
	if (!is_like_last)
		*g = (struct plan_guess){ .length = length, .within = within,
					  .burst = g->burst };
}

void plan_saw_other(struct plan_guess *g)
{
	if (g->trust)
		g->trust--;
}

void plan_saw_burst(struct plan_guess *g, uint32_t requests)
{
	/* It grows at once and shrinks slowly, as a small receive may follow a large one. */
	if (requests >= g->burst)
		g->burst = requests;
	else
		g->burst--;
}

uint32_t plan_pairs(const struct plan_guess *g)
{
	uint32_t most = g->length ? PLAN_GUESS_BYTES_MAX / g->length : 0;
	uint32_t n = g->trust ? g->burst + 2 : 0;

	if (most > PLAN_PAIRS_MAX)
		most = PLAN_PAIRS_MAX;
	return n < most ? n : most;
}

static void add(struct plan *p, enum plan_kind kind, uint32_t nth, uint32_t from,
		uint32_t length)
{
	p->piece[p->n++] = (struct plan_piece){
		.kind = (uint16_t)kind,
		.nth = (uint16_t)nth,
		.from = from,
		.length = length,
	};
}

void plan_make(struct plan *p, const struct plan_wish *w)
{
	uint32_t at = 0, lacks = w->header - w->have;

	p->n = 0;
	if (w->payload)
		add(p, PLAN_PAYLOAD, 0, w->payload_from, w->payload);
	for (uint32_t i = 0; i < w->pairs && w->area - at >= lacks; i++) {
		add(p, PLAN_AREA, 0, at, lacks);
		add(p, PLAN_GUESS, i, w->within, w->length);
		at += lacks;
		lacks = w->header;
	}
	if (!at && w->area)
		add(p, PLAN_AREA, 0, 0, w->area);
}
