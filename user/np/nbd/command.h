/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a client's request: the one gate through which every request goes. Behind
 * it nothing knows NBD but for the reply, which reply.h packs. Pure: no socket, no memory but
 * its arguments.
 */
#ifndef NP_NBD_COMMAND_H
#define NP_NBD_COMMAND_H

#include <proto/record.h>
#include <stdint.h>

#include "../export.h"
#include "wire.h"

/**
 * enum command_fate - what to do with a request
 * @COMMAND_SERVE: give it to the SP (a WRITE: once its payload is there)
 * @COMMAND_REFUSE: answer the status; a WRITE: after throwing its payload away
 * @COMMAND_FINISH: DISC: serve what is in flight, then close
 * @COMMAND_CLOSE: the stream cannot be trusted any more: close now
 */
enum command_fate {
	COMMAND_SERVE,
	COMMAND_REFUSE,
	COMMAND_FINISH,
	COMMAND_CLOSE,
};

/**
 * struct command - a request that has passed the gate
 * @cookie: the client's, goes back with the reply
 * @offset: first byte on the disk
 * @length: bytes
 * @status: what to answer if the fate is COMMAND_REFUSE
 * @operation: enum proto_operation
 * @flags: PROTO_FLAG_*
 */
struct command {
	uint64_t cookie;
	uint64_t offset;
	uint32_t length;
	enum proto_status status;
	uint16_t operation;
	uint16_t flags;
};

/**
 * command_check() - decide about a request
 * @r: its header
 * @e: the export of its connection
 * @command: filled in any case
 */
enum command_fate command_check(const struct nbd_request *r, const struct export *e,
				struct command *command);

#endif /* NP_NBD_COMMAND_H */
