// SPDX-License-Identifier: MIT
#include "roles.h"

#include <arena/open.h>
#include <common/log.h>
#include <errno.h>
#include <inttypes.h>
#include <proto/layout.h>
#include <proto/region.h>
#include <string.h>

#include "options.h"

/* Sizes that are proposed are round. */
#define STEP		(1ULL << 20)
/* A region is not larger. */
#define MOST		(1ULL << 39)

static struct arena_config config_of(const struct arenad_options *o, uint64_t size,
				     uint64_t page_size)
{
	struct proto_counts counts = {
		.nps = o->nps,
		.sps = o->exports.n,
		.net_buffers = o->np_buffers,
		.np_bytes = o->np_memory,
	};
	struct arena_config config;

	for (unsigned int i = 0; i < o->exports.n; i++)
		counts.sp_bytes[i] = o->disk[i].memory;
	proto_config_init(&config, size, &counts);
	proto_config_align(&config, page_size);
	return config;
}

static int lay_out(const struct arenad_options *o, uint64_t size, uint64_t page_size,
		   struct arena_layout *l)
{
	struct arena_config config = config_of(o, size, page_size);

	return arena_layout_make(l, &config);
}

static int check_np_part(const struct arenad_options *o, const struct arena_config *c)
{
	uint64_t least = proto_least_bytes(c, PROTO_CLASS_NP);

	if (!o->np_memory || c->classes[PROTO_CLASS_NP].each[0] >= least)
		return 0;
	log_error("--np-memory: %" PRIu64 " KiB are too few: a network process of %u disks and %u "
		  "buffers needs %" PRIu64 "K; choose a larger one", o->np_memory >> 10,
		  o->exports.n, o->np_buffers, least >> 10);
	return -EINVAL;
}

static int check_disk_part(const struct arenad_options *o, const struct arena_config *c,
			   unsigned int i)
{
	uint64_t least = proto_least_bytes(c, PROTO_CLASS_SP);

	if (!o->disk[i].memory || c->classes[PROTO_CLASS_SP].each[i] >= least)
		return 0;
	log_error("--disk-memory: %" PRIu64 " KiB are too few for export '%s': a disk that serves "
		  "%u network processes of %u buffers needs %" PRIu64 "K; choose a larger one",
		  o->disk[i].memory >> 10, o->exports.export[i].label, o->nps, o->np_buffers,
		  least >> 10);
	return -EINVAL;
}

/* What nobody gets, if the parts of all disks have a given size. */
static uint64_t left_over(const struct arenad_options *o, const struct arena_config *c)
{
	uint64_t left = o->size - c->classes[PROTO_CLASS_NP].bytes;

	for (unsigned int i = 0; i < o->exports.n; i++) {
		uint64_t bytes = c->classes[PROTO_CLASS_SP].each[i];

		if (!bytes || bytes > left)
			return 0;
		left -= bytes;
	}
	return left;
}

int roles_check_parts(const struct arenad_options *o, uint64_t page_size)
{
	struct arena_config c = config_of(o, o->size, page_size);
	int ret = check_np_part(o, &c);

	for (unsigned int i = 0; i < o->exports.n && !ret; i++)
		ret = check_disk_part(o, &c, i);
	if (!ret && c.classes[PROTO_CLASS_NP].bytes <= o->size && left_over(o, &c) >> 20)
		log_warn("--np-memory and --disk-memory leave %" PRIu64 " MiB of the region to no "
			 "process; leave them out to use all of it", left_over(o, &c) >> 20);
	return ret;
}

int roles_lay_out(const struct arenad_options *o, uint64_t page_size, struct arena_layout *l)
{
	return lay_out(o, o->size, page_size, l);
}

static uint64_t mib_of(const struct arena_layout *l, uint32_t role)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < l->n_groups; i++)
		if (l->group[i].role == role)
			bytes += (uint64_t)l->group[i].buffer_size * l->group[i].count;
	return bytes >> 20;
}

void roles_log(const struct arenad_options *o, const struct arena_layout *l)
{
	for (unsigned int i = 0; i < o->nps; i++)
		log_debug("arena-np %u gets %" PRIu64 " MiB of the region", i,
			  mib_of(l, PROTO_ROLE_NP(i)));
	for (unsigned int i = 0; i < o->exports.n; i++)
		log_debug("arena-sp %u (disk %s) gets %" PRIu64 " MiB of the region", i,
			  o->exports.export[i].label, mib_of(l, PROTO_ROLE_SP(i)));
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
			  log_reason(-ret));
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
