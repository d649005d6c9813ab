// SPDX-License-Identifier: MIT
#include "request.h"

#include <assert.h>
#include <proto/lend.h>
#include <proto/record.h>
#include <string.h>
#include <time.h>
#include <errno.h>
#include <arena/message.h>
#include <arena/snapshot.h>

#include "command.h"
#include "np.h"
#include "reply.h"

static void want_header(struct conn *c)
{
	if (c->phase != CONN_SERVING)
		return;
	c->is_waiting = true;
	TAILQ_INSERT_TAIL(&c->np->conns.waiting, c, wait);
}

void request_start(struct conn *c)
{
	c->phase = CONN_SERVING;
	want_header(c);
}

static uint64_t boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint16_t operation(const struct nbd_request *r)
{
	switch (r->type) {
	case NBD_CMD_READ:
		return PROTO_READ;
	case NBD_CMD_WRITE:
		return PROTO_WRITE;
	default:
		return PROTO_FLUSH;
	}
}

/* The request as the SP sees it, in the slot's network buffer. */
static void write_record(struct np *np, struct slot *s)
{
	struct proto_request r = {
		.tag = slot_tag(np, s),
		.offset = s->request.offset,
		.length = s->request.length,
		.received_ns = boot_ns(),
		.operation = operation(&s->request),
		.n_refs = s->run.count != 0,
	};

	/* Clients may set FUA with every command; it means something to a WRITE only. */
	if (r.operation == PROTO_WRITE && s->request.flags & NBD_CMD_FLAG_FUA)
		r.flags = PROTO_FLAG_FUA;
	if (s->run.count)
		r.ref[0] = s->run;
	memcpy(slot_record(np, s), &r, sizeof(r));
}

static void hand_over(struct np *np, struct slot *s)
{
	write_record(np, s);
	s->state = SLOT_AT_SP;
	peer_send(&np->peer[s->conn->sp], &(struct arena_msg){
		.type = PROTO_MESSAGE_REQUESTS,
		.value = 1,
		.ref = slot_lend(np, s),
	});
}

static void release_run(struct np *np, struct slot *s)
{
	int ret = s->run.count ? arena_pool_put(np->payload, s->run.index, s->run.count) : 0;

	assert(!ret);
	(void)ret;
	s->run.count = 0;
}

static void refuse(struct np *np, struct slot *s, uint32_t error)
{
	np->counters.refused++;
	reply_error(s, error);
}

/* All of a WRITE's payload came, into its run or into nothing. */
static void payload_done(struct transfer *t, int err)
{
	struct conn *c = container_of(t, struct conn, rx);
	struct slot *s = c->rx_slot;
	struct np *np = c->np;
	int ret;

	assert(s);
	/* The last receive has completed, whatever ended it. */
	ret = s->run.count ? arena_pool_io_end(np->payload, s->run.index, s->run.count) : 0;
	assert(!ret);
	(void)ret;
	c->rx_slot = NULL;
	if (err) {
		release_run(np, s);
		slot_put(np, s);
		conn_kill(c);
		return;
	}
	if (!s->error && !np->exports.export[c->sp].is_served)
		s->error = NBD_EIO;
	if (s->error) {
		release_run(np, s);
		refuse(np, s, s->error);
	} else {
		s->run = proto_lend(np->payload, NP_GROUP_PAYLOAD, s->run.index);
		np->counters.writes++;
		np->counters.bytes_in += s->request.length;
		hand_over(np, s);
	}
	want_header(c);
}

static void discard_payload(struct conn *c, struct slot *s, uint32_t error)
{
	s->error = error;
	s->state = SLOT_PAYLOAD;
	if (s->request.length)
		transfer_discard(&c->rx, s->request.length, payload_done);
	else
		payload_done(&c->rx, 0);
}

static void serve(struct np *np, struct slot *s)
{
	struct conn *c = s->conn;

	s->bytes = s->request.length;
	c->bytes += s->bytes;
	if (s->request.type == NBD_CMD_WRITE) {
		s->state = SLOT_WAITING;
		TAILQ_INSERT_TAIL(&np->slots.waiting, s, link);
		return;
	}
	c->rx_slot = NULL;
	if (s->request.type == NBD_CMD_READ) {
		s->lent = command_buffers(&s->request);
		np->peer[c->sp].lent += s->lent;
		np->counters.reads++;
	} else {
		np->counters.flushes++;
	}
	hand_over(np, s);
	want_header(c);
}

