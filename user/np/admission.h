/* SPDX-License-Identifier: MIT */
/*
 * Admission: how much a client may have of a scarce resource, such as buffers or requests in
 * flight. A resource is divided into three parts:
 *
 *	of clients	each client that may come has as much as @client for itself
 *	of exports	each export has as much as @export for all of its clients together
 *	the rest	belongs to all clients together
 *
 * A client takes from its own part first, then from that of its export, then from the rest. So a
 * client that stays within its own part never waits for another client, and the clients of an
 * export that stay within its part never wait for those of another export. A client that already
 * has some of a shared part gets more of it only while at least as much as it would then have
 * remains free. So any number of greedy clients leave something, and a single one gets half.
 *
 * A client that is refused waits. When something was given back, the caller asks again for the
 * waiting clients, the oldest first. Once one of them was refused because a part has no room, no
 * other client gets of that part before the next round, so that small requests do not starve a
 * large one.
 *
 * The clients of a bounded export get something of the rest only while they have nothing of it,
 * which is enough for one large request. Such an export keeps what it has for long, as its requests
 * have to wait for its limits, so it must not take what others could use.
 *
 * The functions are pure arithmetic. This header must not know which resource is divided, nor of
 * connections.
 */
#ifndef NP_ADMISSION_H
#define NP_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "limits.h"

/**
 * struct admission_config - how to divide a resource
 * @total: how much there is
 * @clients: how many clients there may be at a time
 * @exports: how many exports there are, at most ADMISSION_EXPORTS_MAX
 * @client: the part of each client
 * @export: the part of each export
 */
struct admission_config {
	uint32_t total;
	uint32_t clients;
	uint32_t exports;
	uint32_t client;
	uint32_t export;
};

/**
 * struct admission_export - an export's part
 * @used: how much its clients have beyond their own parts
 * @is_waited_for: one of its clients waits
 * @is_bounded: it shares in the rest only for one request at a time
 */
struct admission_export {
	uint32_t used;
	bool is_waited_for;
	bool is_bounded;
};

/**
 * struct admission - a resource that is divided
 * @config: how it is divided; its total shrinks by admission_lose()
 * @used: how much all clients have
 * @rest: how much belongs to all clients together
 * @rest_used: how much of @rest is used
 * @owed: how much was lost beyond the rest
 * @is_waited_for: a client waits for the rest
 * @export: the exports
 */
struct admission {
	struct admission_config config;
	uint32_t used;
	uint32_t rest;
	uint32_t rest_used;
	uint32_t owed;
	bool is_waited_for;
	struct admission_export export[ADMISSION_EXPORTS_MAX];
};

/**
 * struct admission_client - a client's account; all zero at first
 * @used: how much the client has
 */
struct admission_client {
	uint32_t used;
};

/**
 * enum admission_answer - what admission_take() says
 * @ADMISSION_GRANTED: the client has what it asked for
 * @ADMISSION_FULL: there is no room now: call admission_wait() if the client waits
 * @ADMISSION_ENOUGH: there is room, but the client has so much already that it must give
 *	some of it back first
 * @ADMISSION_NEVER: there can never be room
 */
enum admission_answer {
	ADMISSION_GRANTED,
	ADMISSION_FULL,
	ADMISSION_ENOUGH,
	ADMISSION_NEVER,
};

/**
 * admission_init() - divide a resource, of which no client has anything yet
 * @a: filled
 * @config: copied; parts are cut if they would leave less than @longest as the rest
 * @longest: how much one client may ask for at once
 */
void admission_init(struct admission *a, const struct admission_config *config,
		    uint32_t longest);

/** admission_bound() - bound an export, unless it is the only one */
void admission_bound(struct admission *a, uint32_t export);

/** admission_take() - ask for @n more for a client of an export */
enum admission_answer admission_take(struct admission *a, uint32_t export,
				     struct admission_client *c, uint32_t n);

/** admission_give() - give back @n of a client */
void admission_give(struct admission *a, uint32_t export, struct admission_client *c,
		    uint32_t n);

/** admission_lose() - shrink the resource by @n, which were given back and are lost */
void admission_lose(struct admission *a, uint32_t n);

/** admission_find() - enlarge the resource by @n, which were lost before */
void admission_find(struct admission *a, uint32_t n);

/** admission_wait() - note that a client of @export waits because there was no room */
void admission_wait(struct admission *a, uint32_t export);

/** admission_round() - begin a round in which waiting clients ask again, the oldest first */
void admission_round(struct admission *a);

/** admission_is_pressed() - does any client wait for what a client of @export has? */
static inline bool admission_is_pressed(const struct admission *a, uint32_t export)
{
	return a->is_waited_for || a->export[export].is_waited_for;
}

/** admission_free() - how much is free */
static inline uint32_t admission_free(const struct admission *a)
{
	return a->used < a->config.total ? a->config.total - a->used : 0;
}

#endif /* NP_ADMISSION_H */
