// SPDX-License-Identifier: MIT
#include "share.h"

#include "np.h"

/* Buffers of the longest request, which need not begin on a buffer's boundary. */
#define LONGEST	(PROTO_MAX_BYTES / PROTO_DISK_BUFFER + 1)

uint32_t share_buffers(const struct arena_layout *l, uint32_t role, enum proto_use use)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n_groups; i++)
		if (l->group[i].role == role && l->group[i].use == (uint32_t)use)
			n += l->group[i].count;
	return n;
}

/* A quarter belongs to clients, a quarter to exports, and half to all clients together. */
static void divide(struct admission *a, uint32_t total, uint32_t clients, uint32_t exports,
		   uint32_t longest)
{
	const struct admission_config c = {
		.total = total,
		.clients = clients,
		.exports = exports,
		.client = total / 4 / clients,
		.export = exports > 1 ? total / 4 / exports : 0,
	};

	admission_init(a, &c, longest);
}

void share_init(struct np *np)
{
	const struct arena_layout *l = arena_layout(np->arena);
	uint32_t payload = share_buffers(l, np->role, PROTO_USE_PAYLOAD);
	uint32_t net = share_buffers(l, np->role, PROTO_USE_NET);
	uint32_t n = np->requests.n, exports = np->options->exports.n, max = np->conns.max;
	/* Each connection can always have one request. */
	const struct admission_config requests = {
		n, max, exports, 1, exports > 1 ? n / 4 / exports : 0,
	};
	const struct admission_config areas = { net - max, max, 1, 1, 0 };

	admission_init(&np->share.requests, &requests, 1);
	divide(&np->share.payload, payload, max, exports, LONGEST);
	admission_init(&np->share.net, &areas, 0);
}

void share_data(struct np *np, struct peer *peer)
{
	uint32_t n = proto_buffers_of_sp(arena_layout(np->arena), peer->id, PROTO_USE_DISK);

	divide(&peer->data, n, np->conns.max, 1, LONGEST);
}

void share_bound(struct np *np, uint32_t export)
{
	admission_bound(&np->share.requests, export);
	admission_bound(&np->share.payload, export);
}

void share_round(struct np *np)
{
	admission_round(&np->share.requests);
	admission_round(&np->share.payload);
	for (unsigned int i = 0; i < np->n_peers; i++)
		admission_round(&np->peer[i].data);
}
