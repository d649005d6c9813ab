/* SPDX-License-Identifier: MIT */
/*
 * Attempts on peers by records: by requests and replies that make no sense, and by refs and tags of
 * other processes, which lie in records that this process may read.
 *
 * Each attempt is made on one peer, and returns how many messages or records that peer has to
 * refuse. This header must not know how a peer counts.
 */
#ifndef INSIDE_RECORDS_H
#define INSIDE_RECORDS_H

#include <poll.h>

#include "messages.h"

/* How often the peer's records are searched, how many of them, and how many finds suffice. */
#define SEARCHES	500
#define SEARCHED	256U
#define FOUND_MAX	64

#define REPLIES_TO_LIE_ABOUT	16

/*
 * Requests that others have under way. Records describe them which this process may read: those of
 * SPs for other NPs, or those of an NP for other SPs.
 */

/* The records that @peer writes for the other process of our kind. */
static uint16_t records_for_others(uint32_t peer)
{
	return is_np() ? group_for(peer, PROTO_USE_RECORD, !own_number()) :
			 group_of(PROTO_ROLE_NP(peer), PROTO_USE_RECORD, 0);
}

static const struct arena_ref *payload_ref(const struct proto_request *q)
{
	return q->n_refs && q->operation == PROTO_WRITE ? &q->ref[0] : NULL;
}

static const struct arena_ref *data_ref(const struct proto_reply *r)
{
	return r->n_refs && !r->status ? &r->ref[0] : NULL;
}

/* Return what another process has just been lent. */
static int steal_one(uint32_t peer, const void *record)
{
	const struct arena_ref *ref = is_np() ? data_ref(record) : payload_ref(record);
	struct arena_msg m = { .type = PROTO_MESSAGE_RETURN };

	if (!ref)
		return 0;
	m.ref = *ref;
	return send_to(peer, m);
}

/* Answer a request that another SP has. */
static int answer_one(uint32_t peer, const void *record)
{
	struct proto_reply r = { .tag = ((const struct proto_request *)record)->tag };

	return send_to(peer, message_of(peer, &r));
}

/* Return: the record that the peer has written last, as its tags grow. An SP's first is another. */
static const void *find_latest(uint16_t group)
{
	uint32_t count = layout()->group[group].count;
	const struct proto_request *latest = NULL;

	for (uint32_t i = 0; i < count && i < SEARCHED; i++) {
		const struct proto_request *q = buffer(group, i);

		if (q->tag != PROTO_DISK_MAGIC && (!latest || q->tag > latest->tag))
			latest = q;
	}
	return latest;
}

static int use_found(uint32_t peer, int (*use)(uint32_t peer, const void *record))
{
	uint16_t group = records_for_others(peer);
	uint64_t last = 0;
	int n = 0;

	for (int i = 0; i < SEARCHES && n < FOUND_MAX; i++) {
		union {
			struct proto_request request;
			struct proto_reply reply;
		} copy;

		memcpy(&copy, find_latest(group), sizeof(copy));
		if (copy.request.tag != last)
			n += use(peer, &copy);
		last = copy.request.tag;
		/* The filter allows this call, and no other that waits. */
		poll(NULL, 0, 1);
	}
	return n;
}

static int steal(uint32_t peer)
{
	return use_found(peer, steal_one);
}

static int answer_for_others(uint32_t peer)
{
	return use_found(peer, answer_one);
}

/*
 * Records
 */

#define LIE_BY(m)	send_to(peer, message_of(peer, &(m)))

/* Requests that make no sense, or that name buffers which this process may not lend. */
static int lie_in_requests(uint32_t peer)
{
	struct proto_request right = request(), write = right;
	uint32_t other = !own_number();
	int n = 0;

	write.operation = PROTO_WRITE;
	write.n_refs = 1;
	write.ref[0] = (struct arena_ref){
		.group = group_of(own_role, PROTO_USE_PAYLOAD, 0), .count = 1, .generation = 1,
	};
	LIE(right, m.operation = PROTO_CLOSE + 1);
	LIE(right, m.operation = UINT16_MAX);
	LIE(right, m.flags = 1U << 15);
	LIE(right, m.flags = PROTO_FLAG_REPLAY);
	LIE(write, m.flags = PROTO_FLAG_REPLAY);
	LIE(right, m.flags = PROTO_FLAG_FUA);
	LIE(right, m.n_refs = 1);
	LIE(right, m.n_refs = UINT16_MAX);
	LIE(right, m.length = 0);
	LIE(right, m.length = PROTO_MAX_BYTES + 1);
	LIE(right, m.length = UINT64_MAX);
	LIE(right, m.offset = UINT64_MAX);
	LIE(right, m.offset = INT64_MAX);
	LIE(right, m.offset = 1ULL << 40);
	LIE(right, m.ref[0].count = 1);
	LIE(right, m.operation = PROTO_FLUSH);
	LIE(write, m.offset = 1ULL << 40);
	LIE(write, m.n_refs = 0; m.ref[0] = (struct arena_ref){ 0 });
	LIE(write, m.n_refs = 2);
	LIE(write, m.ref[0].count = 2);
	LIE(write, m.ref[0].count = 0);
	LIE(write, m.ref[0].generation = 0);
	LIE(write, m.ref[0].reserved = 1);
	LIE(write, m.ref[0].index = UINT32_MAX);
	LIE(write, m.ref[0].index = layout()->group[m.ref[0].group].count);
	LIE(write, m.ref[0].group = UINT16_MAX);
	LIE(write, m.ref[0].group = group_of(own_role, PROTO_USE_RECORD, 0));
	LIE(write, m.ref[0].group = group_of(own_role, PROTO_USE_NET, 0));
	LIE(write, m.ref[0].group = group_of(PROTO_ROLE_NP(other), PROTO_USE_PAYLOAD, 0));
	LIE(write, m.ref[0].group = group_for(peer, PROTO_USE_DISK, own_number()));
	LIE(write, m.ref[0].group = group_for(peer, PROTO_USE_DISK, other));
	LIE(write, m.ref[0].group = group_for(!peer, PROTO_USE_DISK, own_number()));
	LIE(write, m.ref[0].group = group_for(peer, PROTO_USE_FLIGHT, other));
	return n;
}

