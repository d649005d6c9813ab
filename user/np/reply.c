// SPDX-License-Identifier: MIT
#include "reply.h"

#include <assert.h>
#include <common/log.h>
#include <common/probe.h>
#include <string.h>

#include "alive.h"
#include "hold.h"
#include "np.h"
#include "send.h"
#include "use.h"

/* Borrow the data of an SP's reply. Return: false if it is not of this SP or has another length. */
static bool borrow(struct np *np, struct peer *peer, struct request *s,
		   const struct proto_reply *r, struct arena_buf *buf)
{
	const struct arena_layout *l = arena_layout(np->arena);
	const struct arena_ref *ref = &r->ref[0];

	if (r->n_refs != 1 || ref->group >= l->n_groups ||
	    l->group[ref->group].use != PROTO_USE_DISK || ref->count != s->taken)
		return false;
	return !arena_borrow(np->arena, peer->role, ref, buf);
}

/* Take the data of a READ, or the assurance that some of its bytes or all of them are zeroes. */
static bool take_read(struct np *np, struct peer *peer, struct request *s,
		      const struct proto_reply *r)
{
	uint64_t zeroes = (uint64_t)r->zeroes_before + r->zeroes_after;
	uint32_t length = (uint32_t)s->command.length;

	if (r->n_parts || r->bytes || zeroes > length)
		return false;
	if (zeroes && !(s->command.flags & PROTO_FLAG_HOLES))
		return false;
	if (zeroes == length && r->n_refs)
		return false;
	if (zeroes == length) {
		s->answer.before = length;
		return true;
	}
	if (!borrow(np, peer, s, r, &s->buf))
		return false;
	s->answer = (struct answer){
		.before = r->zeroes_before,
		.length = length - (uint32_t)zeroes,
		.after = r->zeroes_after,
	};
	s->from = request_within(s) + r->zeroes_before;
	return true;
}

static bool is_bare(const struct proto_reply *r)
{
	return !r->n_refs && !r->zeroes_before && !r->zeroes_after && !r->n_parts && !r->bytes;
}

/* The reply to OPEN has the size of the disk, and nothing else. */
static bool take_size(const struct proto_reply *r)
{
	return r->bytes && !r->n_refs && !r->zeroes_before && !r->zeroes_after && !r->n_parts;
}

static_assert(ANSWER_PARTS_MAX <= PROTO_DISK_BUFFER, "one payload buffer has room for the parts");

/* Pack the parts for the client. Only the first one may be sent to a client that wants one. */
static void pack_parts(struct np *np, struct request *s, const struct proto_part *part, uint32_t n)
{
	uint8_t *to = arena_ptr(np->arena, s->buf);

	assert(to);
	if (s->command.flags & PROTO_FLAG_ONE)
		n = 1;
	s->from = 0;
	s->answer.length = answer_pack_parts(to, s->conn->session.style, part, n);
}

/* Copy the parts that a BLOCK_STATUS has found, and return their extent. */
static bool take_parts(struct np *np, struct peer *peer, struct request *s,
		       const struct proto_reply *r)
{
	struct proto_part part[PROTO_MAX_PARTS];
	struct arena_buf buf;
	struct arena_ref ref;
	bool is_good;

	if (r->zeroes_before || r->zeroes_after || r->bytes || !borrow(np, peer, s, r, &buf))
		return false;
	is_good = !proto_parts_receive(part, arena_ptr_const(np->arena, buf), r->n_parts,
				       s->command.length);
	if (!is_good) {
		/* As of any bad record, the SP is told nothing of it. */
		arena_return(np->arena, buf, &ref);
		return false;
	}
	pack_parts(np, s, part, r->n_parts);
	peer_return(peer, buf);
	return true;
}

static bool take_data(struct np *np, struct peer *peer, struct request *s,
		      const struct proto_reply *r)
{
	/* proto_reply_receive() refuses errors that have more than a status. */
	if (r->status != PROTO_OK)
		return true;
	if (s->command.operation == PROTO_READ)
		return take_read(np, peer, s, r);
	if (s->command.operation == PROTO_BLOCK_STATUS)
		return take_parts(np, peer, s, r);
	return s->command.operation == PROTO_OPEN ? take_size(r) : is_bare(r);
}

