// SPDX-License-Identifier: MIT
#include "export.h"

#include <stdio.h>
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

void export_show_as(struct export *e, const struct export_options *o)
{
	snprintf(e->name, sizeof(e->name), "%s", o->name);
	snprintf(e->description, sizeof(e->description), "%s",
		 o->description ? o->description : "");
	e->is_hidden = o->no_disk != EXPORT_REFUSE;
	e->is_closed = o->is_drained || export_is_vacant(o);
}
