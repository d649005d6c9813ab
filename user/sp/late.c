// SPDX-License-Identifier: MIT
#include "late.h"

#include <arena/message.h>
#include <arena/source.h>
#include <common/clock.h>
#include <common/log.h>
#include <unistd.h>

#include "loop.h"
#include "replies.h"
#include "request.h"
#include "sp.h"
#include "work.h"

/* So many periods make up the time-out. A request is late after one more at most. */
#define PERIODS		8U
/* A process that has to stop waits for the disk for so long. */
#define STOP_PERIODS	5U
#define STOP_PERIOD_NS	CLOCK_NS_PER_S

static uint64_t period_ns(const struct sp *sp)
{
	uint64_t ns = sp->options.disk_timeout * CLOCK_NS_PER_S / PERIODS;

	return sp->is_stopping && (!ns || ns > STOP_PERIOD_NS) ? STOP_PERIOD_NS : ns;
}

int sp_late_watch(struct sp *sp)
{
	const struct arena_timer timer = {
		.size = sizeof(timer),
		.first_ns = period_ns(sp),
		.cookie = SP_TIMER_LATE,
	};

	int ret;

	/* The first period after SIGTERM must not wait for a long one to end. */
	if (sp->is_stopping && !sp->late.stopping) {
		sp->late.stopping = 1;
		sp->late.is_watching = false;
	}
	if (sp->late.is_watching || !timer.first_ns || sp->active == sp->late.n)
		return 0;
	ret = arena_ring_add_timer(sp->ring, &timer, NULL);
	sp->late.is_watching = !ret;
	return ret;
}

/* Does the disk have something of the request that it has to end? */
static bool is_at_disk(const struct sp_request *r)
{
	return r->pending || r->is_surveyed;
}

/*
 * A request that the disk does not have may wait for slow clients, or for a long request that goes
 * on. It is the disk's fault only if the disk is late with others.
 */
static bool is_late(const struct sp *sp, const struct sp_request *r)
{
	if (!r->is_active || r->is_late)
		return false;
	if (sp->is_stopping && sp->late.stopping > STOP_PERIODS)
		return true;
	return sp->options.disk_timeout && sp->late.period - r->accepted > PERIODS &&
	       (is_at_disk(r) || sp->late.n);
}

/* Nobody waits for the reply any more. */
static void set_late(struct sp *sp, struct sp_request *r)
{
	r->is_late = true;
	r->peer->in_flight--;
	r->peer->late++;
	sp->late.n++;
}

/*
 * An NP that cannot be answered now is answered after a later period. If the disk is gone the NP
 * keeps the request for a successor, which begins when the kernel has ended the operation.
 */
static void give_up(struct sp *sp, struct sp_request *r)
{
	struct sp_peer *peer = r->peer;

	if (!peer->has_ended && !sp_loop_leaves(sp) && !sp_replies_send_late(peer, r) &&
	    !sp->is_stopping)
		return;
	/* If the channel has failed just now, that may have ended the request. */
	if (!r->is_active)
		return;
	sp_work_give_up(r);
	set_late(sp, r);
	sp->counters.timeouts++;
}

void sp_late_orphan(struct sp_peer *peer)
{
	struct sp *sp = peer->sp;

	for (uint32_t i = 0; i < sp->n_requests; i++) {
		struct sp_request *r = &sp->requests[i];

		if (r->peer != peer || !r->is_active || r->is_late)
			continue;
		sp_work_cut(r);
		set_late(sp, r);
	}
}

static void note_hang(struct sp *sp)
{
	if (sp->late.hangs || sp->late.period - sp->late.last <= PERIODS)
		return;
	sp->late.hangs = true;
	log_error("disk %s hangs: requests get errors until it answers; the kernel's log says "
		  "whether its controller is being reset", sp->options.disk);
}

void sp_late_look(struct sp *sp)
{
	bool hangs = false;

	sp->late.is_watching = false;
	sp->late.period++;
	sp->late.stopping += sp->is_stopping;
	for (uint32_t i = 0; i < sp->n_requests; i++) {
		struct sp_request *r = &sp->requests[i];

		if (!is_late(sp, r))
			continue;
		/* Its end will tell that the disk lives. */
		hangs |= is_at_disk(r);
		give_up(sp, r);
	}
	if (hangs)
		note_hang(sp);
}

void sp_late_disk_lives(struct sp *sp)
{
	sp->late.last = sp->late.period;
	if (!sp->late.hangs)
		return;
	sp->late.hangs = false;
	log_warn("disk %s answers again" LOG_NO_ACTION, sp->options.disk);
}

bool sp_late_refuses(const struct sp_peer *peer)
{
	const struct sp *sp = peer->sp;

	return sp->late.hangs || (peer->late && peer->active >= proto_requests(sp->layout));
}

void sp_late_return(struct sp_request *r)
{
	struct sp_peer *peer = r->peer;
	struct arena_msg msg = { .type = PROTO_MESSAGE_RETURN };

	/* An NP that has not said HELLO yet is not told that the extent is held. */
	if (!arena_return(peer->sp->arena, r->payload, &msg.ref) && !peer->has_ended &&
	    peer->version)
		sp_peer_send(peer, &msg);
}

void sp_late_ended(struct sp *sp, struct sp_request *r)
{
	r->is_late = false;
	r->peer->late--;
	sp->late.n--;
	sp_replies_put_free(r);
}

/*
 * To close the ring would be to wait for the disk. The kernel does not need the process for that:
 * the buffers and the claim to the disk stay until the last operation has ended.
 */
void sp_late_leave(const struct sp *sp)
{
	if (!sp->late.n)
		return;
	log_warn("disk %s still has %u requests under way: ending without them; the kernel's log "
		 "may say why", sp->options.disk, sp->late.n);
	_exit(sp->status);
}
