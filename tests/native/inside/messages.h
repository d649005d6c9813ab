/* SPDX-License-Identifier: MIT */
/*
 * Attempts on peers by messages. They go by a ring of this library, so they neither wait for the
 * daemon nor use its accounts: a hostile process says what it likes.
 *
 * Each attempt is made on one peer, and returns how many messages that peer has to refuse. This
 * header must not know records, nor how a peer counts.
 */
#ifndef INSIDE_MESSAGES_H
#define INSIDE_MESSAGES_H

#include <libarena/channel/own.h>
#include <libarena/channel/part.h>
#include <proto/record.h>

#include "region.h"

/* The flags of a completion that newer headers have: it is to be skipped, it is a long one. */
#define CQE_F_SKIP	(1U << 5)
#define CQE_F_32	(1U << 15)

/* Records that a message of this library may have, at the end of the group. */
#define OWN_RECORDS	128U

/* More messages than may be on their way. */
#define FLOOD_MESSAGES	50000

/* A type of messages of the application that there is not. */
#define NO_TYPE		100

static struct io_uring liar;
static int peer_ring[PROTO_MAX_SPS];
static uint32_t n_peers;

/* The last number of the value of --np and --sp is the mailbox of a peer. */
static void note_peer(const char *option, const char *value)
{
	const char *last = strrchr(value, ',');

	if ((!strcmp(option, "--np") || !strcmp(option, "--sp")) && last &&
	    n_peers < PROTO_MAX_SPS)
		peer_ring[n_peers++] = atoi(last + 1);
}

static int messages_begin(void)
{
	struct io_uring_params p = { 0 };
	int ret = REAL(io_uring_queue_init_params)(256, &liar, &p);

	if (!ret)
		is_own[liar.ring_fd] = true;
	look_at_options(note_peer);
	return ret;
}

/* Return: the result of a message of any bits with any flags to a mailbox. */
static int post(uint32_t peer, uint64_t data, uint32_t len, uint32_t flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&liar);
	struct io_uring_cqe *cqe;
	int ret;

	if (flags)
		io_uring_prep_msg_ring_cqe_flags(sqe, peer_ring[peer], len, data, 0, flags);
	else
		io_uring_prep_msg_ring(sqe, peer_ring[peer], len, data, 0);
	do
		ret = REAL(io_uring_submit_and_wait)(&liar, 1);
	while (ret == -EINTR);
	ret = io_uring_wait_cqe(&liar, &cqe);
	if (ret)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(&liar, cqe);
	return ret;
}

/* Return: how many messages were sent, which is one. */
static int send_to(uint32_t peer, struct arena_msg m)
{
	return !post(peer, arena_msg_data(&m), arena_msg_len(&m), 0);
}

/*
 * The parts of the region
 */

static const struct arena_layout *layout(void)
{
	return (const struct arena_layout *)region;
}

/* Return: the number of the nth group of a process for a use, or one that there is not. */
static uint16_t group_of(uint32_t role, uint32_t use, uint32_t nth)
{
	const struct arena_layout *l = layout();

	for (uint32_t i = 0; i < l->n_groups; i++)
		if (l->group[i].role == role && l->group[i].use == use && !nth--)
			return (uint16_t)i;
	return UINT16_MAX;
}

/* An SP has its groups of a use for each NP, one NP after the other. */
static uint16_t group_for(uint32_t sp, uint32_t use, uint32_t np)
{
	uint32_t n = 0;

	while (group_of(PROTO_ROLE_SP(sp), use, n) != UINT16_MAX)
		n++;
	return group_of(PROTO_ROLE_SP(sp), use, np * n / proto_nps(layout()));
}

static uint32_t own_number(void)
{
	return ARENA_ROLE_NUMBER(own_role);
}

/* The group in which this process writes records for a peer. */
static uint16_t own_records(uint32_t peer)
{
	return is_np() ? group_of(own_role, PROTO_USE_RECORD, 0) :
			 group_for(own_number(), PROTO_USE_RECORD, peer);
}

static void *buffer(uint16_t group, uint32_t index)
{
	const struct arena_group *g = &layout()->group[group];

	return region + g->offset + (uint64_t)index * g->buffer_size;
}

/*
 * A message that would be right, of one record that is @record. The daemon uses records from the
 * first one on, so the last ones are free. The peer reads them later, so each call takes another.
 */
static struct arena_msg message_of(uint32_t peer, const void *record)
{
	static uint32_t n;
	uint16_t group = own_records(peer);
	uint32_t index = layout()->group[group].count - 1 - n++ % OWN_RECORDS;

	memcpy(buffer(group, index), record, PROTO_RECORD_BUFFER);
	return (struct arena_msg){
		.type = is_np() ? PROTO_MESSAGE_REQUESTS : PROTO_MESSAGE_REPLIES,
		.value = 1,
		.ref = { .index = index, .group = group, .count = 1, .generation = 1 },
	};
}

static struct proto_request request(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (struct proto_request){
		.tag = 1, .operation = PROTO_READ, .length = 4096,
		.received_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec,
	};
}

static struct arena_msg right_message(uint32_t peer)
{
	const struct proto_request q = request();
	const struct proto_reply r = { .tag = 1 };

	return is_np() ? message_of(peer, &q) : message_of(peer, &r);
}

#define LIE(right, ...)				\
	do {					\
		__typeof__(right) m = right;	\
						\
		__VA_ARGS__;			\
		n += LIE_BY(m);			\
	} while (0)

/*
 * Messages
 */

