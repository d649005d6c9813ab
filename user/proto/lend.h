/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extents of a group that NP and SP lend each other: the ref that names one, and what comes
 * back checked against what was lent.
 *
 * This header must not know what an extent holds, nor how a ref travels.
 */
#ifndef PROTO_LEND_H
#define PROTO_LEND_H

#include <arena/ref.h>
#include <libarena/buffer/pool.h>
#include <stdint.h>

/**
 * proto_lend() - OWNED -> LENT
 * @pool: the record of the group
 * @group: its number
 * @index: first buffer of an extent that is OWNED
 *
 * Return: the ref by which the peer knows the extent.
 */
struct arena_ref proto_lend(struct arena_pool *pool, uint32_t group, uint32_t index);

/**
 * proto_regain() - LENT -> FREE, on a peer's word
 * @pool: the record of the group
 * @ref: as it came; the caller has looked at its group
 *
 * Return: 0, or -EINVAL if the ref is not that of an extent that is lent.
 */
int proto_regain(struct arena_pool *pool, const struct arena_ref *ref);

#endif /* PROTO_LEND_H */