static void regain_payload(struct np *np, struct peer *peer, struct request *s)
{
	int ret = 0;

	if (s->command.operation == PROTO_WRITE)
		ret = arena_regain(np->arena, peer->role, &s->ref, &s->buf);
	assert(!ret);
	(void)ret;
	if (s->command.operation == PROTO_WRITE)
		lent_clear(np, s->buf);
}

/* The SP has answered a request, or does not any more. */
static void answered(struct request *s, enum proto_status status, uint64_t bytes)
{
	if (s->command.operation == PROTO_OPEN || s->command.operation == PROTO_CLOSE)
		use_answered(s, status, bytes);
	else
		send_reply(s, status);
}

static void withhold(struct np *np, struct peer *peer, uint32_t count)
{
	np->counters.withheld_buffers += count;
	peer->n_withheld += count;
	admission_lose(&np->share.payload, count);
}

/* The disk of a dead SP may still be reading the payload, until a successor has the claim to it. */
static void withhold_payload(struct np *np, struct peer *peer, struct request *s)
{
	/* The SP has never had the buffer of a BLOCK_STATUS. */
	if (s->command.operation != PROTO_WRITE)
		return;
	withhold(np, peer, s->buf.count);
	s->buf = (struct arena_buf){ 0 };
}

/* The disk of this SP does the same until the SP returns the payload, see reply_take_kept(). */
static bool keep(struct np *np, struct peer *peer, const struct arena_ref *ref)
{
	if (peer->n_kept == proto_requests(arena_layout(np->arena)))
		return false;
	peer->kept[peer->n_kept++] = *ref;
	return true;
}

static void keep_payload(struct np *np, struct peer *peer, struct request *s)
{
	keep(np, peer, &s->ref);
	withhold_payload(np, peer, s);
}

bool reply_set_aside(struct np *np, struct peer *peer, const struct arena_ref *ref)
{
	if (arena_lend_held(np->arena, peer->role, ref))
		return false;
	withhold(np, peer, ref->count);
	return true;
}

bool reply_keep_held(struct np *np, struct peer *peer, const struct arena_ref *ref)
{
	if (!reply_set_aside(np, peer, ref))
		return false;
	lent_note(np, peer, (struct arena_buf){
		.group = ref->group, .index = ref->index, .count = ref->count,
	});
	return keep(np, peer, ref);
}

bool reply_take_kept(struct np *np, struct peer *peer, const struct arena_ref *ref)
{
	struct arena_buf buf;
	uint32_t i = 0;

	while (i < peer->n_kept && memcmp(&peer->kept[i], ref, sizeof(*ref)) != 0)
		i++;
	if (i == peer->n_kept || arena_regain(np->arena, peer->role, ref, &buf) ||
	    arena_put(np->arena, buf))
		return false;
	lent_clear(np, buf);
	peer->kept[i] = peer->kept[--peer->n_kept];
	np->counters.withheld_buffers -= buf.count;
	peer->n_withheld -= buf.count;
	admission_find(&np->share.payload, buf.count);
	np->has_given = true;
	return true;
}

/* An SP that ends in good order has not done it, and a successor may. */
static bool is_undone(const struct peer *peer, const struct request *s,
		      const struct proto_reply *r)
{
	return r->status == PROTO_ESHUTDOWN && !r->flags && hold_is_wanted(peer) &&
	       s->conn->phase != CONN_DEAD && s->command.operation != PROTO_CLOSE;
}

/* Return: true if the request waits for a reply again. */
static bool sends_again(struct peer *peer, struct request *s, const struct proto_reply *r)
{
	if (is_undone(peer, s, r)) {
		hold_again(peer, s);
		return true;
	}
	if (r->status != PROTO_ESTALE || r->flags || s->conn->phase == CONN_DEAD ||
	    !alive_again(s))
		return false;
	peer->np->counters.vouched++;
	peer_requeue(peer, s);
	return true;
}

