/* SPDX-License-Identifier: MIT */
/*
 * Numbers in command line options. Each call reads the whole text: it fills in @out and returns
 * 0, or returns -EINVAL (malformed) or -ERANGE (too great). This header must not know options.
 */
#ifndef COMMON_PARSE_H
#define COMMON_PARSE_H

#include <stdint.h>

/** parse_u32() - a decimal number of at most @max */
int parse_u32(const char *text, uint32_t max, uint32_t *out);

/** parse_size() - a decimal number of bytes with an optional K, M, G or T */
int parse_size(const char *text, uint64_t *out);

#endif /* COMMON_PARSE_H */
