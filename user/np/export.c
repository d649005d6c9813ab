// SPDX-License-Identifier: MIT
#include "export.h"

#include <string.h>

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
