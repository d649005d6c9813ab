// SPDX-License-Identifier: MIT
/*
 * Goal: a client that stays within its own part never waits, whatever all others have. The clients
 * of an export that stay within its part never wait for those of another export. No client gets
 * more than there is, and no later client overtakes one that waits for much.
 * Method: cases written by hand, then random clients of random greed, with the sums checked after
 * each step.
 */
#include <np/admission.h>
#include <string.h>

#include "tap.h"

#define TOTAL	1000U
#define CLIENTS	10U
#define EXPORTS	4U
#define OWN	20U
#define EXPORT	50U
#define REST	(TOTAL - CLIENTS * OWN - EXPORTS * EXPORT)

static struct admission a;
static struct admission_client client[CLIENTS];

static void start(void)
{
	const struct admission_config c = { TOTAL, CLIENTS, EXPORTS, OWN, EXPORT };

	admission_init(&a, &c, 100);
	memset(client, 0, sizeof(client));
}

static void is_answer(enum admission_answer is, enum admission_answer wanted, const char *what)
{
	is(is, wanted, "%s", what);
}

/* Take everything that the clients can have one after the other, in steps of 1. */
static void take_all(uint32_t export, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		while (admission_take(&a, export, &client[i], 1) == ADMISSION_GRANTED)
			;
}

static void test_own(void)
{
	start();
	is_answer(admission_take(&a, 0, &client[0], OWN), ADMISSION_GRANTED,
		  "a client is granted all of its own part at once");
	take_all(0, 1, CLIENTS - 1);
	take_all(1, 1, CLIENTS - 1);
	is_answer(admission_take(&a, 0, &client[CLIENTS - 1], OWN), ADMISSION_GRANTED,
		  "a newcomer is granted all of its own part beside greedy clients");
	admission_wait(&a, 0);
	admission_give(&a, 0, &client[CLIENTS - 1], 1);
	is_answer(admission_take(&a, 0, &client[CLIENTS - 1], 1), ADMISSION_GRANTED,
		  "a client is granted its own part while others wait");
}

static void test_export(void)
{
	start();
	take_all(0, 0, 6);
	ok(a.rest_used > REST / 2, "greedy clients of one export take most of the rest");
	is_answer(admission_take(&a, 1, &client[6], OWN + EXPORT), ADMISSION_GRANTED,
		  "a client of another export is granted all of that export's part");
	admission_wait(&a, 0);
	is_answer(admission_take(&a, 2, &client[7], OWN + EXPORT), ADMISSION_GRANTED,
		  "a client of a third export is granted that export's part while others wait");
	is_answer(admission_take(&a, 3, &client[8], OWN + EXPORT + 1), ADMISSION_FULL,
		  "no other client is granted of the rest while a client waits for it");
	admission_round(&a);
	is_answer(admission_take(&a, 3, &client[8], OWN + EXPORT + 1), ADMISSION_GRANTED,
		  "admission grants what is left of the rest in the next round");
}

static void test_greed(void)
{
	start();
	take_all(0, 0, 1);
	ok(client[0].used >= (REST + EXPORT) / 2 && client[0].used <= OWN + (REST + EXPORT) / 2,
	   "a single client gets its own part and half of the rest (%u)", client[0].used);
	is_answer(admission_take(&a, 0, &client[0], 1), ADMISSION_ENOUGH,
		  "a client that has half of the rest is refused more until it gives some back");
	is_answer(admission_take(&a, 0, &client[1], OWN + 100), ADMISSION_GRANTED,
		  "a second client is granted a long request out of what the first one left");
}

static void test_never(void)
{
	start();
	is_answer(admission_take(&a, 0, &client[0], OWN + EXPORT + REST + 1), ADMISSION_NEVER,
		  "a client that asks for more than there can be is never granted it");
	is_answer(admission_take(&a, 0, &client[0], OWN + EXPORT + REST), ADMISSION_GRANTED,
		  "a client that has nothing is granted all that one client may have");
	admission_give(&a, 0, &client[0], OWN + EXPORT + REST);
	admission_lose(&a, 100);
	is_answer(admission_take(&a, 0, &client[0], OWN + EXPORT + REST), ADMISSION_NEVER,
		  "a client is never granted what was lost");
	is_answer(admission_take(&a, 0, &client[0], OWN + EXPORT + REST - 100),
		  ADMISSION_GRANTED, "a client is granted what remains after a loss");
	admission_give(&a, 0, &client[0], OWN + EXPORT + REST - 100);
	admission_find(&a, 100);
	is_answer(admission_take(&a, 0, &client[0], OWN + EXPORT + REST), ADMISSION_GRANTED,
		  "a client is granted all again when what was lost is found");
	admission_give(&a, 0, &client[0], OWN + EXPORT + REST);
	admission_lose(&a, REST + 7);
	admission_find(&a, REST + 7);
	is_answer(admission_take(&a, 0, &client[0], OWN + EXPORT + REST), ADMISSION_GRANTED,
		  "the same holds for more than the rest");
	is_answer(admission_take(&a, 1, &client[1], OWN + EXPORT + 1), ADMISSION_FULL,
		  "no more is granted than there was before");
}