/* Bits and flags that a completion of the peer's own I/O could have. */
static int forge_completions(uint32_t peer)
{
	static const uint64_t data[] = {
		NO_TYPE, 1ULL << 63 | NO_TYPE, 0x7f1234567840ULL, 0xffff888012345640ULL,
		UINT64_MAX << 8 | NO_TYPE,
	};
	static const uint32_t flags[] = {
		0, IORING_CQE_F_MORE, IORING_CQE_F_NOTIF, IORING_CQE_F_SOCK_NONEMPTY,
		IORING_CQE_F_BUFFER | 7U << IORING_CQE_BUFFER_SHIFT, CQE_F_SKIP, CQE_F_32,
		UINT32_MAX,
	};
	static const int32_t results[] = { 0, 4096, -EIO, INT32_MIN };
	int n = 0;

	for (size_t i = 0; i < sizeof(data) / sizeof(*data); i++)
		for (size_t k = 0; k < sizeof(flags) / sizeof(*flags); k++)
			n += !post(peer, data[i], (uint32_t)results[k % 4], flags[k]);
	return n;
}

#define LIE_BY(m)	send_to(peer, m)

static int lie_in_types(uint32_t peer)
{
	struct arena_msg right = right_message(peer);
	int n = 0;

	LIE(right, m.type = NO_TYPE);
	LIE(right, m.type = ARENA_MSG_CHANNEL - 1);
	LIE(right, m.type = PROTO_MESSAGE_HELLO; m.value = PROTO_HELLO);
	LIE(right, m.type = PROTO_MESSAGE_HELLO; m.value = UINT16_MAX);
	LIE(right, m.type = is_np() ? PROTO_MESSAGE_REPLIES : PROTO_MESSAGE_REQUESTS);
	LIE(right, m.type = PROTO_MESSAGE_HELD);
	LIE(right, m.type = PROTO_MESSAGE_HELD; m.ref.group = group_for(0, PROTO_USE_DISK, 0));
	LIE(right, m.type = PROTO_MESSAGE_REPLAYED; m.ref = (struct arena_ref){ 0 });
	return n;
}

/* Refs to what there is not, and to what belongs to somebody else. */
static int lie_in_refs(uint32_t peer)
{
	struct arena_msg right = right_message(peer);
	const struct arena_group *g = &layout()->group[right.ref.group];
	uint32_t np = is_np() ? own_number() : peer, sp = is_np() ? peer : own_number();
	int n = 0;

	LIE(right, m.value = 0);
	LIE(right, m.value = 2);
	LIE(right, m.value = UINT16_MAX);
	LIE(right, m.value = PROTO_MAX_RECORDS + 1; m.ref.index = 0; m.ref.count = UINT16_MAX);
	LIE(right, m.ref.generation = 0);
	LIE(right, m.ref.count = 0);
	LIE(right, m.ref.index = g->count - 1; m.ref.count = 2);
	LIE(right, m.ref.count = UINT16_MAX);
	LIE(right, m.ref.index = g->count);
	LIE(right, m.ref.index = UINT32_MAX);
	LIE(right, m.ref.group = UINT16_MAX);
	LIE(right, m.ref.group = (uint16_t)layout()->n_groups);
	for (uint32_t other = 0; other < 2; other++) {
		if (!is_np() || other != np)
			LIE(right, m.ref.group = group_of(PROTO_ROLE_NP(other), PROTO_USE_RECORD,
							  0));
		LIE(right, m.ref.group = group_of(PROTO_ROLE_NP(other), PROTO_USE_PAYLOAD, 0));
		LIE(right, m.ref.group = group_of(PROTO_ROLE_NP(other), PROTO_USE_NET, 0));
		if (is_np() || other != sp)
			LIE(right, m.ref.group = group_for(other, PROTO_USE_RECORD, np));
		LIE(right, m.ref.group = group_for(other, PROTO_USE_DISK, np));
		LIE(right, m.ref.group = group_for(other, PROTO_USE_FLIGHT, np));
	}
	return n;
}

/* RETURNs of extents that this process has never had, of all owners, uses and generations. */
static int return_all(uint32_t peer)
{
	struct arena_msg m = { .type = PROTO_MESSAGE_RETURN };
	int n = 0;

	for (uint32_t i = 0; i < layout()->n_groups; i++)
		for (uint16_t generation = 0; generation < 3; generation++) {
			m.ref = (struct arena_ref){
				.group = (uint16_t)i, .count = 1, .generation = generation,
				.index = layout()->group[i].count - 1,
			};
			n += send_to(peer, m);
		}
	return n;
}

#undef LIE_BY

/* Send without a look at what comes back, or whether there is room. Return: how many went. */
static int flood(uint32_t peer)
{
	int n = 0;

	for (int i = 0; i < FLOOD_MESSAGES; i++)
		n += send_to(peer, (struct arena_msg){ .type = NO_TYPE });
	return n;
}

/*
 * Messages of the channel itself that a peer does not send now. The first of each kind ends the
 * channel.
 */
static int break_channel(uint32_t peer, uint32_t how)
{
	const struct arena_msg wrong[] = {
		channel_msg(CHANNEL_MSG_CREDIT, 1U << 30),
		channel_msg(CHANNEL_MSG_MARK, 0),
		channel_msg(CHANNEL_MSG_READY, 1U << 30),
		channel_msg(0, 0),
	};

	return send_to(peer, wrong[how % (sizeof(wrong) / sizeof(*wrong))]);
}

#endif /* INSIDE_MESSAGES_H */
