// SPDX-License-Identifier: MIT
#include "handshake.h"

#include <common/log.h>
#include <stdlib.h>

#include "negotiate.h"
#include "np.h"
#include "request.h"

static void received(struct transfer *t, int err);

/* The output is sent: what now? */
static void obey_step(struct conn *c)
{
	struct negotiation *n = c->negotiation;

	switch (c->step) {
	case NEGOTIATION_MORE:
		if (n->is_skipping)
			transfer_discard(&c->rx, n->want, received);
		else
			transfer_receive(&c->rx, n->in, n->want, received);
		return;
	case NEGOTIATION_TRANSMIT:
		c->sp = (unsigned int)n->export;
		c->negotiation = NULL;
		free(n);
		log_debug("connection %d: uses export '%s'", c->file,
			  c->np->exports.export[c->sp].name);
		request_start(c);
		return;
	case NEGOTIATION_CLOSE:
		conn_kill(c);
		return;
	}
}

static void sent(struct transfer *t, int err)
{
	struct conn *c = container_of(t, struct conn, tx);

	if (err)
		conn_kill(c);
	else
		obey_step(c);
}

static void send_output(struct conn *c)
{
	struct negotiation *n = c->negotiation;

	if (n->out_length)
		transfer_send(&c->tx, n->out, n->out_length, NULL, 0, sent);
	else
		obey_step(c);
}

static void received(struct transfer *t, int err)
{
	struct conn *c = container_of(t, struct conn, rx);

	if (err) {
		conn_kill(c);
		return;
	}
	c->step = negotiation_input(c->negotiation);
	send_output(c);
}

void handshake_start(struct conn *c)
{
	c->negotiation = malloc(sizeof(*c->negotiation));
	if (!c->negotiation) {
		log_limited(LOG_LEVEL_ERROR, "no memory for a handshake");
		conn_kill(c);
		return;
	}
	negotiation_init(c->negotiation, &c->np->exports);
	c->step = NEGOTIATION_MORE;
	send_output(c);
}
