/* SPDX-License-Identifier: MIT */
/*
 * Values of command line options. Each call takes the whole text or nothing:
 * 0 with @out filled, or -EINVAL (malformed) or -ERANGE (too great).
 */
#ifndef COMMON_PARSE_H
#define COMMON_PARSE_H

#include <stdint.h>

/** parse_u32() - a decimal number of at most @max */
int parse_u32(const char *text, uint32_t max, uint32_t *out);

/** parse_size() - a decimal number of bytes with an optional K, M, G or T */
int parse_size(const char *text, uint64_t *out);

#endif /* COMMON_PARSE_H */
