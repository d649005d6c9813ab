/* SPDX-License-Identifier: MIT */
/*
 * The handshake over a socket: what nbd/negotiate.h says is sent, and what comes is given to
 * it. The structure is there only as long as the handshake lasts.
 */
#ifndef NP_HANDSHAKE_H
#define NP_HANDSHAKE_H

#include <arena/arena.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler.h"
#include "nbd/negotiate.h"

struct conn;

/**
 * struct handshake - a connection's handshake
 * @handler: of the send
 * @conn: the connection
 * @negotiation: the protocol
 * @step: what it said last, to be obeyed when its output is sent
 * @sent: bytes of its output that were sent or are being sent
 * @buf: where they are sent from
 * @is_sending: a send is under way
 */
struct handshake {
	struct handler handler;
	struct conn *conn;
	struct negotiation negotiation;
	enum negotiation_step step;
	size_t sent;
	struct arena_buf buf;
	bool is_sending;
};

/** handshake_start() - begin; ends in CONN_SERVING or conn_kill() */
void handshake_start(struct conn *c);

/** handshake_is_listening() - the client is to say something */
bool handshake_is_listening(const struct conn *c);

/** handshake_take() - bytes have come; how many of them belong to the handshake's next step */
size_t handshake_take(struct conn *c, const void *data, size_t size);

/** handshake_abandon() - free it, if the kernel uses nothing of it */
void handshake_abandon(struct conn *c);

#endif /* NP_HANDSHAKE_H */
