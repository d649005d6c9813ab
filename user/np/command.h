/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a client's request header: the one gate through which every
 * request goes. Pure: no socket, no memory but its arguments.
 */
#ifndef NP_COMMAND_H
#define NP_COMMAND_H

#include <stdint.h>

#include "export.h"
#include "nbd.h"

/**
 * enum command_fate - what to do with a request
 * @COMMAND_SERVE: give it to the SP (a WRITE: once its payload is there)
 * @COMMAND_REFUSE: answer the error; a WRITE: after throwing its payload away
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
 * command_check() - decide about a request
 * @r: its header
 * @e: the export of its connection
 * @error: filled with an enum nbd_error if the answer is COMMAND_REFUSE
 */
enum command_fate command_check(const struct nbd_request *r,
				const struct export *e, uint32_t *error);

/** command_buffers() - buffers of the run for a request's data */
static inline uint32_t command_buffers(const struct nbd_request *r)
{
	uint64_t within = r->offset % PROTO_DISK_BUFFER;

	return (uint32_t)((within + r->length + PROTO_DISK_BUFFER - 1) /
			  PROTO_DISK_BUFFER);
}

#endif /* NP_COMMAND_H */
