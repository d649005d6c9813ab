/* SPDX-License-Identifier: MIT */
/*
 * Every request of a client is checked here, and here only. The code behind it does not know NBD,
 * except for the replies, whose headers are packed by wire.h. The functions are pure: they use no
 * socket, and no memory except their arguments.
 */
#ifndef NP_NBD_COMMAND_H
#define NP_NBD_COMMAND_H

#include <proto/record.h>
#include <stdint.h>

#include "../export.h"
#include "session.h"
#include "wire.h"

/**
 * enum command_fate - what to do with a request
 * @COMMAND_SERVE: give the request to the SP; a WRITE when its payload is complete
 * @COMMAND_REFUSE: answer the status; throw the payload, if there is one, away before that
 * @COMMAND_FINISH: DISC: serve the requests in flight, then close
 * @COMMAND_CLOSE: the stream cannot be trusted any more: close now
 */
enum command_fate {
	COMMAND_SERVE,
	COMMAND_REFUSE,
	COMMAND_FINISH,
	COMMAND_CLOSE,
};

/* The longest text that says what is wrong with a request. */
#define COMMAND_WHY_MAX	60U

/**
 * struct command - a request that was checked
 * @cookie: the client's cookie, which goes back with the reply
 * @start: offset of the client's request
 * @offset: first byte on the disk; of the piece that is served, if the request is in pieces
 * @length: bytes; of a piece that moves data at most PROTO_MAX_BYTES
 * @rest: bytes of the client's request behind this piece; 0 for the last piece or the only one
 * @status: what to answer if the fate is COMMAND_REFUSE
 * @why: what is wrong then: a text for people of at most COMMAND_WHY_MAX bytes
 * @operation: enum proto_operation
 * @flags: PROTO_FLAG_*
 */
struct command {
	uint64_t cookie;
	uint64_t start;
	uint64_t offset;
	uint64_t length;
	uint64_t rest;
	enum proto_status status;
	const char *why;
	uint16_t operation;
	uint16_t flags;
};

/**
 * command_check() - decide what becomes of a request
 * @r: the header of the request
 * @s: what was agreed on with the client
 * @e: the export of the connection
 * @command: filled in any case
 */
enum command_fate command_check(const struct nbd_request *r, const struct nbd_session *s,
				const struct export *e, struct command *command);

/** command_next() - go on to the next piece of a request that has a rest */
void command_next(struct command *command);

#endif /* NP_NBD_COMMAND_H */