/*
 * A FLUSH covers what all connections have written, so each one that was there is told of a loss,
 * once, as fsync(2) tells each open file. The reply may be of an SP that knows nothing of it: then
 * the FLUSH was done before.
 */
static bool has_lost(struct np *np, const struct peer *peer, struct request *s)
{
	struct conn *c = s->conn;

	if (s->command.operation != PROTO_FLUSH || c->losses == peer->losses)
		return false;
	c->losses = peer->losses;
	np->counters.lost++;
	s->command.why = "what was not flushed may be lost: the disk went away";
	log_limited(LOG_LEVEL_WARN, "connection %u: a flush fails: the disk has lost what was not "
		    "flushed before; the client has to write that again", c->number);
	return true;
}

enum proto_status reply_outdated(struct request *r)
{
	struct conn *c = r->conn;

	c->np->counters.outdated++;
	r->command.why = "newer data may have been written over another connection";
	if (c->phase != CONN_DEAD)
		log_limited(LOG_LEVEL_WARN, "connection %u: a request was not done: it came before "
			    "what others have written since, or its client has gone; a client that "
			    "is there has to write that again", c->number);
	return PROTO_EIO;
}

/* A client gets no status that only processes know. */
static enum proto_status status_of(struct np *np, const struct peer *peer, struct request *s,
				   const struct proto_reply *r)
{
	if (has_lost(np, peer, s))
		return PROTO_EIO;
	return r->status == PROTO_ESTALE ? reply_outdated(s) : r->status;
}

/*
 * An error would be for good. A client that is there connects again, and its request is done. It
 * must not be dropped here: a connection that ends drops what is its own.
 */
static bool end_if_lost(struct request *s)
{
	struct conn *c = s->conn;

	if (c->phase == CONN_DEAD || !alive_may_be_lost(s))
		return false;
	log_limited(LOG_LEVEL_WARN, "connection %u: closed: a change has waited for more than "
		    "%d s, and others may have changed the same blocks; a client that is there "
		    "connects again", c->number, ALIVE_SILENT_SECONDS);
	conn_kill(c);
	return true;
}

bool reply_take(struct np *np, struct peer *peer, const struct proto_reply *r)
{
	struct request *s = request_of_tag(&np->requests, r->tag);

	if (!s || s->state != REQUEST_AT_SP || s->conn->sp != peer->id)
		return false;
	if (r->flags & PROTO_REPLY_KEPT && s->command.operation != PROTO_WRITE)
		return false;
	if (!take_data(np, peer, s, r))
		return false;
	/* A message to the SP that failed meanwhile has ended all its requests. */
	if (s->state != REQUEST_AT_SP || request_tag(&np->requests, s) != r->tag)
		return true;
	if (r->flags & PROTO_REPLY_KEPT)
		keep_payload(np, peer, s);
	else
		regain_payload(np, peer, s);
	if (sends_again(peer, s, r))
		return true;
	if (r->status == PROTO_ESTALE && end_if_lost(s) &&
	    (s->state != REQUEST_AT_SP || request_tag(&np->requests, s) != r->tag))
		return true;
	s->answered_ns = np_noted_ns(np);
	s->spent_us = r->spent_us;
	probe_np_answered(np->options->id, r->tag, peer->id, r->status);
	if (s->command.operation == PROTO_WRITE)
		request_drop_payload(s);
	answered(s, status_of(np, peer, s, r), r->bytes);
	return true;
}

/* A reply that has come is sent, and its data stays where it is. */
static void fail_one(struct np *np, struct peer *peer, struct request *s)
{
	if (s->state == REQUEST_QUEUED)
		request_drop_payload(s);
	else if (s->state == REQUEST_AT_SP)
		withhold_payload(np, peer, s);
	else
		return;
	answered(s, PROTO_EIO, 0);
}

void reply_fail_peer(struct np *np, struct peer *peer)
{
	for (uint32_t i = 0; i < np->requests.n; i++) {
		struct request *s = &np->requests.request[i];

		if (s->state != REQUEST_FREE && s->conn->sp == peer->id)
			fail_one(np, peer, s);
	}
}
