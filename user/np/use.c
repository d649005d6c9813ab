// SPDX-License-Identifier: MIT
#include "use.h"

#include "handshake.h"
#include "np.h"

static bool ask(struct conn *c, unsigned int sp, enum proto_operation operation, uint16_t flags)
{
	struct peer *peer = &c->np->peer[sp];
	struct request *r;

	if (peer->has_failed)
		return false;
	/* Each connection has a part of the requests for itself, so this never has to wait. */
	c->sp = sp;
	r = request_new(c);
	if (!r)
		return false;
	r->command = (struct command){ .operation = operation, .flags = flags };
	peer_queue(peer, r);
	return true;
}

bool use_begin(struct conn *c, unsigned int sp, bool is_looking)
{
	return ask(c, sp, PROTO_OPEN, is_looking ? PROTO_FLAG_LOOK : 0);
}

/* If this process ends, the SP forgets its clients. */
bool use_end(struct conn *c)
{
	bool is_using = c->is_using;

	c->is_using = false;
	return is_using && !c->np->stop.is_stopping && ask(c, c->sp, PROTO_CLOSE, 0);
}

void use_answered(struct request *r, enum proto_status status, uint64_t bytes)
{
	struct command command = r->command;
	struct conn *c = r->conn;

	request_put(r);
	if (command.operation != PROTO_OPEN)
		return;
	if (status == PROTO_OK && !(command.flags & PROTO_FLAG_LOOK))
		c->is_using = true;
	if (c->phase == CONN_HANDSHAKE)
		handshake_opened(c, status, bytes);
}
