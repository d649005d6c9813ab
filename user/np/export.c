// SPDX-License-Identifier: MIT
#include "export.h"

#include <string.h>

int export_find(const struct export_table *t, const void *name, size_t length)
{
	if (!length)
		return t->by_default;
	for (unsigned int i = 0; i < t->n; i++)
		if (strlen(t->export[i].name) == length &&
		    !memcmp(t->export[i].name, name, length))
			return (int)i;
	return -1;
}
