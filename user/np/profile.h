/* SPDX-License-Identifier: MIT */
/*
 * What an NP keeps of its rights when it serves. This header must not know how the rest is given
 * up.
 */
#ifndef NP_PROFILE_H
#define NP_PROFILE_H

#include <sandbox/sandbox.h>

struct listen_set;

/** np_profile_init() - fill @p for an NP that listens on @sockets, which have to stay */
void np_profile_init(struct sandbox_profile *p, enum sandbox_mode mode,
		     struct listen_set *sockets);

#endif /* NP_PROFILE_H */