/* Replies that do not fit a request that this process has, before the one that does. */
static int lie_about(uint32_t peer, struct proto_reply *right)
{
	uint32_t np = peer, sp = own_number();
	int n = 0;

	LIE(*right, m.tag += 1ULL << PROTO_SLOT_BITS);
	LIE(*right, m.tag -= 1ULL << PROTO_SLOT_BITS);
	LIE(*right, m.tag |= UINT16_MAX);
	LIE(*right, m.tag ^= 1ULL << 63);
	LIE(*right, m.status = 3);
	LIE(*right, m.status = UINT32_MAX);
	LIE(*right, m.status = PROTO_EIO; m.n_refs = 1);
	LIE(*right, m.flags = PROTO_REPLY_KEPT);
	LIE(*right, m.flags = PROTO_REPLY_KEPT << 1);
	LIE(*right, m.flags = UINT16_MAX);
	LIE(*right, m.n_refs = 2);
	LIE(*right, m.n_refs = UINT16_MAX);
	LIE(*right, m.n_refs = !m.n_refs);
	LIE(*right, m.ref[1].count = 1);
	LIE(*right, m.bytes = m.bytes ? 0 : 1);
	LIE(*right, m.bytes = UINT64_MAX);
	LIE(*right, m.zeroes_before = UINT32_MAX; m.zeroes_after = 1);
	LIE(*right, m.n_parts = m.n_parts ? 0 : 1);
	LIE(*right, m.n_parts = PROTO_MAX_PARTS + 1);
	if (!right->n_refs)
		return n;
	LIE(*right, m.n_refs = 2; m.ref[1] = m.ref[0]);
	LIE(*right, m.n_refs = 0; m.ref[0] = (struct arena_ref){ 0 });
	LIE(*right, m.ref[0].count++);
	LIE(*right, m.ref[0].generation = 0);
	LIE(*right, m.ref[0].reserved = 1);
	LIE(*right, m.ref[0].index = UINT32_MAX);
	LIE(*right, m.ref[0].group = UINT16_MAX);
	LIE(*right, m.ref[0].group = group_of(PROTO_ROLE_NP(np), PROTO_USE_PAYLOAD, 0));
	LIE(*right, m.ref[0].group = group_of(PROTO_ROLE_NP(!np), PROTO_USE_PAYLOAD, 0));
	LIE(*right, m.ref[0].group = group_for(sp, PROTO_USE_RECORD, np));
	LIE(*right, m.ref[0].group = group_for(!sp, PROTO_USE_DISK, np));
	return n;
}

#undef LIE_BY

/* How many replies are still to be lied about, and how many lies there were. */
static volatile int lies_wanted;
static int lies_told;

static bool is_for(const struct io_uring_sqe *sqe, uint32_t peer)
{
	return sqe->opcode == IORING_OP_MSG_RING && sqe->fd == peer_ring[peer] &&
	       (uint8_t)sqe->off == PROTO_MESSAGE_REPLIES;
}

static void lie_before(const struct io_uring_sqe *sqe, uint32_t peer)
{
	struct arena_msg m = arena_msg_unpack(sqe->off, sqe->len);

	for (uint32_t i = 0; i < m.value && lies_wanted; i++, lies_wanted--) {
		struct proto_reply r;

		memcpy(&r, buffer(m.ref.group, m.ref.index + i), sizeof(r));
		lies_told += lie_about(peer, &r);
	}
}

/* The daemon is about to submit what it has queued. */
static void look(struct io_uring *ring)
{
	unsigned int shift = ring->flags & IORING_SETUP_SQE128 ? 1 : 0;

	for (unsigned int i = ring->sq.sqe_head; lies_wanted && i != ring->sq.sqe_tail; i++) {
		struct io_uring_sqe *sqe = &ring->sq.sqes[(i & ring->sq.ring_mask) << shift];

		for (uint32_t p = 0; p < n_peers && lies_wanted; p++)
			if (is_for(sqe, p))
				lie_before(sqe, p);
	}
}

int io_uring_submit(struct io_uring *ring)
{
	look(ring);
	return REAL(io_uring_submit)(ring);
}

int io_uring_submit_and_get_events(struct io_uring *ring)
{
	look(ring);
	return REAL(io_uring_submit_and_get_events)(ring);
}

int io_uring_submit_and_wait(struct io_uring *ring, unsigned int n)
{
	look(ring);
	return REAL(io_uring_submit_and_wait)(ring, n);
}

int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
				     unsigned int n, struct __kernel_timespec *ts, sigset_t *mask)
{
	look(ring);
	return REAL(io_uring_submit_and_wait_timeout)(ring, cqe, n, ts, mask);
}

int io_uring_submit_and_wait_min_timeout(struct io_uring *ring, struct io_uring_cqe **cqe,
					 unsigned int n, struct __kernel_timespec *ts,
					 unsigned int min_us, sigset_t *mask)
{
	look(ring);
	return REAL(io_uring_submit_and_wait_min_timeout)(ring, cqe, n, ts, min_us, mask);
}

#endif /* INSIDE_RECORDS_H */
