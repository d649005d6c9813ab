// SPDX-License-Identifier: MIT
#include "hold.h"

#include <assert.h>
#include <common/log.h>
#include <errno.h>
#include <stdlib.h>

#include "alive.h"
#include "np.h"
#include "use.h"

/* An entry of the array that is sorted. */
struct entry {
	struct request *request;
};

static bool is_of(const struct request *s, const struct peer *peer)
{
	return (s->state == REQUEST_AT_SP || s->state == REQUEST_QUEUED) &&
	       s->conn->sp == peer->id;
}

static void drop(struct request *s)
{
	use_forget(s);
	request_drop_payload(s);
	request_put(s);
}

bool hold_is_wanted(const struct peer *peer)
{
	const struct np *np = peer->np;

	return np->options->hold_seconds && !np->stop.is_stopping &&
	       !export_is_vacant(&np->offered.set.export[peer->id]);
}

/* A dead SP knows no clients any more, so it is not told which of them leave. */
static void close_all(struct peer *peer)
{
	struct np *np = peer->np;

	for (uint32_t i = 0; i < np->requests.n; i++) {
		struct request *s = &np->requests.request[i];

		if (!is_of(s, peer) || s->command.operation != PROTO_CLOSE)
			continue;
		peer_unqueue(peer, s);
		drop(s);
	}
}

void hold_from_start(struct peer *peer)
{
	struct np *np = peer->np;
	struct export *e = &np->exports.export[peer->id];

	peer->state = PEER_HELD;
	peer->held_until = np->now + np->options->hold_seconds;
	e->is_served = true;
	/*
	 * The SP has not said yet what its disk can do, and clients that were handed over know it
	 * already. The SP refuses what it cannot do.
	 */
	e->can_discard = true;
	e->can_zero = true;
}

void hold_begin(struct peer *peer)
{
	struct np *np = peer->np;

	if (peer->state != PEER_OPEN)
		return;
	log_warn("export '%s': its storage process has ended: requests wait for another one"
		 LOG_NO_ACTION, np->offered.set.export[peer->id].label);
	peer->state = PEER_HELD;
	peer->held_until = np->now + np->options->hold_seconds;
	np->counters.holds++;
	close_all(peer);
}

bool hold_is_over(const struct peer *peer)
{
	const struct np *np = peer->np;

	return peer->state == PEER_HELD && (np->now > peer->held_until || np->stop.is_stopping);
}

void hold_again(struct peer *peer, struct request *s)
{
	hold_begin(peer);
	peer_requeue(peer, s);
}

void hold_abandon(struct conn *c)
{
	struct np *np = c->np;
	struct peer *peer = &np->peer[c->sp];

	if (peer->state != PEER_HELD || !c->n_requests)
		return;
	for (uint32_t i = 0; i < np->requests.n && c->n_requests; i++) {
		struct request *s = &np->requests.request[i];

		if (s->conn == c && s->state == REQUEST_AT_SP &&
		    s->command.operation != PROTO_WRITE)
			drop(s);
	}
}

void hold_regain(struct peer *peer)
{
	struct np *np = peer->np;

	arena_reclaim_from(np->arena, peer->role);
	lent_clear_all(np, peer);
	peer->n_kept = 0;
	np->counters.withheld_buffers -= peer->n_withheld;
	admission_find(&np->share.payload, peer->n_withheld);
	peer->n_withheld = 0;
	np->has_given = true;
}

/* Take a request back. Return: false if nobody waits for its reply any more. */
static bool take_request(struct peer *peer, struct request *s)
{
	struct np *np = peer->np;
	int ret = 0;

	if (s->state == REQUEST_AT_SP && s->command.operation == PROTO_WRITE)
		ret = arena_unlend(np->arena, s->buf);
	assert(!ret);
	(void)ret;
	peer_unqueue(peer, s);
	if (s->conn->phase == CONN_DEAD) {
		drop(s);
		return false;
	}
	alive_renew(s);
	return true;
}

static int by_time(const void *a, const void *b)
{
	const struct entry *one = a, *other = b;

	return (one->request->received_ns > other->request->received_ns) -
	       (one->request->received_ns < other->request->received_ns);
}

int hold_end(struct peer *peer)
{
	struct np *np = peer->np;
	struct entry *all = calloc(np->requests.n, sizeof(*all));
	uint32_t n = 0;

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < np->requests.n; i++) {
		struct request *s = &np->requests.request[i];

		if (is_of(s, peer) && take_request(peer, s))
			all[n++].request = s;
	}
	hold_regain(peer);
	qsort(all, n, sizeof(*all), by_time);
	for (uint32_t i = 0; i < n; i++)
		peer_requeue(peer, all[i].request);
	np->counters.replays += n;
	free(all);
	return 0;
}
