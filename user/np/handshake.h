/* SPDX-License-Identifier: MIT */
/*
 * The handshake over a socket: negotiate.c's bytes to and fro.
 */
#ifndef NP_HANDSHAKE_H
#define NP_HANDSHAKE_H

struct conn;

/** handshake_start() - ends in request_start() or conn_kill() */
void handshake_start(struct conn *c);

#endif /* NP_HANDSHAKE_H */
