/* SPDX-License-Identifier: MIT */
/*
 * The amount of data that was sealed with a key. An eavesdropper learns the more about the data the
 * more there is of it: RFC 8446 (5.5) allows AES-GCM 2^24.5 full records for one key, which are 362
 * GiB, and TLS_KEY_BYTES is less than that by what may be under way. This header must not know of
 * sessions.
 */
#ifndef TLS_WEAR_H
#define TLS_WEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

/* A record costs so much besides its data: its header, type and tag, in whole blocks. */
#define TLS_WEAR_RECORD	32U

/**
 * struct tls_wear - the wear of a key
 * @limit: what it may seal
 * @used: what it has sealed
 */
struct tls_wear {
	uint64_t limit;
	uint64_t used;
};

/** tls_wear_cost() - what plain text costs, in records as long as possible */
static inline uint64_t tls_wear_cost(uint64_t size)
{
	return size + (size / TLS_RECORD_BYTES + 1) * TLS_WEAR_RECORD;
}

/** tls_wear_is_over() - may the key not seal so much more? */
static inline bool tls_wear_is_over(const struct tls_wear *w, uint64_t cost)
{
	return cost > w->limit || w->used > w->limit - cost;
}

#endif /* TLS_WEAR_H */
