/* SPDX-License-Identifier: MIT */
/*
 * Handoffs of request records (user/proto/record.h), as between NP and SP: a message lends an
 * extent with a batch of records; the receiver copies and checks each, and returns the extent.
 */
#ifndef BENCH_HANDOFF_RECORDS_H
#define BENCH_HANDOFF_RECORDS_H

#include <proto/record.h>

#include "handoff-channel.h"

/* Two buffers hold as many records as a message may hand over. */
#define RECORD_BUFFERS	2
#define RECORD_USE	1	/* of the layout that arena_config has when it is zeroed */

enum { RECORDS = 1, RECORDS_RETURN };

/* The extent into which records are written, and the one that they are read from. */
static struct arena_buf record_out, record_in;
static unsigned int records_out, records_in, next_in;

static void record_start(void)
{
	channel_start();
	records_out = 0;
	records_in = 0;
	next_in = 0;
}

static void record_message(const struct arena_msg *m)
{
	int ret;

	while ((ret = arena_channel_send(channel, m)) == -EAGAIN)
		arena_channel_wait(channel, -1);
	check(ret, "arena_channel_send");
	queued++;
}

static void record_lend(void)
{
	struct arena_msg m = { .type = RECORDS, .value = (uint16_t)records_out };

	check(arena_lend(arena, record_out, roles[!side], &m.ref), "arena_lend");
	record_message(&m);
	records_out = 0;
}

static void record_flush(void)
{
	if (records_out)
		record_lend();
	channel_flush();
}

static void record_send(uint64_t v)
{
	struct proto_request *r;

	if (!records_out)
		check(arena_get_for(arena, RECORD_USE, RECORD_BUFFERS, &record_out),
		      "arena_get_for");
	r = arena_ptr(arena, record_out);
	r[records_out++] = (struct proto_request){
		.tag = v, .offset = v << 12, .length = 4096, .operation = PROTO_READ,
	};
	if (records_out == kind->batch)
		record_flush();
}

static void record_regain(const struct arena_ref *ref)
{
	struct arena_buf b;

	check(arena_regain(arena, roles[!side], ref, &b), "arena_regain");
	check(arena_put(arena, b), "arena_put");
}

/* Return the extent whose records were read, and wait for the next one. */
static void record_next(void)
{
	struct arena_msg m = { .type = RECORDS_RETURN };
	int ret;

	if (records_in) {
		check(arena_return(arena, record_in, &m.ref), "arena_return");
		record_message(&m);
	}
	records_in = 0;
	next_in = 0;
	while (!records_in) {
		ret = arena_channel_next(channel, &m, -1);
		check(ret < 0 ? ret : 0, "arena_channel_next");
		if (m.type == RECORDS_RETURN) {
			record_regain(&m.ref);
			continue;
		}
		check(arena_borrow(arena, roles[!side], &m.ref, &record_in), "arena_borrow");
		records_in = m.value;
	}
}

static uint64_t record_recv(void)
{
	struct proto_request r;

	if (next_in == records_in)
		record_next();
	check(proto_request_receive(&r, arena_ptr_const(arena, record_in), next_in++),
	      "proto_request_receive");
	return r.tag;
}

#endif /* BENCH_HANDOFF_RECORDS_H */
