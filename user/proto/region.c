// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/region.h>

#include <errno.h>
#include <proto/layout.h>
#include <stdio.h>

void proto_view_name(uint32_t role, char *name)
{
	snprintf(name, PROTO_VIEW_NAME, "%s%u",
		 ARENA_ROLE_CLASS(role) == PROTO_CLASS_NP ? "np" : "sp", ARENA_ROLE_NUMBER(role));
}

int proto_open_region(const char *name, uint32_t role, struct arena **out)
{
	char view[PROTO_VIEW_NAME];
	struct arena_options options = {
		.size = sizeof(options),
		.role = role,
		.view = view,
	};
	int ret;

	proto_view_name(role, view);
	ret = arena_open(name, &options, out);
	if (ret != -ENOENT)
		return ret;
	/* It has no such view, or there is no such region at all. */
	options.view = NULL;
	return arena_open(name, &options, out);
}
