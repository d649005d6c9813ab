/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many buffers of a process are in use, for its counters. It must not know what they are used
 * for.
 */
#ifndef PROTO_USAGE_H
#define PROTO_USAGE_H

#include <arena/arena.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * proto_buffers_used() - count the buffers in all groups of the caller that are not FREE
 * @a: arena
 *
 * Return: their number. A process that has nothing to do uses few, and always as many.
 */
uint64_t proto_buffers_used(const struct arena *a);

#ifdef __cplusplus
}
#endif
#endif /* PROTO_USAGE_H */
