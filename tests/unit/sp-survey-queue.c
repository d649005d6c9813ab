// SPDX-License-Identifier: MIT
/*
 * Goal: surveys are taken in turns: nobody waits for more than one survey of each other network
 * process and of each other client, however many these have asked for, and none is lost.
 * Method: jobs of random network processes and clients come and are taken, more often the ones or
 * the others; after each turn the test counts for all that wait how many turns others have had.
 * Set SEED to repeat a run.
 */
#include <sp/survey-queue.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "tap.h"

#define JOBS	400
#define PEERS	5U
#define CLIENTS	6U
#define STEPS	20000

static struct {
	struct survey_turn turn;
	bool waits;
	unsigned long order;	/* of arrival */
} job[JOBS];

static struct survey_queue queue;
static unsigned long arrivals;

/* For each peer: how many turns others have had since it came or had one; the same for clients. */
static unsigned int peer_waits[PEERS], client_waits[PEERS][CLIENTS];

static unsigned int waiting(unsigned int peer, unsigned int client)
{
	unsigned int n = 0;

	for (int i = 0; i < JOBS; i++)
		n += job[i].waits && job[i].turn.peer == peer &&
		     (client == CLIENTS || job[i].turn.client == client);
	return n;
}

static void put(int i, unsigned int peer, unsigned int client)
{
	if (!waiting(peer, CLIENTS))
		peer_waits[peer] = 0;
	if (!waiting(peer, client))
		client_waits[peer][client] = 0;
	job[i].turn = (struct survey_turn){ .peer = peer, .client = (uint16_t)client };
	job[i].waits = true;
	job[i].order = arrivals++;
	survey_queue_put(&queue, &job[i].turn);
}

/* Some peers and clients ask much more often than others. */
static unsigned int often_low(unsigned int n)
{
	return (unsigned int)random() % (1 + (unsigned int)random() % n);
}

static int find(const struct survey_turn *t)
{
	for (int i = 0; i < JOBS; i++)
		if (t == &job[i].turn)
			return i;
	return -1;
}

static bool is_oldest_of_its_client(int i)
{
	for (int j = 0; j < JOBS; j++)
		if (job[j].waits && job[j].turn.peer == job[i].turn.peer &&
		    job[j].turn.client == job[i].turn.client && job[j].order < job[i].order)
			return false;
	return true;
}

static bool count_turn(unsigned int peer, unsigned int client)
{
	bool good = true;

	for (unsigned int p = 0; p < PEERS; p++)
		if (p != peer && waiting(p, CLIENTS))
			good &= ++peer_waits[p] < PEERS;
	for (unsigned int c = 0; c < CLIENTS; c++)
		if (c != client && waiting(peer, c))
			good &= ++client_waits[peer][c] < CLIENTS;
	peer_waits[peer] = 0;
	client_waits[peer][client] = 0;
	return good;
}

static bool take(void)
{
	struct survey_turn *t = survey_queue_take(&queue);
	int i = t ? find(t) : -1;
	bool good;

	if (!t)
		return !arrivals;
	if (i < 0 || !job[i].waits)
		return false;
	good = is_oldest_of_its_client(i);
	job[i].waits = false;
	return count_turn(t->peer, t->client) && good;
}

static bool random_steps(void)
{
	bool good = true;

	for (int step = 0; step < STEPS; step++) {
		int i = (int)(random() % JOBS);

		/* At times there are more arrivals, at times more turns. */
		if (random() % 16 < (step / 1000 % 2 ? 9 : 5) && !job[i].waits)
			put(i, often_low(PEERS), often_low(CLIENTS));
		else if (waiting(0, CLIENTS) + waiting(1, CLIENTS))
			good &= take();
	}
	return good;
}

/* Return: how many jobs are taken until the queue is empty; -1 if one was wrong. */
static int take_all(void)
{
	int n = 0;

	while (waiting(0, CLIENTS) + waiting(1, CLIENTS) + waiting(2, CLIENTS) +
	       waiting(3, CLIENTS) + waiting(4, CLIENTS)) {
		if (!take())
			return -1;
		n++;
	}
	return n;
}

static int flood_then_one(unsigned int peer, unsigned int client)
{
	int turns = 0;

	for (int i = 0; i < JOBS - 1; i++)
		put(i, 0, 0);
	put(JOBS - 1, peer, client);
	while (job[JOBS - 1].waits && take())
		turns++;
	take_all();
	return turns;
}

int main(void)
{
	const char *text = getenv("SEED");
	unsigned int seed = text ? (unsigned int)atoi(text) : (unsigned int)time(NULL);
	unsigned int left = 0;

	diag("SEED=%u", seed);
	srandom(seed);
	survey_queue_init(&queue);
	ok(!survey_queue_take(&queue), "an empty queue has no job");
	ok(random_steps(), "nobody waits for two turns of the same other process or client, and "
	   "the jobs of one client keep their order");
	for (unsigned int p = 0; p < PEERS; p++)
		left += waiting(p, CLIENTS);
	is(take_all(), left, "all jobs that wait are taken in the end");
	ok(!survey_queue_take(&queue), "after that the queue is empty");
	ok(flood_then_one(1, 0) <= 2,
	   "a network process with one survey waits for one of the %d of another", JOBS - 1);
	ok(flood_then_one(0, 1) <= 2, "a client with one survey waits for one of the %d of another "
	   "client of its network process", JOBS - 1);
	return done_testing();
}
