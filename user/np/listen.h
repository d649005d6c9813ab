/* SPDX-License-Identifier: MIT */
/*
 * Waiting for clients at the listening sockets. The ring only says that a client is there. The
 * client is accepted when there is room for a connection, and waits in the kernel until then.
 */
#ifndef NP_LISTEN_H
#define NP_LISTEN_H

#include <arena/ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "client.h"
#include "handler.h"

struct np;

/**
 * struct listener - a listening socket
 * @np: the process
 * @fd: the socket
 * @is_inherited: other processes may listen on it, too
 * @file: the socket as a file of the ring
 * @poll: the poll, if @is_polling
 * @handler: handles the events of the poll
 * @is_over: it was shut down, and no client comes any more
 * @is_polling: a poll is under way
 * @retry_at: second before which no client is accepted
 */
struct listener {
	struct np *np;
	int fd;
	bool is_inherited;
	struct arena_file file;
	struct arena_op poll;
	struct handler handler;
	bool is_over;
	bool is_polling;
	int64_t retry_at;
};

/**
 * struct listen_look - looking for clients that another process was woken for
 * @np: the process
 * @handler: handles the event of the timer
 */
struct listen_look {
	struct np *np;
	struct handler handler;
};

/** listeners_open() - listen at all places of the options; logs what is wrong; 0 or -errno */
int listeners_open(struct np *np);

/** listeners_close() - close all sockets, as the process ends */
void listeners_close(struct np *np);

/** listeners_pause() - let other processes that listen get the clients that come now */
void listeners_pause(struct np *np);

/**
 * listeners_describe() - find out who is at the other end of a connection
 * @fd: connection
 * @length: bytes of the address
 * @peer: with the address; the rest is filled in
 */
void listeners_describe(int fd, socklen_t length, struct conn_peer *peer);

/** listeners_turn() - wait for clients if there is room for a connection */
void listeners_turn(struct np *np);

/** listeners_need_tick() - is a listener paused? */
bool listeners_need_tick(const struct np *np);

/** listeners_stop() - accept no more */
void listeners_stop(struct np *np);

#endif /* NP_LISTEN_H */
