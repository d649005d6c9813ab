// SPDX-License-Identifier: MIT
#include "use.h"

#include <common/log.h>

#include "handshake.h"
#include "np.h"

/*
 * A connection that has asked is kept until the SP answers, also when its client has gone. So an SP
 * that does not answer is asked no more, or clients that come again would take all connections.
 */
static bool is_silent(const struct peer *peer)
{
	/* While there is no SP, a request is dropped with its connection. */
	return peer->state != PEER_HELD && peer->n_uses &&
	       peer->np->now - peer->use_moved_at > USE_SILENT_SECONDS;
}

static bool ask(struct conn *c, unsigned int sp, enum proto_operation operation, uint16_t flags)
{
	struct peer *peer = &c->np->peer[sp];
	struct request *r;

	if (peer->state == PEER_FAILED)
		return false;
	/* Each connection has a part of the requests for itself, so this never has to wait. */
	c->sp = sp;
	r = request_new(c);
	if (!r)
		return false;
	r->command = (struct command){ .operation = operation, .flags = flags };
	if (!peer->n_uses++)
		peer->use_moved_at = c->np->now;
	return peer_queue(peer, r);
}

bool use_begin(struct conn *c, unsigned int sp, bool is_looking)
{
	if (is_silent(&c->np->peer[sp])) {
		log_limited(LOG_LEVEL_WARN, "connection %u: the storage process of export '%s' "
			    "does not answer; look at the log of that process", c->number,
			    c->np->offered.set.export[sp].label);
		return false;
	}
	return ask(c, sp, PROTO_OPEN, is_looking ? PROTO_FLAG_LOOK : 0);
}

/* If this process ends, the SP forgets its clients. */
bool use_end(struct conn *c)
{
	struct peer *peer = &c->np->peer[c->sp];
	bool is_using = c->is_using;

	c->is_using = false;
	peer->n_clients -= is_using;
	/* A successor is told how many clients use the disk, when it has got the requests. */
	return is_using && !c->np->stop.is_stopping && peer->state == PEER_OPEN &&
	       !peer->owes_replayed && ask(c, c->sp, PROTO_CLOSE, 0);
}

void use_forget(const struct request *r)
{
	if (r->command.operation == PROTO_OPEN || r->command.operation == PROTO_CLOSE)
		r->conn->np->peer[r->conn->sp].n_uses--;
}

void use_answered(struct request *r, enum proto_status status, uint64_t bytes)
{
	struct command command = r->command;
	struct conn *c = r->conn;

	use_forget(r);
	c->np->peer[c->sp].use_moved_at = c->np->now;
	request_put(r);
	if (command.operation != PROTO_OPEN)
		return;
	if (status == PROTO_OK && !(command.flags & PROTO_FLAG_LOOK)) {
		c->is_using = true;
		c->losses = c->np->peer[c->sp].losses;
		c->np->peer[c->sp].n_clients++;
	}
	if (c->phase == CONN_HANDSHAKE)
		handshake_opened(c, status, bytes);
}
