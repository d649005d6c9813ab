/* SPDX-License-Identifier: MIT */
/*
 * The handshake over a socket: it sends the output of nbd/negotiate.h, and gives received bytes to
 * it. The structure exists only as long as the handshake lasts.
 */
#ifndef NP_HANDSHAKE_H
#define NP_HANDSHAKE_H

#include <arena/arena.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "handler.h"
#include "nbd/negotiate.h"

struct conn;

/**
 * struct handshake - a connection's handshake
 * @handler: handles the end of the send
 * @conn: the connection
 * @peer: who the client is
 * @negotiation: the protocol
 * @step: the last step of @negotiation, to be followed when its output is sent
 * @sent: bytes of the output that were sent or are being sent
 * @buf: the buffer from which the output is sent
 * @is_sending: a send is under way
 * @is_securing: the handshake of TLS is under way
 * @is_opening: the SP has been asked whether the client may use its disk
 */
struct handshake {
	struct handler handler;
	struct conn *conn;
	struct conn_peer peer;
	struct negotiation negotiation;
	enum negotiation_step step;
	size_t sent;
	struct arena_buf buf;
	bool is_sending;
	bool is_securing;
	bool is_opening;
};

/** handshake_admit() - find out which exports the client may use, by the rules as they are now */
void handshake_admit(struct conn *c);

/** handshake_start() - begin the handshake with @peer, which ends in CONN_SERVING or conn_kill() */
void handshake_start(struct conn *c, const struct conn_peer *peer);

/**
 * handshake_opened() - go on with the answer of the SP that was asked by use_begin()
 * @c: connection, which is in CONN_HANDSHAKE
 * @status: what the SP says
 * @bytes: size of its disk, if the status is PROTO_OK
 */
void handshake_opened(struct conn *c, enum proto_status status, uint64_t bytes);

/** handshake_is_listening() - does the handshake wait for bytes of the client? */
bool handshake_is_listening(const struct conn *c);

/** handshake_take() - use received bytes for the next step; returns how many were used up */
size_t handshake_take(struct conn *c, const void *data, size_t size);

/** handshake_abandon() - free the handshake, if the kernel uses no part of it */
void handshake_abandon(struct conn *c);

#endif /* NP_HANDSHAKE_H */
