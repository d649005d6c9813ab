// SPDX-License-Identifier: MIT
#include "command.h"

#include <arena/message.h>
#include <proto/record.h>

static bool is_outside(const struct nbd_request *r, const struct export *e)
{
	return r->offset > e->bytes || r->length > e->bytes - r->offset;
}

static uint32_t transfer_error(const struct nbd_request *r,
			       const struct export *e)
{
	bool is_write = r->type == NBD_CMD_WRITE;

	if (r->length == 0 || r->length > PROTO_MAX_BYTES)
		return NBD_EINVAL;
	if (is_write && e->is_readonly)
		return NBD_EPERM;
	if (is_outside(r, e))
		return is_write ? NBD_ENOSPC : NBD_EINVAL;
	return NBD_SUCCESS;
}

static uint32_t request_error(const struct nbd_request *r,
			      const struct export *e)
{
	uint32_t error = NBD_SUCCESS;

	/* FUA is valid with every command, and means nothing to most. */
	if (r->flags & ~NBD_CMD_FLAG_FUA)
		return NBD_EINVAL;
	switch (r->type) {
	case NBD_CMD_READ:
	case NBD_CMD_WRITE:
		error = transfer_error(r, e);
		break;
	case NBD_CMD_FLUSH:
		if (r->offset || r->length)
			error = NBD_EINVAL;
		break;
	default:
		return NBD_EINVAL;
	}
	if (!error && !e->is_served)
		error = NBD_EIO;
	return error;
}

enum command_fate command_check(const struct nbd_request *r,
				const struct export *e, uint32_t *error)
{
	if (r->magic != NBD_REQUEST_MAGIC)
		return COMMAND_CLOSE;
	if (r->type == NBD_CMD_DISC)
		return COMMAND_FINISH;
	*error = request_error(r, e);
	if (!*error)
		return COMMAND_SERVE;
	/* Where the next header begins is known only after the payload. */
	if (r->type == NBD_CMD_WRITE && r->length > CONN_DISCARD_BYTES_MAX)
		return COMMAND_CLOSE;
	return COMMAND_REFUSE;
}
