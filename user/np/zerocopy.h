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

/* The value that is no number of bytes. */
#define ZEROCOPY_NEVER	UINT32_MAX

/**
 * zerocopy_parse() - read "never" or a size such as 64K
 * @text: the text
 * @bytes: filled with ZEROCOPY_NEVER, or with 1 to ZEROCOPY_NEVER - 1
 *
 * Return: true, or false if @text is neither.
 */
static inline bool zerocopy_parse(const char *text, uint32_t *bytes)
{
	uint64_t size;

	if (!strcmp(text, "never")) {
		*bytes = ZEROCOPY_NEVER;
		return true;
	}
	if (parse_size(text, &size) || !size || size >= ZEROCOPY_NEVER)
		return false;
	*bytes = (uint32_t)size;
	return true;
}

#endif /* NP_ZEROCOPY_H */
