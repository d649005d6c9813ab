// SPDX-License-Identifier: MIT
#include "admission.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void admission_init(struct admission *a, const struct admission_config *config,
		    uint32_t longest)
{
	uint32_t spare = config->total > longest ? config->total - longest : 0;
	struct admission_config *c = &a->config;

	*a = (struct admission){ .config = *config };
	c->client = least(c->client, spare / c->clients);
	spare -= c->client * c->clients;
	c->export = least(c->export, spare / c->exports);
	a->rest = c->total - c->client * c->clients - c->export * c->exports;
}

/* How much a client that has @n has beyond its own part. */
static uint32_t beyond(const struct admission *a, uint32_t n)
{
	return n > a->config.client ? n - a->config.client : 0;
}

/* How much of the rest an export's clients have if they have @n beyond their own parts. */
static uint32_t of_rest(const struct admission *a, uint32_t n)
{
	return n > a->config.export ? n - a->config.export : 0;
}

static bool is_full(const struct admission *a, const struct admission_export *e, uint32_t more)
{
	uint32_t had = of_rest(a, e->used), has = of_rest(a, e->used + more);

	/* Clients that wait already come first. */
	if (e->is_waited_for || (has > had && a->is_waited_for))
		return true;
	if (e->is_bounded && had && has > had)
		return true;
	return a->rest_used - had + has > a->rest && has > had;
}

static uint32_t left_for(const struct admission *a, const struct admission_export *e)
{
	uint32_t own = a->config.export > e->used ? a->config.export - e->used : 0;

	return own + (a->rest > a->rest_used ? a->rest - a->rest_used : 0);
}

static enum admission_answer judge(const struct admission *a, const struct admission_export *e,
				   uint32_t had, uint32_t has)
{
	uint32_t more = has - had;

	if (!more)
		return ADMISSION_GRANTED;
	if (had && (uint64_t)has + more > left_for(a, e))
		return ADMISSION_ENOUGH;
	return is_full(a, e, more) ? ADMISSION_FULL : ADMISSION_GRANTED;
}

/* Update the accounts of an export and of the rest: a client had @had and now has @has. */
static void account(struct admission *a, struct admission_export *e, uint32_t had, uint32_t has)
{
	a->rest_used -= of_rest(a, e->used);
	e->used += has - had;
	a->rest_used += of_rest(a, e->used);
}

void admission_bound(struct admission *a, uint32_t export)
{
	a->export[export].is_bounded = a->config.exports > 1;
}

enum admission_answer admission_take(struct admission *a, uint32_t export,
				     struct admission_client *c, uint32_t n)
{
	uint32_t had = beyond(a, c->used), has = beyond(a, c->used + n);
	struct admission_export *e = &a->export[export];
	enum admission_answer answer = judge(a, e, had, has);

	if (beyond(a, n) > a->rest + a->config.export)
		return ADMISSION_NEVER;
	if (answer != ADMISSION_GRANTED)
		return answer;
	account(a, e, had, has);
	c->used += n;
	a->used += n;
	return ADMISSION_GRANTED;
}

void admission_give(struct admission *a, uint32_t export, struct admission_client *c,
		    uint32_t n)
{
	account(a, &a->export[export], beyond(a, c->used), beyond(a, c->used - n));
	c->used -= n;
	a->used -= n;
}

/*
 * What is lost is taken from the rest first, and what is beyond that is owed, so that what is found
 * again goes where it was.
 */
void admission_lose(struct admission *a, uint32_t n)
{
	uint32_t taken = least(a->rest, n);

	a->rest -= taken;
	a->owed += n - taken;
	a->config.total -= least(a->config.total, n);
}

void admission_find(struct admission *a, uint32_t n)
{
	uint32_t paid = least(a->owed, n);

	a->owed -= paid;
	a->rest += n - paid;
	a->config.total += n;
}

void admission_wait(struct admission *a, uint32_t export)
{
	struct admission_export *e = &a->export[export];

	e->is_waited_for = true;
	/* A bounded export waits for what it has itself, and no other one has to wait for that. */
	if (!e->is_bounded || !of_rest(a, e->used))
		a->is_waited_for = true;
}

void admission_round(struct admission *a)
{
	for (uint32_t i = 0; i < a->config.exports; i++)
		a->export[i].is_waited_for = false;
	a->is_waited_for = false;
}
