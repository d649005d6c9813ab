/* SPDX-License-Identifier: MIT */
/*
 * What an SP keeps of its rights when it serves. This header must not know how the rest is given
 * up.
 */
#ifndef SP_PROFILE_H
#define SP_PROFILE_H

#include <sandbox/sandbox.h>

/**
 * sp_profile_init() - fill a profile for an SP whose disk is open
 * @p: filled
 * @mode: SANDBOX_AUTO or SANDBOX_REQUIRE
 * @file_bytes: how long the file may become that is the disk, 0 if it is none
 */
void sp_profile_init(struct sandbox_profile *p, enum sandbox_mode mode, uint64_t file_bytes);

#endif /* SP_PROFILE_H */
