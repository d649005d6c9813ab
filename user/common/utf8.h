/* SPDX-License-Identifier: MIT */
/*
 * Text of people. This header must not know where it comes from.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stdbool.h>

/** utf8_is_valid() - is a text well-formed UTF-8, without a character in more bytes than needed? */
bool utf8_is_valid(const char *text);

#endif /* COMMON_UTF8_H */
