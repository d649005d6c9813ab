/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Restrictions of a ring: which operations and registrations the kernel accepts from now on. This
 * header must not know what an operation does.
 */
#ifndef ARENA_RING_RESTRICT_H
#define ARENA_RING_RESTRICT_H

#include "core.h"

/**
 * ring_restrict() - let a ring do what its uses need, and nothing else
 * @r: ring that was made with IORING_SETUP_R_DISABLED and has all its tables; it is enabled
 * @uses: enum arena_ring_uses
 *
 * Return: 0 or -errno.
 */
int ring_restrict(struct arena_ring *r, uint32_t uses);

#endif /* ARENA_RING_RESTRICT_H */
