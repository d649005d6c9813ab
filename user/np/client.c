// SPDX-License-Identifier: MIT
#include "client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint64_t half_of(const struct in6_addr *address, unsigned int at)
{
	uint64_t half;

	memcpy(&half, address->s6_addr + at, sizeof(half));
	return half;
}

static struct client_key key_of_v6(const struct sockaddr_in6 *v6)
{
	struct client_key key = { .kind = CLIENT_V6 };
	uint32_t v4;

	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		memcpy(&v4, v6->sin6_addr.s6_addr + 12, sizeof(v4));
		key.kind = CLIENT_V4;
		key.part = v4;
	} else if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) {
		key.kind = CLIENT_LINK;
		key.part = half_of(&v6->sin6_addr, 8);
		key.scope = v6->sin6_scope_id;
	} else {
		key.part = half_of(&v6->sin6_addr, 0);
	}
	return key;
}

struct client_key client_key_make(const struct sockaddr_storage *address, uid_t uid)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

	switch (address->ss_family) {
	case AF_INET6:
		return key_of_v6((const struct sockaddr_in6 *)address);
	case AF_INET:
		return (struct client_key){ .kind = CLIENT_V4, .part = v4->sin_addr.s_addr };
	default:
		return (struct client_key){ .kind = CLIENT_USER, .part = uid };
	}
}

static bool is_same(const struct client_key *a, const struct client_key *b)
{
	return a->kind == b->kind && a->part == b->part && a->scope == b->scope;
}

/* Connections are few enough that a client who makes all of them meet in one list gains nothing. */
static unsigned int list_of(const struct client_key *key)
{
	uint64_t mixed = (key->part ^ key->scope ^ (uint64_t)key->kind << 60) *
			 0x9e3779b97f4a7c15ULL;

	return (unsigned int)(mixed >> 32) % CLIENT_LISTS;
}

void client_table_init(struct client_table *t, unsigned int max)
{
	t->max = max;
	for (unsigned int i = 0; i < CLIENT_LISTS; i++)
		LIST_INIT(&t->list[i]);
}

static struct client *find(struct client_table *t, const struct client_key *key)
{
	struct client *c;

	LIST_FOREACH(c, &t->list[list_of(key)], link)
		if (is_same(&c->key, key))
			return c;
	return NULL;
}

int client_get(struct client_table *t, const struct client_key *key, struct client **out)
{
	struct client *c = find(t, key);

	if (c && c->n >= t->max)
		return -EDQUOT;
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		c->key = *key;
		LIST_INSERT_HEAD(&t->list[list_of(key)], c, link);
	}
	c->n++;
	*out = c;
	return 0;
}

void client_put(struct client *client)
{
	if (--client->n)
		return;
	LIST_REMOVE(client, link);
	free(client);
}
