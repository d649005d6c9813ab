/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets.
 *
 * Clients get ordinary descriptors, not io_uring's direct ones: before Linux 6.13
 * a direct descriptor that is closed stays open inside until all operations that
 * were begun before on any other have ended, so one idle client would keep the
 * sockets of all that come and go. That no fd number is recycled under a queued
 * operation is kept by conn.c, which closes a socket when there is none.
 */
#ifndef NP_LISTEN_H
#define NP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring.h"

struct np;
struct address;

/**
 * struct listener - a listening socket
 * @np: the process
 * @fd: the socket
 * @op: the accept
 * @is_accepting: it is under way
 * @retry_at: ring seconds before which no accept is started
 */
struct listener {
	struct np *np;
	int fd;
	struct ring_op op;
	bool is_accepting;
	int64_t retry_at;
};

/** listener_open() - bind and listen; logs what is wrong; 0 or -errno */
int listener_open(struct np *np, const struct address *where);
void listener_close(struct listener *l);

/** listener_address() - "ADDR:PORT" as the kernel has it */
void listener_address(const struct listener *l, char *text, size_t size);

/** listeners_turn() - accept if there is room for a connection */
void listeners_turn(struct np *np);

/** listeners_stop() - accept no more */
void listeners_stop(struct np *np);

#endif /* NP_LISTEN_H */
