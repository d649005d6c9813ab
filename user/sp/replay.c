// SPDX-License-Identifier: MIT
#include "replay.h"

#include <arena/message.h>
#include <arena/source.h>
#include <common/clock.h>
#include <common/log.h>

#include "loop.h"
#include "order.h"
#include "peer.h"
#include "sp.h"

/* Generations of an epoch and the next one are so far apart. */
#define LIVES_BITS	12U

/* The whole group is one extent, which stays OWNED as long as the process lives. */
static int take_table(struct sp_peer *peer)
{
	struct sp *sp = peer->sp;
	int group = proto_group_of_sp(sp->layout, sp->options.id, peer->id, PROTO_USE_FLIGHT);
	uint32_t n = proto_buffers_of_sp(sp->layout, sp->options.id, PROTO_USE_FLIGHT);
	uint64_t now = clock_boot_ns();
	struct arena_buf buf;
	int ret = arena_get(sp->arena, (uint32_t)group, n, &buf);

	if (ret)
		return ret;
	peer->flights.entry = arena_ptr(sp->arena, buf);
	peer->flights.n = n * PROTO_FLIGHTS_A_BUFFER - PROTO_FLIGHTS_MORE;
	peer->refused_ns = proto_flights_refused(&peer->flights);
	/* A predecessor must not refuse what is still to come. */
	if (peer->refused_ns > now)
		peer->refused_ns = now;
	return 0;
}

int sp_replay_open(struct sp *sp)
{
	int ret = 0;

	for (unsigned int i = 0; i < sp->n_peers && !ret; i++)
		ret = take_table(&sp->peer[i]);
	if (!ret)
		sp_stake_open(sp, proto_flights_stake(&sp->peer[0].flights));
	return ret;
}

/* Each successor is paired with its NPs in greater epochs than its predecessor. */
void sp_replay_begin(struct sp *sp)
{
	uint32_t epoch = 0;

	for (unsigned int i = 0; i < sp->n_peers; i++)
		if (sp->peer[i].process.epoch > epoch)
			epoch = sp->peer[i].process.epoch;
	arena_skip_lives(sp->arena, epoch << LIVES_BITS);
}

void sp_replay_watch(struct sp *sp)
{
	const struct arena_timer timer = {
		.size = sizeof(timer),
		.first_ns = SP_REPLAY_S * CLOCK_NS_PER_S,
		.cookie = SP_TIMER_REPLAY,
	};

	if (arena_ring_add_timer(sp->ring, &timer, NULL))
		sp_replay_end(sp);
}

/*
 * Only data of READs can be with an NP while the SP dies: it returns records as it gets them. Each
 * request has one extent at most.
 */
bool sp_replay_held(struct sp_peer *peer, const struct arena_msg *msg)
{
	struct sp *sp = peer->sp;

	if (!peer->version || peer->has_replayed ||
	    peer->n_held == proto_requests(sp->layout) ||
	    msg->ref.group - peer->disk_group >= peer->n_disk_groups ||
	    arena_lend_held(sp->arena, peer->role, &msg->ref))
		return false;
	peer->n_held++;
	sp->counters.held++;
	return true;
}

bool sp_replay_ended(struct sp_peer *peer, const struct arena_msg *msg)
{
	if (!peer->version || peer->has_replayed)
		return false;
	peer->has_replayed = true;
	peer->n_clients += msg->value;
	return true;
}

static bool changes(const struct proto_request *q)
{
	return q->operation == PROTO_WRITE || q->operation == PROTO_DISCARD ||
	       q->operation == PROTO_WRITE_ZEROES;
}

bool sp_replay_answers(struct sp_peer *peer, const struct proto_request *q,
		       enum proto_status *status)
{
	struct sp *sp = peer->sp;
	bool is_again = q->flags & PROTO_FLAG_REPLAY;

	sp->counters.replays += is_again;
	if (is_again == peer->has_replayed) {
		*status = PROTO_EINVAL;
	} else if (is_again && proto_flights_find(&peer->flights, q->tag, status)) {
		sp->counters.results++;
	} else if (is_again && q->received_ns < peer->refused_ns && changes(q)) {
		log_limited(LOG_LEVEL_WARN, "network process %u sends requests again too late; its "
			    "clients have to write those again", peer->id);
		*status = PROTO_EIO;
	} else {
		return false;
	}
	return true;
}

void sp_replay_refuse(struct sp_peer *peer)
{
	peer->refused_ns = clock_boot_ns();
	proto_flights_refuse(&peer->flights, peer->refused_ns);
}

/* What others have sent begins now, so that what these NPs have would come too late. */
static void refuse_missing(struct sp *sp)
{
	for (unsigned int i = 0; i < sp->n_peers; i++)
		if (!sp->peer[i].has_replayed)
			sp_replay_refuse(&sp->peer[i]);
}

static bool waits_for_some(const struct sp *sp)
{
	for (unsigned int i = 0; i < sp->n_peers; i++)
		if (!sp->peer[i].has_ended && !sp->peer[i].has_replayed)
			return true;
	return false;
}

void sp_replay_turn(struct sp *sp)
{
	if (!sp->replay.is_over && !waits_for_some(sp))
		sp_replay_end(sp);
}

void sp_replay_end(struct sp *sp)
{
	if (sp->replay.is_over)
		return;
	sp->replay.is_over = true;
	/* A process that stops gives everything back undone. */
	if (!sp->is_stopping)
		refuse_missing(sp);
	if (waits_for_some(sp))
		log_warn("a network process does not say what it has: going on without it"
			 LOG_NO_ACTION);
	sp_order_begin(sp, UINT64_MAX);
}
