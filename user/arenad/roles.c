// SPDX-License-Identifier: MIT
#include "roles.h"

#include <arena/open.h>
#include <common/log.h>
#include <proto/layout.h>
#include <proto/region.h>
#include <string.h>

#include "options.h"

/* Sizes that are proposed are round. */
#define STEP		(1ULL << 20)
/* A region is not larger. */
#define MOST		(1ULL << 39)

static int lay_out(const struct arenad_options *o, uint64_t size, uint64_t page_size,
		   struct arena_layout *l)
{
	const struct proto_counts counts = { o->nps, o->exports.n, o->np_buffers };
	struct arena_config config;

	proto_config_init(&config, size, &counts);
	proto_config_align(&config, page_size);
	return arena_layout_make(l, &config);
}

int roles_lay_out(const struct arenad_options *o, uint64_t page_size, struct arena_layout *l)
{
	return lay_out(o, o->size, page_size, l);
}

uint64_t roles_least_size(const struct arenad_options *o, uint64_t page_size)
{
	uint64_t step = page_size > STEP ? page_size : STEP;
	uint64_t low = 0, high = MOST / step;
	struct arena_layout l;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (lay_out(o, middle * step, page_size, &l))
			low = middle;
		else
			high = middle;
	}
	return lay_out(o, high * step, page_size, &l) ? 0 : high * step;
}

/*
 * Make a view that belongs to the user of its role. Its descriptor can be closed, as the view
 * has a name.
 */
static int make_view(const struct arenad_options *o, struct mshare *m,
		     const struct arena_layout *l, uint32_t role, const struct user *user)
{
	char name[MSHARE_VIEW_SIZE];
	struct arena_view_options options = { .size = sizeof(options), .name = name };
	struct mshare *view;
	int ret;

	if (user->name) {
		options.flags = MSHARE_SET_UID | MSHARE_SET_GID;
		options.uid = user->uid;
		options.gid = user->gid;
	}
	proto_view_name(role, name);
	ret = arena_make_view(m, l, role, &options, &view);
	if (ret) {
		log_error("cannot make the view %s of region %s: %s", name, o->region,
			  strerror(-ret));
		return ret;
	}
	mshare_close(view);
	return 0;
}

int roles_make_views(const struct arenad_options *o, struct mshare *m,
		     const struct arena_layout *l)
{
	int ret = 0;

	for (unsigned int i = 0; i < o->nps && !ret; i++)
		ret = make_view(o, m, l, PROTO_ROLE_NP(i), &o->np_user);
	for (unsigned int i = 0; i < o->exports.n && !ret; i++)
		ret = make_view(o, m, l, PROTO_ROLE_SP(i), &o->sp_user);
	return ret;
}
