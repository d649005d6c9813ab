// SPDX-License-Identifier: MIT
#include "command.h"

/* Statuses are sent to clients as NBD errors without a change. */
static_assert((int)PROTO_OK == NBD_SUCCESS && (int)PROTO_EPERM == NBD_EPERM &&
	      (int)PROTO_EIO == NBD_EIO && (int)PROTO_ENOMEM == NBD_ENOMEM &&
	      (int)PROTO_EINVAL == NBD_EINVAL && (int)PROTO_ENOSPC == NBD_ENOSPC &&
	      (int)PROTO_EOVERFLOW == NBD_EOVERFLOW && (int)PROTO_ENOTSUP == NBD_ENOTSUP &&
	      (int)PROTO_ESHUTDOWN == NBD_ESHUTDOWN, "a status is an error of NBD");

/* The flags that a command may have. FUA is valid with every command. */
static uint16_t flags_of(const struct nbd_request *r, const struct nbd_session *s)
{
	switch (r->type) {
	case NBD_CMD_READ:
		return NBD_CMD_FLAG_FUA | (s->style != NBD_SIMPLE ? NBD_CMD_FLAG_DF : 0);
	case NBD_CMD_WRITE:
		return NBD_CMD_FLAG_FUA | (s->style == NBD_EXTENDED ? NBD_CMD_FLAG_PAYLOAD_LEN : 0);
	case NBD_CMD_WRITE_ZEROES:
		return NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO;
	case NBD_CMD_BLOCK_STATUS:
		return NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_REQ_ONE;
	default:
		return NBD_CMD_FLAG_FUA;
	}
}

static bool is_known(const struct nbd_request *r, const struct nbd_session *s,
		     const struct export *e)
{
	switch (r->type) {
	case NBD_CMD_READ:
	case NBD_CMD_WRITE:
	case NBD_CMD_FLUSH:
	case NBD_CMD_CACHE:
		return true;
	case NBD_CMD_TRIM:
		return e->is_readonly || e->can_discard;
	case NBD_CMD_WRITE_ZEROES:
		return e->is_readonly || e->can_zero;
	case NBD_CMD_BLOCK_STATUS:
		return s->has_allocation;
	default:
		return false;
	}
}

static bool changes_disk(const struct nbd_request *r)
{
	return r->type == NBD_CMD_WRITE || r->type == NBD_CMD_TRIM ||
	       r->type == NBD_CMD_WRITE_ZEROES;
}

static bool moves_data(const struct nbd_request *r)
{
	return r->type == NBD_CMD_READ || r->type == NBD_CMD_WRITE;
}

static enum proto_status check_range(const struct nbd_request *r, const struct export *e)
{
	if (r->offset <= e->bytes && r->length <= e->bytes - r->offset)
		return PROTO_OK;
	/* The protocol wants this error for what would need more room. */
	return r->type == NBD_CMD_WRITE || r->type == NBD_CMD_WRITE_ZEROES ? PROTO_ENOSPC :
									     PROTO_EINVAL;
}

static enum proto_status check_length(const struct nbd_request *r, const struct nbd_session *s)
{
	if (r->length == 0)
		return PROTO_EINVAL;
	if (!moves_data(r) || r->length <= PROTO_MAX_BYTES)
		return PROTO_OK;
	return r->type == NBD_CMD_READ && s->style != NBD_SIMPLE ? PROTO_EOVERFLOW : PROTO_EINVAL;
}

static enum proto_status check(const struct nbd_request *r, const struct nbd_session *s,
			       const struct export *e)
{
	enum proto_status status;

	if (r->flags & ~flags_of(r, s) || !is_known(r, s, e))
		return PROTO_EINVAL;
	if (r->type == NBD_CMD_FLUSH) {
		status = r->offset || r->length ? PROTO_EINVAL : PROTO_OK;
	} else {
		status = check_length(r, s);
		if (status == PROTO_OK && changes_disk(r) && e->is_readonly)
			status = PROTO_EPERM;
		if (status == PROTO_OK)
			status = check_range(r, e);
	}
	return status == PROTO_OK && !e->is_served ? PROTO_EIO : status;
}

static uint16_t operation_of(const struct nbd_request *r)
{
	static const uint16_t operations[] = {
		[NBD_CMD_READ] = PROTO_READ, [NBD_CMD_WRITE] = PROTO_WRITE,
		[NBD_CMD_DISC] = PROTO_FLUSH, [NBD_CMD_FLUSH] = PROTO_FLUSH,
		[NBD_CMD_TRIM] = PROTO_DISCARD, [NBD_CMD_CACHE] = PROTO_CACHE,
		[NBD_CMD_WRITE_ZEROES] = PROTO_WRITE_ZEROES,
		[NBD_CMD_BLOCK_STATUS] = PROTO_BLOCK_STATUS,
	};

	return r->type <= NBD_CMD_BLOCK_STATUS ? operations[r->type] : PROTO_FLUSH;
}

/* Translate the flags of a request that is served. */
static uint16_t translate(const struct nbd_request *r, const struct nbd_session *s)
{
	uint16_t flags = 0;

	if (r->type == NBD_CMD_READ)
		return s->style != NBD_SIMPLE && !(r->flags & NBD_CMD_FLAG_DF) ?
		       PROTO_FLAG_HOLES : 0;
	if (r->flags & NBD_CMD_FLAG_FUA && changes_disk(r))
		flags |= PROTO_FLAG_FUA;
	if (r->flags & NBD_CMD_FLAG_NO_HOLE)
		flags |= PROTO_FLAG_NO_HOLE;
	if (r->flags & NBD_CMD_FLAG_FAST_ZERO)
		flags |= PROTO_FLAG_FAST;
	if (r->flags & NBD_CMD_FLAG_REQ_ONE)
		flags |= PROTO_FLAG_ONE;
	return flags;
}

enum command_fate command_check(const struct nbd_request *r, const struct nbd_session *s,
				const struct export *e, struct command *command)
{
	*command = (struct command){
		.cookie = r->cookie,
		.offset = r->offset,
		.length = r->length,
		.operation = operation_of(r),
	};
	if (r->magic != (s->style == NBD_EXTENDED ? NBD_LONG_REQUEST_MAGIC : NBD_REQUEST_MAGIC))
		return COMMAND_CLOSE;
	if (r->type == NBD_CMD_DISC)
		return COMMAND_FINISH;
	command->status = check(r, s, e);
	if (command->status == PROTO_OK) {
		command->flags = translate(r, s);
		return COMMAND_SERVE;
	}
	/* The next header can be found only behind the payload. */
	if (nbd_has_payload(r, s->style == NBD_EXTENDED) && r->length > CONN_DISCARD_BYTES_MAX)
		return COMMAND_CLOSE;
	return COMMAND_REFUSE;
}
