// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/region.h>

#include <arena/arena.h>
#include <common/log.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <proto/layout.h>

void proto_view_name(uint32_t role, char name[MSHARE_VIEW_SIZE])
{
	snprintf(name, MSHARE_VIEW_SIZE, "%s-%u",
		 ARENA_ROLE_CLASS(role) == PROTO_CLASS_NP ? "np" : "sp",
		 ARENA_ROLE_NUMBER(role));
}

static int open_error(const char *name, const char *view, int ret)
{
	switch (ret) {
	case -EPROTO:
	case -ERANGE:
		log_error("region %s: its layout is not for this program: %s", name,
			  strerror(-ret));
		break;
	case -EBUSY:
		log_error("region %s: another process has the role of %s", name, view);
		break;
	default:
		log_error("cannot open region %s for %s: %s", name, view, strerror(-ret));
	}
	return ret;
}

static void log_view(const char *name, const struct arena *a)
{
	struct mshare_info info = { .size = sizeof(info) };

	if (!mshare_info(arena_region(a), &info))
		log_info("region %s is attached at %p through its view %s", name, arena_base(a),
			 info.view);
}

int proto_open_region(const char *name, uint32_t role, struct arena **out)
{
	char view[MSHARE_VIEW_SIZE];
	struct arena_options options = { .size = sizeof(options), .role = role, .view = view };
	int ret;

	proto_view_name(role, view);
	ret = arena_open(name, &options, out);
	/* If the region itself is missing, the second call returns -ENOENT, too. */
	if (ret == -ENOENT) {
		options.view = NULL;
		ret = arena_open(name, &options, out);
	}
	if (ret)
		return open_error(name, view, ret);
	log_view(name, *out);
	return 0;
}
