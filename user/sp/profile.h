/* SPDX-License-Identifier: MIT */
/*
 * What an SP keeps of its rights when it serves. This header must not know how the rest is given
 * up.
 */
#ifndef SP_PROFILE_H
#define SP_PROFILE_H

#include <sandbox/sandbox.h>

/** sp_profile_init() - fill @p for an SP whose disk is open */
void sp_profile_init(struct sandbox_profile *p, enum sandbox_mode mode);

#endif /* SP_PROFILE_H */
