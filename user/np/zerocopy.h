/* SPDX-License-Identifier: MIT */
/*
 * From how many bytes on arena-np sends without a copy, as the command lines of arena-np and
 * arenad say it. This header must not know how anything is sent.
 */
#ifndef NP_ZEROCOPY_H
#define NP_ZEROCOPY_H

#include <common/parse.h>
#include <stdint.h>
#include <string.h>

/* The values that are no number of bytes. */
#define ZEROCOPY_AUTO	0
#define ZEROCOPY_NEVER	UINT32_MAX

/*
 * Below this, taking a hold of the pages and being told of their release costs more than a copy.
 */
#define ZEROCOPY_AUTO_BYTES	(32U << 10)

/**
 * zerocopy_parse() - read "auto", "never" or a size such as 64K
 * @text: the text
 * @bytes: filled with ZEROCOPY_AUTO, ZEROCOPY_NEVER, or a number of bytes between them
 *
 * Return: true, or false if @text is none of them.
 */
static inline bool zerocopy_parse(const char *text, uint32_t *bytes)
{
	uint64_t size;

	if (!strcmp(text, "auto") || !strcmp(text, "never")) {
		*bytes = *text == 'a' ? ZEROCOPY_AUTO : ZEROCOPY_NEVER;
		return true;
	}
	if (parse_size(text, &size) || !size || size >= ZEROCOPY_NEVER)
		return false;
	*bytes = (uint32_t)size;
	return true;
}

/** zerocopy_bytes() - with how many bytes to try first, for a value of zerocopy_parse() */
static inline uint32_t zerocopy_bytes(uint32_t value)
{
	return value == ZEROCOPY_AUTO ? ZEROCOPY_AUTO_BYTES : value;
}

#endif /* NP_ZEROCOPY_H */
