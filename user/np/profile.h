/* SPDX-License-Identifier: MIT */
/*
 * What an NP keeps of its rights when it serves. This header must not know how the rest is given
 * up.
 */
#ifndef NP_PROFILE_H
#define NP_PROFILE_H

#include <sandbox/sandbox.h>

struct listen_set;

/**
 * np_profile_init() - fill a profile for an NP
 * @p: filled
 * @mode: SANDBOX_AUTO or SANDBOX_REQUIRE
 * @connections: clients that it may have at a time
 * @sockets: where it listens; they have to stay
 */
void np_profile_init(struct sandbox_profile *p, enum sandbox_mode mode, uint32_t connections,
		     struct listen_set *sockets);

#endif /* NP_PROFILE_H */
