// SPDX-License-Identifier: MIT
#include "command.h"

/* Statuses are sent to clients as NBD errors without a change. */
static_assert((int)PROTO_OK == NBD_SUCCESS && (int)PROTO_EPERM == NBD_EPERM &&
	      (int)PROTO_EIO == NBD_EIO && (int)PROTO_ENOMEM == NBD_ENOMEM &&
	      (int)PROTO_EINVAL == NBD_EINVAL && (int)PROTO_ENOSPC == NBD_ENOSPC &&
	      (int)PROTO_EOVERFLOW == NBD_EOVERFLOW && (int)PROTO_ENOTSUP == NBD_ENOTSUP &&
	      (int)PROTO_ESHUTDOWN == NBD_ESHUTDOWN, "a status is an error of NBD");

static bool is_outside(const struct nbd_request *r, const struct export *e)
{
	return r->offset > e->bytes || r->length > e->bytes - r->offset;
}

static enum proto_status check_transfer(const struct nbd_request *r, const struct export *e)
{
	bool is_write = r->type == NBD_CMD_WRITE;

	if (r->length == 0 || r->length > PROTO_MAX_BYTES)
		return PROTO_EINVAL;
	if (is_write && e->is_readonly)
		return PROTO_EPERM;
	if (is_outside(r, e))
		return is_write ? PROTO_ENOSPC : PROTO_EINVAL;
	return PROTO_OK;
}

static enum proto_status check(const struct nbd_request *r, const struct export *e)
{
	enum proto_status status = PROTO_OK;

	/* FUA is valid with every command, but has a meaning for few of them. */
	if (r->flags & ~NBD_CMD_FLAG_FUA)
		return PROTO_EINVAL;
	switch (r->type) {
	case NBD_CMD_READ:
	case NBD_CMD_WRITE:
		status = check_transfer(r, e);
		break;
	case NBD_CMD_FLUSH:
		if (r->offset || r->length)
			status = PROTO_EINVAL;
		break;
	default:
		return PROTO_EINVAL;
	}
	return status == PROTO_OK && !e->is_served ? PROTO_EIO : status;
}

static uint16_t operation_of(const struct nbd_request *r)
{
	switch (r->type) {
	case NBD_CMD_READ:
		return PROTO_READ;
	case NBD_CMD_WRITE:
		return PROTO_WRITE;
	default:
		return PROTO_FLUSH;
	}
}

enum command_fate command_check(const struct nbd_request *r, const struct export *e,
				struct command *command)
{
	*command = (struct command){
		.cookie = r->cookie,
		.offset = r->offset,
		.length = r->length,
		.operation = operation_of(r),
	};
	if (r->magic != NBD_REQUEST_MAGIC)
		return COMMAND_CLOSE;
	if (r->type == NBD_CMD_DISC)
		return COMMAND_FINISH;
	if (r->type == NBD_CMD_WRITE && r->flags & NBD_CMD_FLAG_FUA)
		command->flags = PROTO_FLAG_FUA;
	command->status = check(r, e);
	if (command->status == PROTO_OK)
		return COMMAND_SERVE;
	/* The next header can be found only behind the payload. */
	if (r->type == NBD_CMD_WRITE && r->length > CONN_DISCARD_BYTES_MAX)
		return COMMAND_CLOSE;
	return COMMAND_REFUSE;
}