/* No request comes of this slot. */
static void drop_header(struct conn *c, struct slot *s)
{
	c->rx_slot = NULL;
	slot_put(c->np, s);
}

/* Closing between two requests is a way to say goodbye. */
static void header_failed(struct conn *c, int err)
{
	drop_header(c, c->rx_slot);
	if (err == -ENODATA)
		conn_finish(c);
	else if (c->phase != CONN_FINISHING)
		conn_kill(c);
}

static void header_done(struct transfer *t, int err)
{
	struct conn *c = container_of(t, struct conn, rx);
	uint8_t wire[NBD_REQUEST_SIZE];
	struct slot *s = c->rx_slot;
	struct np *np = c->np;
	enum command_fate fate;
	uint32_t error = 0;

	if (err) {
		header_failed(c, err);
		return;
	}
	/* Read once: what is decided below is about these very bytes. */
	arena_snapshot(wire, slot_buffer(np, s), sizeof(wire));
	s->request = nbd_request_unpack(wire);
	fate = command_check(&s->request, &np->exports.export[c->sp], &error);
	if (s->request.magic == NBD_REQUEST_MAGIC)
		np->counters.requests++;
	switch (fate) {
	case COMMAND_SERVE:
		serve(np, s);
		break;
	case COMMAND_REFUSE:
		if (s->request.type == NBD_CMD_WRITE) {
			discard_payload(c, s, error);
			break;
		}
		c->rx_slot = NULL;
		refuse(np, s, error);
		want_header(c);
		break;
	case COMMAND_FINISH:
		drop_header(c, s);
		conn_finish(c);
		break;
	case COMMAND_CLOSE:
		drop_header(c, s);
		conn_kill(c);
		break;
	}
}

/*
 * What an SP's end has withheld does not come back: if all other buffers are
 * here and yet there is no such run, waiting for one would block all WRITEs.
 */
static bool may_come_free(const struct np *np)
{
	return arena_pool_available(np->payload) + np->counters.withheld_buffers <
	       np->layout.group[NP_GROUP_PAYLOAD].count;
}

/* Return: false if there is no run now. */
static bool start_payload(struct np *np, struct slot *s)
{
	uint32_t count = command_buffers(&s->request);
	int64_t index = arena_pool_get(np->payload, count);
	uint8_t *run;
	int ret;

	if (index == -ENOSPC && may_come_free(np))
		return false;
	TAILQ_REMOVE(&np->slots.waiting, s, link);
	if (index < 0) {
		discard_payload(s->conn, s, NBD_ENOMEM);
		return true;
	}
	s->run = (struct arena_ref){
		.group = NP_GROUP_PAYLOAD,
		.index = (uint32_t)index,
		.count = (uint16_t)count,
	};
	s->state = SLOT_PAYLOAD;
	/* Lent until payload_done(), over all receives that it takes. */
	ret = arena_pool_io_begin(np->payload, s->run.index, s->run.count);
	assert(!ret);
	(void)ret;
	run = arena_layout_buffer(np->base, &np->layout, s->run.group, s->run.index);
	transfer_receive(&s->conn->rx, run + s->request.offset % PROTO_DISK_BUFFER,
			 s->request.length, payload_done);
	return true;
}

static void start_header(struct np *np, struct conn *c)
{
	struct slot *s = slot_get(np, c);

	if (!s)
		return;
	TAILQ_REMOVE(&np->conns.waiting, c, wait);
	c->is_waiting = false;
	c->rx_slot = s;
	transfer_receive(&c->rx, slot_buffer(np, s), NBD_REQUEST_SIZE,
			 header_done);
}

void request_turn(struct np *np)
{
	struct conn *c, *next;
	struct slot *s;

	while ((s = TAILQ_FIRST(&np->slots.waiting)) && start_payload(np, s))
		;
	for (c = TAILQ_FIRST(&np->conns.waiting); c; c = next) {
		next = TAILQ_NEXT(c, wait);
		start_header(np, c);
	}
}

void request_abandon(struct conn *c)
{
	struct slot *s = c->rx_slot;

	/* In all other states the receive's end frees it. */
	if (!s || s->state != SLOT_WAITING)
		return;
	TAILQ_REMOVE(&c->np->slots.waiting, s, link);
	c->rx_slot = NULL;
	slot_put(c->np, s);
}
