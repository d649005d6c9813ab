// SPDX-License-Identifier: MIT
#include "request.h"

#include <assert.h>
#include <common/probe.h>
#include <errno.h>
#include <proto/record.h>
#include <stddef.h>
#include <stdlib.h>

#include "clients.h"
#include "counters.h"
#include "fence.h"
#include "late.h"
#include "order.h"
#include "peer.h"
#include "replay.h"
#include "sp.h"
#include "work.h"

int sp_requests_init(struct sp *sp)
{
	sp->requests = calloc(sp->n_requests, sizeof(*sp->requests));
	if (!sp->requests)
		return -ENOMEM;
	for (uint32_t i = sp->n_requests; i > 0; i--) {
		struct sp_request *r = &sp->requests[i - 1];

		r->peer = &sp->peer[(i - 1) % sp->n_peers];
		r->next = r->peer->free;
		r->peer->free = r;
	}
	return 0;
}

/*
 * Checks
 */

static enum proto_status check_can(const struct sp *sp, const struct proto_request *q)
{
	const struct backend_limits *l = &sp->backend.limits;

	switch (q->operation) {
	case PROTO_READ:
	case PROTO_FLUSH:
	case PROTO_CACHE:
	case PROTO_BLOCK_STATUS:
	case PROTO_OPEN:
	case PROTO_CLOSE:
		return PROTO_OK;
	case PROTO_WRITE:
		return l->is_readonly ? PROTO_EPERM : PROTO_OK;
	case PROTO_DISCARD:
		if (l->is_readonly)
			return PROTO_EPERM;
		return l->has_discard ? PROTO_OK : PROTO_ENOTSUP;
	case PROTO_WRITE_ZEROES:
		if (l->is_readonly)
			return PROTO_EPERM;
		return l->has_zero || !(q->flags & PROTO_FLAG_FAST) ? PROTO_OK : PROTO_ENOTSUP;
	default:
		return PROTO_ENOTSUP;
	}
}

/* Borrow the payload: one extent of the NP's group for payload, just as long as needed. */
static enum proto_status take_payload(struct sp *sp, struct sp_request *r,
				      const struct proto_request *q)
{
	const struct arena_ref *ref = &q->ref[0];
	struct arena_buf buf;

	if (q->n_refs != 1 || ref->group >= sp->layout->n_groups ||
	    sp->layout->group[ref->group].use != PROTO_USE_PAYLOAD ||
	    ref->count != sp_buffers_for(q->offset, q->length) ||
	    arena_borrow(sp->arena, r->peer->role, ref, &buf))
		return PROTO_EINVAL;
	r->payload = buf;
	return PROTO_OK;
}

/* Fill @r from @q, a copy that is sound by itself, and check that it suits the disk. */
static enum proto_status parse(struct sp *sp, struct sp_request *r, const struct proto_request *q)
{
	enum proto_status status = check_can(sp, q);

	if (!status && q->operation != PROTO_FLUSH && !sp_clients_asks(q->operation))
		status = sp_clients_range(sp, q->operation, q->offset, q->length);
	if (!status && q->operation == PROTO_WRITE)
		status = take_payload(sp, r, q);
	r->operation = q->operation;
	r->flags = q->flags;
	r->offset = q->offset;
	r->length = q->length;
	return status;
}

/*
 * Order
 */

static bool has_range(const struct sp_request *r)
{
	return r->range.end;
}

static void set_range(const struct sp *sp, struct sp_request *r)
{
	uint64_t block = sp->backend.limits.block_size;

	if (r->operation == PROTO_FLUSH)
		return;
	r->range.start = r->offset & ~(block - 1);
	r->range.end = (r->offset + r->length + block - 1) & ~(block - 1);
	r->range.changes = r->operation != PROTO_READ && r->operation != PROTO_CACHE &&
			   r->operation != PROTO_BLOCK_STATUS;
}

/* Return: false if there are not enough buffers for the NP now. */
static bool get_buffers(struct sp *sp, struct sp_request *r, uint32_t count)
{
	const struct sp_peer *peer = r->peer;

	for (uint32_t i = 0; count && i < peer->n_disk_groups; i++)
		if (!arena_get(sp->arena, peer->disk_group + i, count, &r->own))
			return true;
	return !count;
}

static bool conflict(const struct sp_range *a, const struct sp_range *b)
{
	return (a->changes || b->changes) && a->start < b->end && b->start < a->end;
}

/* Does an earlier request of the same NP wait for buffers that must not be overtaken? */
static bool stays_behind(const struct sp_request *r, bool needs_buffers)
{
	const struct sp_request *w = r->peer->waiting.first;

	if (w && needs_buffers)
		return true;
	for (; w; w = w->next)
		if (conflict(&w->range, &r->range))
			return true;
	return false;
}

static void begin_work(struct sp *sp, struct sp_request *r)
{
	probe_sp_begun(r->peer->id, r->tag);
	sp_work_start(sp, r);
}

static void start(struct sp *sp, struct sp_request *r)
{
	if (sp->is_stopping || r->peer->has_ended || r->is_late)
		sp_request_finish(sp, r, PROTO_ESHUTDOWN);
	else
		begin_work(sp, r);
}

