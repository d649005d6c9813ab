// SPDX-License-Identifier: MIT
#include "export.h"

#include <string.h>

#include "nbd.h"

int export_find(const struct export_table *t, const void *name, size_t length)
{
	for (unsigned int i = 0; i < t->n; i++) {
		const struct export *e = &t->export[i];

		if (length == 0 || (strlen(e->name) == length &&
				    memcmp(e->name, name, length) == 0))
			return e->is_served ? (int)i : -1;
	}
	return -1;
}

uint16_t export_flags(const struct export *e)
{
	/*
	 * FLUSH is one fdatasync of the whole disk, so it covers what any
	 * connection wrote: clients may open several.
	 */
	uint16_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH |
			 NBD_FLAG_SEND_FUA | NBD_FLAG_CAN_MULTI_CONN;

	if (e->is_readonly)
		flags |= NBD_FLAG_READ_ONLY;
	return flags;
}
