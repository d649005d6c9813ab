// SPDX-License-Identifier: MIT
#include "clients.h"

#include <common/clock.h>

#include "loop.h"
#include "sp.h"

/* The clients of an NP that has ended do not count. */
static uint32_t count(const struct sp *sp)
{
	uint32_t n = 0;

	for (unsigned int i = 0; i < sp->n_peers; i++)
		if (!sp->peer[i].has_ended)
			n += sp->peer[i].n_clients;
	return n;
}

static enum proto_status open_disk(struct sp *sp, struct sp_request *r)
{
	uint32_t most = sp->options.limit.connections;

	backend_look(&sp->backend);
	if (!sp->backend.limits.bytes)
		return sp_loop_leaves(sp) ? PROTO_ESHUTDOWN : PROTO_EIO;
	/* The client is told what is found now, also if the disk changes before the reply. */
	r->length = sp->backend.limits.bytes;
	if (r->flags & PROTO_FLAG_LOOK)
		return PROTO_OK;
	if (most && count(sp) >= most)
		return PROTO_ENOSPC;
	r->peer->n_clients++;
	return PROTO_OK;
}

static enum proto_status close_disk(struct sp_peer *peer)
{
	if (!peer->n_clients)
		return PROTO_EINVAL;
	peer->n_clients--;
	return PROTO_OK;
}

enum proto_status sp_clients_answer(struct sp *sp, struct sp_request *r)
{
	return r->operation == PROTO_OPEN ? open_disk(sp, r) : close_disk(r->peer);
}

/*
 * The kernel cuts discards and zeroes off where a device ends, and the BLOCK_STATUS of a device is
 * answered without it, so none of these would fail. They are rare enough for one more system call.
 */
static bool may_succeed_beyond(uint16_t operation)
{
	return operation == PROTO_DISCARD || operation == PROTO_WRITE_ZEROES ||
	       operation == PROTO_BLOCK_STATUS;
}

/* The NP lets no request pass that is beyond the size which its client was told. */
enum proto_status sp_clients_range(struct sp *sp, uint16_t operation, uint64_t offset,
				   uint64_t length)
{
	const uint64_t *bytes = &sp->backend.limits.bytes;

	if (may_succeed_beyond(operation))
		backend_look(&sp->backend);
	if (offset <= *bytes && length <= *bytes - offset)
		return PROTO_OK;
	/* A successor can do it if the disk comes back. */
	if (sp_loop_leaves(sp))
		return PROTO_ESHUTDOWN;
	return *bytes && (operation == PROTO_WRITE || operation == PROTO_WRITE_ZEROES) ?
	       PROTO_ENOSPC : PROTO_EIO;
}

void sp_clients_look(struct sp *sp)
{
	int64_t now = clock_coarse_s();

	if (now == sp->looked_at)
		return;
	sp->looked_at = now;
	backend_look(&sp->backend);
}
