/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets. The ring only says that a client is there. The client is accepted when there
 * is room for a connection, and waits in the kernel until then.
 */
#ifndef NP_LISTEN_H
#define NP_LISTEN_H

#include <arena/ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler.h"

struct np;
struct address;

/**
 * struct listener - a listening socket
 * @np: the process
 * @fd: the socket
 * @file: the socket as a file of the ring
 * @handler: handles the events of the poll
 * @is_polling: a poll is under way
 * @retry_at: second before which no client is accepted
 */
struct listener {
	struct np *np;
	int fd;
	struct arena_file file;
	struct handler handler;
	bool is_polling;
	int64_t retry_at;
};

/** listener_open() - bind and listen; logs what is wrong; 0 or -errno */
int listener_open(struct np *np, const struct address *where);
void listener_close(struct listener *l);

/** listener_address() - write "ADDR:PORT" with the port that the kernel chose */
void listener_address(const struct listener *l, char *text, size_t size);

/** listeners_turn() - wait for clients if there is room for a connection */
void listeners_turn(struct np *np);

/** listeners_need_tick() - is a listener paused? */
bool listeners_need_tick(const struct np *np);

/** listeners_stop() - accept no more */
void listeners_stop(struct np *np);

#endif /* NP_LISTEN_H */