/* Put a request that has its buffers into the order of those that overlap. */
static void enter(struct sp *sp, struct sp_request *r)
{
	if (sp_fence_refuses(sp, r)) {
		sp_request_finish(sp, r, PROTO_ESTALE);
		return;
	}
	sp_fence_note(sp, r);
	r->is_ordered = has_range(r);
	if (!r->is_ordered || sp_range_enter(&sp->ranges, &r->range))
		start(sp, r);
	else
		sp->counters.overlaps++;
}

static void await_buffers(struct sp *sp, struct sp_request *r)
{
	uint32_t count;

	set_range(sp, r);
	count = sp_work_buffers(sp, r);
	if (stays_behind(r, count) || !get_buffers(sp, r, count)) {
		sp->counters.waits++;
		sp_queue_put(&r->peer->waiting, r);
	} else {
		enter(sp, r);
	}
}

static void freed(struct sp_range *range, void *context)
{
	struct sp *sp = context;

	sp_queue_put(&sp->freed, (struct sp_request *)((char *)range -
						       offsetof(struct sp_request, range)));
}

static void run_waiting(struct sp *sp, struct sp_peer *peer)
{
	struct sp_request *r;

	while ((r = peer->waiting.first) &&
	       (r->is_late || get_buffers(sp, r, sp_work_buffers(sp, r)))) {
		sp_queue_take(&peer->waiting);
		if (r->is_late)
			sp_request_finish(sp, r, PROTO_EIO);
		else
			enter(sp, r);
	}
}

static void run_stalled(struct sp *sp)
{
	struct sp_queue stalled = sp->stalled;
	struct sp_request *r;

	sp->stalled.first = NULL;
	while ((r = sp_queue_take(&stalled))) {
		r->is_stalled = false;
		sp_work_go_on(sp, r);
	}
}

void sp_requests_run(struct sp *sp)
{
	struct sp_request *r;

	run_stalled(sp);
	while ((r = sp_throttle_take(sp)))
		await_buffers(sp, r);
	do {
		while ((r = sp_queue_take(&sp->freed)))
			start(sp, r);
		for (unsigned int i = 0; i < sp->n_peers; i++)
			run_waiting(sp, &sp->peer[i]);
	} while (sp->freed.first);
}

void sp_requests_refuse(struct sp_peer *peer)
{
	struct sp_request *r;

	while ((r = sp_queue_take(&peer->limited))) {
		peer->sp->throttle.n_waiting--;
		sp_request_finish(peer->sp, r, PROTO_ESHUTDOWN);
	}
	while ((r = sp_queue_take(&peer->waiting)))
		sp_request_finish(peer->sp, r, PROTO_ESHUTDOWN);
}

/*
 * The end
 */

/* Give back the buffers of a request, except for data, which its reply lends. */
static void give_back(struct sp *sp, struct sp_request *r, bool has_data)
{
	struct arena_ref ref;
	int ret = 0;

	/* The NP of a late request has its reply already, or knows that it is held. */
	if (r->is_late && r->payload.count) {
		sp_late_return(r);
		r->payload.count = 0;
	}
	if (r->own.count && !has_data) {
		ret = arena_put(sp->arena, r->own);
		r->own.count = 0;
	}
	/* The reply itself returns the payload, so no RETURN is sent. */
	if (r->payload.count)
		ret |= arena_return(sp->arena, r->payload, &ref);
	assert(!ret);
	(void)ret;
}

static void note_stake(struct sp *sp, const struct sp_request *r, enum proto_status status)
{
	if (status != PROTO_OK)
		return;
	if (r->range.changes)
		sp_stake_changed(sp, r);
	else if (r->operation == PROTO_FLUSH)
		sp_stake_flushed(sp, r->covered);
}

static void count_done(struct sp_counters *c, const struct sp_request *r, enum proto_status status)
{
	bool good = status == PROTO_OK;

	/* The NP may send an outdated request again. */
	c->outdated += status == PROTO_ESTALE;
	c->errors += !good && status != PROTO_ESTALE;
	if (r->operation == PROTO_READ && good) {
		c->bytes_read += r->length;
		c->bytes_skipped += r->before + r->after;
	}
	if (r->operation == PROTO_WRITE && good)
		c->bytes_written += r->length;
}

/* Does the reply lend buffers? A READ of nothing but holes has no data. */
static bool has_data(const struct sp_request *r, enum proto_status status)
{
	if (status != PROTO_OK)
		return false;
	return r->operation == PROTO_READ ? r->before < r->length :
					    r->operation == PROTO_BLOCK_STATUS;
}

