/* SPDX-License-Identifier: MIT */
/*
 * Text of people. This header must not know where it comes from.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Room for a name in a line of a log. */
#define UTF8_LABEL_SIZE	80

/**
 * utf8_length() - bytes of the character with which a text begins
 * @text: the text, which need not be UTF-8
 * @length: bytes of @text, at least 1
 *
 * Return: 0 if it begins with no well-formed character.
 */
size_t utf8_length(const void *text, size_t length);

/** utf8_is_control() - is the well-formed character of @n bytes at @text a control character? */
bool utf8_is_control(const void *text, size_t n);

/** utf8_is_valid() - is a text well-formed UTF-8, without a character in more bytes than needed? */
bool utf8_is_valid(const char *text);

/**
 * utf8_show() - write a text of any origin so that it can be logged
 * @to: filled
 * @size: room at @to, at least 4
 * @text: the text, which need not be UTF-8
 * @length: bytes of @text
 *
 * Control characters and what is no UTF-8 become question marks. A text that is too long is cut
 * behind a whole character, and ends with "...".
 *
 * Return: @to.
 */
const char *utf8_show(char *to, size_t size, const void *text, size_t length);

#endif /* COMMON_UTF8_H */
