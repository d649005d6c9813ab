/* SPDX-License-Identifier: MIT */
/*
 * How this process divides its requests and buffers among exports and clients, by admission.h.
 */
#ifndef NP_SHARE_H
#define NP_SHARE_H

#include <arena/layout.h>
#include <proto/layout.h>
#include <stdint.h>

#include "admission.h"

struct np;
struct peer;

/**
 * struct share - the resources that are divided
 * @requests: requests in flight
 * @payload: payload buffers
 * @net: network buffers, but for one of each connection, which is set aside for its sends
 */
struct share {
	struct admission requests;
	struct admission payload;
	struct admission net;
};

/** share_init() - divide what the NP has; layout, connections and SPs are known */
void share_init(struct np *np);

/** share_data() - divide the buffers that an SP has for this NP among its clients */
void share_data(struct np *np, struct peer *peer);

/** share_bound() - let an export take from others no more than its part, since it is limited */
void share_bound(struct np *np, uint32_t export);

/** share_round() - begin a round in which waiting connections ask again, the oldest first */
void share_round(struct np *np);

/** share_buffers() - how many buffers a role has for a use */
uint32_t share_buffers(const struct arena_layout *l, uint32_t role, enum proto_use use);

#endif /* NP_SHARE_H */