void sp_request_finish(struct sp *sp, struct sp_request *r, enum proto_status status)
{
	give_back(sp, r, has_data(r, status));
	note_stake(sp, r, status);
	/*
	 * If this process dies now, a successor must not do it again over what requests write that
	 * overlap and begin now, or whose clients come after the reply. A request that was not done
	 * because this process ends may be done by the successor; a late one was answered.
	 */
	if (r->is_ordered && r->range.changes && !r->is_late && status != PROTO_ESHUTDOWN)
		proto_flights_note(&r->peer->flights, r->tag, status);
	if (r->is_ordered)
		sp_range_leave(&sp->ranges, &r->range, freed, sp);
	count_done(&sp->counters, r, status);
	sp_counters_note(sp, r, status);
	r->spent_us = sp_counters_spent_us(sp, r);
	r->status = status;
	r->is_active = false;
	sp->active--;
	r->peer->active--;
	if (r->is_late)
		sp_late_ended(sp, r);
	else
		sp_queue_put(&r->peer->done, r);
}

/*
 * Acceptance
 */

static void count_begun(struct sp *sp, const struct sp_request *r)
{
	struct sp_counters *c = &sp->counters;

	c->reads += r->operation == PROTO_READ;
	c->writes += r->operation == PROTO_WRITE;
	c->flushes += r->operation == PROTO_FLUSH;
	c->discards += r->operation == PROTO_DISCARD;
	c->zeroes += r->operation == PROTO_WRITE_ZEROES;
	c->caches += r->operation == PROTO_CACHE;
	c->statuses += r->operation == PROTO_BLOCK_STATUS;
}

void sp_request_begin(struct sp *sp, struct sp_request *r)
{
	/* Nobody waits for the requests of an NP that has ended since they came. */
	if (sp->is_stopping || r->peer->has_ended || r->is_late) {
		sp_request_finish(sp, r, PROTO_ESHUTDOWN);
		return;
	}
	if (sp_clients_asks(r->operation)) {
		sp_request_finish(sp, r, sp_clients_answer(sp, r));
		return;
	}
	count_begun(sp, r);
	r->taken_ns = sp_turn_ns(sp);
	if (sp_throttle_enter(sp, r))
		await_buffers(sp, r);
}

/* Return: true if the request is answered without the disk, with @status. */
static bool is_answered(struct sp_peer *peer, struct sp_request *r, const struct proto_request *q,
			enum proto_status *status)
{
	struct sp *sp = peer->sp;

	*status = PROTO_ESHUTDOWN;
	if (sp->is_stopping)
		return true;
	if (sp_replay_answers(peer, q, status))
		return true;
	*status = PROTO_EIO;
	if (r->is_refused && !sp_clients_asks(q->operation))
		return true;
	*status = parse(sp, r, q);
	return *status != PROTO_OK;
}

/* Take a request that is not used; NULL if the NP has more in flight than it may. */
static struct sp_request *take_free(struct sp_peer *peer, const struct proto_request *q)
{
	struct sp_request *r = peer->free;
	struct sp *sp = peer->sp;

	if (peer->in_flight == proto_requests(sp->layout)) {
		sp->counters.bad_messages++;
		return NULL;
	}
	peer->free = r->next;
	*r = (struct sp_request){
		.peer = peer, .tag = q->tag, .client = q->client, .received_ns = q->received_ns,
		.alive_ns = q->alive_ns,
		.is_refused = sp_late_refuses(peer), .accepted = sp->late.period,
		.is_active = true,
	};
	sp->active++;
	peer->active++;
	peer->in_flight++;
	return r;
}

/* Accept @q, a private copy. @unsound is an -errno if the copy is not sound by itself. */
static void accept_one(struct sp_peer *peer, const struct proto_request *q, int unsound)
{
	struct sp_request *r = take_free(peer, q);
	enum proto_status status = PROTO_EINVAL;
	struct sp *sp = peer->sp;

	if (!r)
		return;
	probe_sp_taken(peer->id, q->tag, q->operation, q->offset, q->length);
	sp->counters.requests += !sp_clients_asks(q->operation);
	if (unsound || is_answered(peer, r, q, &status))
		sp_request_finish(sp, r, status);
	else if (!sp_order_keeps(sp, r))
		sp_request_begin(sp, r);
}

/* Does the message name records in the NP's group for records? */
static bool names_records(const struct sp_peer *peer, const struct arena_msg *msg)
{
	return peer->version && msg->ref.group == peer->request_group &&
	       proto_records_fit(msg, (size_t)msg->ref.count * PROTO_RECORD_BUFFER,
				 sizeof(struct proto_request));
}

void sp_requests_accept(struct sp_peer *peer, const struct arena_msg *msg)
{
	struct sp *sp = peer->sp;
	struct proto_request copy;
	struct arena_buf buf;
	struct arena_ref ref;
	const void *shared;
	int ret;

	if (!names_records(peer, msg) || arena_borrow(sp->arena, peer->role, &msg->ref, &buf)) {
		sp->counters.bad_messages++;
		return;
	}
	sp->counters.batches++;
	sp_clients_look(sp);
	shared = arena_ptr_const(sp->arena, buf);
	for (size_t i = 0; i < msg->value; i++) {
		int unsound = proto_request_receive(&copy, shared, i);

		accept_one(peer, &copy, unsound);
	}
	ret = arena_return(sp->arena, buf, &ref);
	assert(!ret);
	(void)ret;
	sp_peer_hold(peer, &ref);
}
