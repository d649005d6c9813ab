/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many buffers of a process are in use, for its counters. It must not know what they are used
 * for.
 */
#ifndef PROTO_USAGE_H
#define PROTO_USAGE_H

#include <arena/arena.h>
#include <proto/layout.h>
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

/* The end of enum proto_use. */
#define PROTO_USES	(PROTO_USE_LENT + 1U)

/** proto_use_names - the names of the uses, for people; ARENA_USE_CONTROL has none */
extern const char *const proto_use_names[PROTO_USES];

#ifdef __cplusplus
}
#endif
#endif /* PROTO_USAGE_H */
