/* SPDX-License-Identifier: MIT */
/*
 * The beginning of a process that takes the place of a running one: it gets the connections of that
 * one before it takes the role, and goes on with them when it serves. See handoff.h for the other
 * side. A connection that the running process describes wrongly is closed: the process may be in
 * the hands of somebody else.
 */
#ifndef NP_SUCCESSOR_H
#define NP_SUCCESSOR_H

#include <control/handoff.h>
#include <stdbool.h>
#include <stdint.h>

#include "client.h"

struct np;

/**
 * struct taken - a connection that has come
 * @next: the one that came before it
 * @conn: what the predecessor has said of it, checked
 * @fd: the socket
 * @peer: who the client is, as the socket says
 * @sp: the SP of its export
 * @identity: who the client is in TLS; "" for nobody
 * @left: bytes that the client has sent, and that were not served; of @conn's number
 * @n_left: how many of them have come
 */
struct taken {
	struct taken *next;
	struct handoff_conn conn;
	int fd;
	struct conn_peer peer;
	unsigned int sp;
	char identity[HANDOFF_TEXT_MAX + 1];
	uint8_t *left;
	uint32_t n_left;
};

/**
 * struct successor - the connections that have come
 * @n: how many
 * @newest: the last one
 * @incoming: the one whose bytes come next; NULL if it was refused
 * @left: bytes of @left of all of them
 * @refused: connections that were closed, as they cannot be what the predecessor said
 */
struct successor {
	uint32_t n;
	struct taken *newest;
	struct taken *incoming;
	uint64_t left;
	uint32_t refused;
};

/**
 * successor_take() - get the connections of the running process, unless there is none
 * @np: process, with its options and nothing else
 *
 * The call blocks until the predecessor has ended. It logs its errors.
 *
 * Return: 0, also if the predecessor died, whose connections are lost then; -ECANCELED if it goes
 * on serving; another -errno.
 */
int successor_take(struct np *np);

/**
 * successor_hear() - get what the predecessor says, and wait for its end
 * @np: process, with its options
 * @fd: socket to the predecessor
 *
 * Return: 0; -EPIPE if the predecessor has died before it had given the connections, or goes on and
 * could not say so; -ECANCELED if it goes on; another -errno. Only with 0 may they be used.
 */
int successor_hear(struct np *np, int fd);

/** successor_begin() - have the connections, which go on when clients are served */
void successor_begin(struct np *np);

/** successor_exit() - close what was not used */
void successor_exit(struct np *np);

#endif /* NP_SUCCESSOR_H */
