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
		return NBD_CMD_FLAG_FUA | NBD_CMD_FLAG_REQ_ONE |
		       (r->has_context ? NBD_CMD_FLAG_PAYLOAD_LEN : 0);
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

static bool is_within(const struct nbd_request *r, const struct nbd_session *s)
{
	return r->offset <= s->bytes && r->length <= s->bytes - r->offset;
}

/* The protocol wants this error for what would need more room. */
static enum proto_status beyond(const struct nbd_request *r)
{
	return r->type == NBD_CMD_WRITE || r->type == NBD_CMD_WRITE_ZEROES ? PROTO_ENOSPC :
									     PROTO_EINVAL;
}

/* A long reply can be divided, unless the client forbids it. */
static bool is_too_long(const struct nbd_request *r)
{
	return r->type == NBD_CMD_READ &&
	       r->length > (r->flags & NBD_CMD_FLAG_DF ? PROTO_MAX_BYTES : UINT32_MAX);
}

static enum proto_status refuse(struct command *c, enum proto_status status, const char *why)
{
	c->why = why;
	return status;
}

static enum proto_status check_flush(const struct nbd_request *r, struct command *c)
{
	if (r->offset || r->length)
		return refuse(c, PROTO_EINVAL, "a FLUSH has an offset or a length");
	return PROTO_OK;
}

static enum proto_status check_range(const struct nbd_request *r, const struct nbd_session *s,
				     const struct export *e, struct command *c)
{
	if (r->length == 0)
		return refuse(c, PROTO_EINVAL, "the length is 0");
	if (is_too_long(r))
		return refuse(c, PROTO_EOVERFLOW, "the reply would be too long");
	if (changes_disk(r) && e->is_readonly)
		return refuse(c, PROTO_EPERM, "the export is read-only");
	if (!is_within(r, s))
		return refuse(c, beyond(r), "the range ends beyond the end of the export");
	return PROTO_OK;
}

static enum proto_status check(const struct nbd_request *r, const struct nbd_session *s,
			       const struct export *e, struct command *c)
{
	enum proto_status status;

	if (!is_known(r, s, e))
		return refuse(c, PROTO_EINVAL, "the command was not offered");
	if (r->flags & ~flags_of(r, s))
		return refuse(c, PROTO_EINVAL, r->flags & NBD_CMD_FLAG_PAYLOAD_LEN ?
			      "the command takes no such payload" :
			      "the command takes no such flag");
	if (r->has_context && r->context != NBD_ALLOCATION_ID)
		return refuse(c, PROTO_EINVAL, "the metadata context is unknown");
	status = r->type == NBD_CMD_FLUSH ? check_flush(r, c) : check_range(r, s, e, c);
	if (status == PROTO_OK && !e->is_served)
		return refuse(c, PROTO_EIO, "the export is out of service");
	return status;
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

void command_next(struct command *c)
{
	uint64_t most;

	c->offset += c->length;
	/* All pieces but the first begin where a buffer does. */
	most = CONN_PIECE_BYTES - c->offset % PROTO_DISK_BUFFER;
	c->length = c->rest < most ? c->rest : most;
	c->rest -= c->length;
}

/* A client may ask for more than it was told, and gets it in pieces. */
static void divide(struct command *c)
{
	c->rest = c->length;
	c->length = 0;
	command_next(c);
}

/*
 * An extended payload that is longer than what clients are told ends the connection, as the
 * protocol recommends; its length may be anything.
 */
static bool has_impossible_payload(const struct nbd_request *r, const struct nbd_session *s)
{
	return s->style == NBD_EXTENDED && !r->has_context && nbd_has_payload(r, 1) &&
	       r->length > PROTO_MAX_BYTES;
}

enum command_fate command_check(const struct nbd_request *r, const struct nbd_session *s,
				const struct export *e, struct command *command)
{
	*command = (struct command){
		.cookie = r->cookie,
		.start = r->offset,
		.offset = r->offset,
		.length = r->length,
		.operation = operation_of(r),
	};
	if (r->magic != (s->style == NBD_EXTENDED ? NBD_LONG_REQUEST_MAGIC : NBD_REQUEST_MAGIC))
		return COMMAND_CLOSE;
	if (r->type == NBD_CMD_DISC)
		return COMMAND_FINISH;
	/* The next header can be found only behind the payload. */
	if (has_impossible_payload(r, s))
		return COMMAND_CLOSE;
	command->status = check(r, s, e, command);
	if (command->status != PROTO_OK)
		return COMMAND_REFUSE;
	command->flags = translate(r, s);
	if (moves_data(r) && r->length > PROTO_MAX_BYTES)
		divide(command);
	return COMMAND_SERVE;
}
