/* SPDX-License-Identifier: MIT */
/*
 * What arenad hands over while the process runs: it comes by the control socket, since the process
 * opens no file. This header must not know who reads the files.
 */
#ifndef NP_RELOAD_H
#define NP_RELOAD_H

#include <arena/ring.h>
#include <stdbool.h>

#include "handler.h"

struct np;

/**
 * struct reload - the control socket
 * @np: the process
 * @handler: handles its polls
 * @file: the socket, as a file of the ring
 * @is_owed: the ring has to be asked again to wait for a message
 */
struct reload {
	struct np *np;
	struct handler handler;
	struct arena_file file;
	bool is_owed;
};

/**
 * reload_credentials() - get what TLS needs at the start, unless TLS is off
 * @np: process, which gets the credentials
 *
 * They come from the files of the command line, or, where it names none, from the first message of
 * the control socket. It logs its errors.
 *
 * Return: 0 or -errno.
 */
int reload_credentials(struct np *np);

/**
 * reload_peers() - wait until arenad has said who each SP is
 *
 * It logs its errors. Return: 0; -ETIMEDOUT; or another -errno.
 */
int reload_peers(struct np *np);

/** reload_init() - handle the messages that come from now on; logs its errors; 0 or -errno */
int reload_init(struct np *np);

/** reload_tick() - wait for messages again if the kernel was short of memory; once a second */
void reload_tick(struct np *np);

#endif /* NP_RELOAD_H */