static void test_small(void)
{
	const struct admission_config c = { 110, CLIENTS, EXPORTS, OWN, EXPORT };

	admission_init(&a, &c, 100);
	memset(client, 0, sizeof(client));
	is_answer(admission_take(&a, 0, &client[0], 100), ADMISSION_GRANTED,
		  "where there is little, a client is granted the longest request still");
	is_answer(admission_take(&a, 1, &client[1], 1), ADMISSION_GRANTED,
		  "where there is little, each client is granted its share of it");
}

static uint32_t used_of(const uint32_t *export, uint32_t e)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < CLIENTS; i++)
		if (export[i] == e && client[i].used > OWN)
			n += client[i].used - OWN;
	return n;
}

static bool is_sound(const uint32_t *export)
{
	uint32_t used = 0, rest = 0;

	for (uint32_t i = 0; i < CLIENTS; i++)
		used += client[i].used;
	for (uint32_t e = 0; e < EXPORTS; e++) {
		uint32_t n = used_of(export, e);

		if (a.export[e].used != n)
			return false;
		rest += n > EXPORT ? n - EXPORT : 0;
	}
	return a.used == used && used <= TOTAL && a.rest_used == rest && rest <= REST;
}

static void test_random(void)
{
	uint32_t export[CLIENTS], granted = 0, refused = 0;
	bool is_good = true;

	start();
	srand(1);
	for (uint32_t i = 0; i < CLIENTS; i++)
		export[i] = i % EXPORTS;
	for (int step = 0; step < 200000 && is_good; step++) {
		uint32_t i = (uint32_t)rand() % CLIENTS, n = 1 + (uint32_t)rand() % (10 + 9 * i);
		struct admission_client *c = &client[i];
		bool is_own = c->used + n <= OWN;
		enum admission_answer answer;

		if (rand() % 3 == 0 && c->used) {
			admission_give(&a, export[i], c, n < c->used ? n : c->used);
		} else {
			answer = admission_take(&a, export[i], c, n);
			granted += answer == ADMISSION_GRANTED;
			refused += answer != ADMISSION_GRANTED;
			is_good &= !is_own || answer == ADMISSION_GRANTED;
			if (answer == ADMISSION_FULL)
				admission_wait(&a, export[i]);
		}
		if (rand() % 8 == 0)
			admission_round(&a);
		is_good &= is_sound(export);
	}
	ok(is_good && granted > 1000 && refused > 1000,
	   "in 200000 random steps the sums are right and no client is refused its own part");
}

static void test_bounded(void)
{
	start();
	admission_bound(&a, 0);
	is_answer(admission_take(&a, 0, &client[0], OWN + EXPORT + 100), ADMISSION_GRANTED,
		  "a client of a bounded export is granted one large request");
	is_answer(admission_take(&a, 0, &client[1], OWN), ADMISSION_GRANTED,
		  "another client of the bounded export is granted its own part");
	is_answer(admission_take(&a, 0, &client[1], 1), ADMISSION_FULL,
		  "another client of the bounded export is granted nothing of the rest");
	admission_wait(&a, 0);
	ok(admission_is_pressed(&a, 0),
	   "a client that waits for its bounded export presses the clients of that export");
	ok(!admission_is_pressed(&a, 1),
	   "a client that waits for its bounded export presses no client of another export");
	is_answer(admission_take(&a, 1, &client[2], OWN + EXPORT + 100), ADMISSION_GRANTED,
		  "a client of another export is granted the rest while the bounded export waits");
	admission_give(&a, 0, &client[0], OWN + EXPORT + 100);
	admission_round(&a);
	is_answer(admission_take(&a, 0, &client[1], EXPORT + 1), ADMISSION_GRANTED,
		  "the bounded export is granted the rest again when it has given back its part");
}

static void test_bounded_alone(void)
{
	const struct admission_config c = { TOTAL, CLIENTS, 1, OWN, 0 };

	admission_init(&a, &c, 100);
	memset(client, 0, sizeof(client));
	admission_bound(&a, 0);
	take_all(0, 0, CLIENTS);
	ok(a.rest_used > 100, "a single export is not bounded, as it has no neighbours");
}

int main(void)
{
	test_own();
	test_export();
	test_greed();
	test_never();
	test_small();
	test_random();
	test_bounded();
	test_bounded_alone();
	return done_testing();
}
