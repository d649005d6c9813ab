// SPDX-License-Identifier: MIT
#include "shown.h"

#include <common/clock.h>
#include <netinet/in.h>
#include <string.h>

#include "np.h"

/* The greatest numbers come first, so that entries are taken from the first one on. */
void shown_init(struct shown *s)
{
	for (s->n = 0; s->n < STATS_CLIENTS; s->n++)
		s->free[s->n] = (uint16_t)(STATS_CLIENTS - 1 - s->n);
}

static void put_address(struct stats_client *e, const struct in6_addr *address)
{
	uint64_t word[2];

	memcpy(word, address, sizeof(word));
	stats_put(&e->address[0], word[0]);
	stats_put(&e->address[1], word[1]);
}

static void put_v4(struct stats_client *e, const struct sockaddr_in *v4)
{
	struct in6_addr mapped = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(mapped.s6_addr + 12, &v4->sin_addr, sizeof(v4->sin_addr));
	put_address(e, &mapped);
	stats_put(&e->port, ntohs(v4->sin_port));
}

static void put_v6(struct stats_client *e, const struct sockaddr_in6 *v6)
{
	put_address(e, &v6->sin6_addr);
	stats_put(&e->port, ntohs(v6->sin6_port));
	stats_put(&e->scope, v6->sin6_scope_id);
}

static void put_peer(struct stats_client *e, const struct conn_peer *peer)
{
	stats_put(&e->scope, 0);
	if (peer->is_unix) {
		stats_put(&e->family, AF_UNIX);
		stats_put(&e->port, peer->uid);
		return;
	}
	stats_put(&e->family, peer->address.ss_family);
	if (peer->address.ss_family == AF_INET)
		put_v4(e, (const struct sockaddr_in *)&peer->address);
	else
		put_v6(e, (const struct sockaddr_in6 *)&peer->address);
}

void shown_begin(struct conn *c, const struct conn_peer *peer)
{
	struct shown *s = &c->np->shown;
	struct stats_client *e;

	if (!s->n)
		return;
	e = &c->np->stats->client[s->free[--s->n]];
	c->shown = e;
	stats_put(&e->export, 0);
	stats_put(&e->since_ns, clock_boot_ns());
	stats_put(&e->is_tls, 0);
	stats_put(&e->requests, 0);
	stats_put(&e->bytes, 0);
	put_peer(e, peer);
	/* The last word: what the entry had before is not shown as this connection's. */
	__atomic_store_n(&e->number, c->number, __ATOMIC_RELEASE);
}

void shown_serve(const struct conn *c)
{
	if (!c->shown)
		return;
	stats_put(&c->shown->is_tls, link_is_tls(&c->socket));
	stats_put(&c->shown->export, c->sp + 1U);
}

void shown_end(struct conn *c)
{
	struct np *np = c->np;

	if (!c->shown)
		return;
	stats_put(&c->shown->number, 0);
	np->shown.free[np->shown.n++] = (uint16_t)(c->shown - np->stats->client);
	c->shown = NULL;
}
