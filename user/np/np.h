/* SPDX-License-Identifier: MIT */
/*
 * The network process: what its parts share. One thread, one ring; nothing
 * here is locked.
 *
 * A request's way through the files:
 *	listen.c	a client connects
 *	handshake.c	drives the protocol of negotiate.c over its socket
 *	request.c	receives a header, command.c decides, then the payload
 *	peer.c		the messages to the SP, and those of the SP
 *	reply.c		checks the SP's answer and sends it to the client
 *	conn.c		a connection's end, whatever is under way then
 */
#ifndef NP_NP_H
#define NP_NP_H

#include <arena/arena.h>
#include <proto/layout.h>
#include <arena/layout.h>
#include <libarena/buffer/pool.h>
#include <mshare.h>
#include <stdbool.h>
#include <stdint.h>

#include "conn.h"
#include "counters.h"
#include "export.h"
#include "listen.h"
#include "options.h"
#include "ring.h"
#include "slot.h"
#include "peer.h"
#include "stop.h"

/**
 * struct np - the process
 * @options: the command line
 * @arena: the part of this process in the region
 * @base: address of the region
 * @layout: the private, checked copy of its layout
 * @ring: the I/O ring
 * @exports: what clients can name
 * @n_peers: used entries of @peer
 * @peer: the channels to the SPs
 * @payload: who has which payload buffer
 * @slots: requests in flight
 * @conns: connections
 * @n_listeners: used entries of @listener
 * @listener: listening sockets
 * @stop: signals, the clock's tick, the end
 * @counters: what happened
 */
struct np {
	const struct options *options;
	struct arena *arena;
	void *base;
	struct arena_layout layout;
	struct ring ring;
	struct export_table exports;
	unsigned int n_peers;
	struct peer peer[PROTO_MAX_SPS];
	struct arena_pool *payload;
	struct slot_table slots;
	struct conn_table conns;
	unsigned int n_listeners;
	struct listener listener[NP_LISTENERS_MAX];
	struct stop stop;
	struct counters counters;
};

#endif /* NP_NP_H */
