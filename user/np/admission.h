/* SPDX-License-Identifier: MIT */
/*
 * Admission: how much of something that there is little of a client may have, such as
 * buffers, or requests in flight. A resource is divided into three parts:
 *
 *	of clients	each client that may come has as much as @client of it for itself
 *	of exports	each export has as much as @export of it for its clients together
 *	the rest	is for everybody
 *
 * A client takes from its own part first, then from that of its export, then from the rest.
 * So whoever stays within its own part never waits for another client, and the clients of an
 * export that stay within its part never wait for those of another export. Of what is not its
 * own, a client that has some already gets more only while as much as it then has is still
 * free, so that any number of greedy ones leave something: one alone gets half.
 *
 * Who does not get what it wants waits, and the caller asks again for those who wait, the
 * oldest first, when something was given back. Once one of them was refused for want of room,
 * nobody else gets of that part before the next round, so a large wish is not starved by
 * small ones.
 *
 * Pure arithmetic. This header must not know what is shared out, nor of connections.
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
 * @client: for each client
 * @export: for each export
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
 * @used: what its clients have beyond their own parts
 * @is_waited_for: one of its clients waits
 */
struct admission_export {
	uint32_t used;
	bool is_waited_for;
};

/**
 * struct admission - a resource
 * @config: how it is divided; its total shrinks by admission_lose()
 * @used: by all
 * @rest: how much belongs to everybody
 * @rest_used: of it
 * @is_waited_for: somebody waits for the rest
 * @export: the exports
 */
struct admission {
	struct admission_config config;
	uint32_t used;
	uint32_t rest;
	uint32_t rest_used;
	bool is_waited_for;
	struct admission_export export[ADMISSION_EXPORTS_MAX];
};

/**
 * struct admission_client - a client's account; all zero at first
 * @used: what it has
 */
struct admission_client {
	uint32_t used;
};

/**
 * enum admission_answer - what admission_take() says
 * @ADMISSION_GRANTED: it has it
 * @ADMISSION_FULL: there is no room now: call admission_wait() if the client waits
 * @ADMISSION_ENOUGH: there is room, but the client has so much already that it has to give
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
 * admission_init() - nobody has anything
 * @a: filled
 * @config: copied; parts that would leave less than @longest to everybody are cut
 * @longest: how much one client may want at once
 */
void admission_init(struct admission *a, const struct admission_config *config,
		    uint32_t longest);

/** admission_take() - a client of an export wants @n more */
enum admission_answer admission_take(struct admission *a, uint32_t export,
				     struct admission_client *c, uint32_t n);

/** admission_give() - a client gives @n back */
void admission_give(struct admission *a, uint32_t export, struct admission_client *c,
		    uint32_t n);

/** admission_lose() - @n, which were given back, do not exist any more */
void admission_lose(struct admission *a, uint32_t n);

/** admission_wait() - a client of @export was refused for want of room, and waits */
void admission_wait(struct admission *a, uint32_t export);

/** admission_round() - from now on all who wait are asked again, the oldest first */
void admission_round(struct admission *a);

/** admission_is_pressed() - does anybody wait? */
static inline bool admission_is_pressed(const struct admission *a)
{
	return a->is_waited_for;
}

/** admission_free() - how much nobody has */
static inline uint32_t admission_free(const struct admission *a)
{
	return a->used < a->config.total ? a->config.total - a->used : 0;
}

#endif /* NP_ADMISSION_H */
