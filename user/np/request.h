/* SPDX-License-Identifier: MIT */
/*
 * Requests on their way in: header, decision, payload, handoff to the SP.
 */
#ifndef NP_REQUEST_H
#define NP_REQUEST_H

struct conn;
struct np;

/** request_start() - the handshake is over: serve requests */
void request_start(struct conn *c);

/** request_abandon() - take back what a dead connection's next request has */
void request_abandon(struct conn *c);

/**
 * request_turn() - begin what waited for a slot or for payload buffers
 *
 * Called when all completions of a turn are handled, so that a wish is looked
 * at after everything that may have come free.
 */
void request_turn(struct np *np);

#endif /* NP_REQUEST_H */
