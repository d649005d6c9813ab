// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Regions with a layout: made and opened for an arena in one call.
 */
#include "setup.h"
#include "../why.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define DEFAULT_MODE	0600
/* Describes a region without a name to people. */
#define UNNAMED		"arena"

static const uint64_t page_sizes[] = { 1ULL << 30, 2ULL << 20, 4096 };

#define PAGE_SIZES (sizeof(page_sizes) / sizeof(page_sizes[0]))

/**
 * struct creation - a region to be made
 * @name: or NULL
 * @o: the caller's options, with defaults
 * @config: the caller's configuration, or zeroes
 * @layout: made from it
 */
struct creation {
	const char *name;
	struct arena_options o;
	struct arena_config config;
	struct arena_layout layout;
};

/* libmshare does not say which it is. */
static const char region_reason[] =
	"name: or backend, bytes, page_size or mode is not one of a region (mshare_create)";

static void discard(struct mshare *m)
{
	/* Without a name there is nothing to remove. */
	mshare_unlink_region(m);
	mshare_close(m);
}

static int make_region(const struct creation *c, uint64_t page_size, struct mshare **out)
{
	const struct mshare_options options = {
		.size = sizeof(options),
		.backend = c->o.backend,
		.flags = c->o.flags | (c->name ? 0 : MSHARE_UNNAMED),
		.length = c->o.bytes,
		.page_size = page_size,
		.uid = c->o.uid,
		.gid = c->o.gid,
		.mode = c->o.mode,
	};
	struct mshare *m;
	int ret;

	ret = mshare_create(c->name ? c->name : UNNAMED, &options, &m);
	if (ret)
		return ret == -EINVAL ? why(region_reason) : ret;
	ret = mshare_populate(m, 0, c->o.bytes);
	if (ret) {
		discard(m);
		return ret;
	}
	*out = m;
	return 0;
}

/* Make the layout. Its align defaults to the page size, as views of roles need it. */
static int lay_out(struct creation *c, uint64_t page_size)
{
	struct arena_config config = c->config;

	if (!config.align)
		config.align = page_size;
	return arena_layout_make(&c->layout, &config);
}

static int make_laid_out_region(struct creation *c, uint64_t page_size, struct mshare **out)
{
	int ret = lay_out(c, page_size);

	return ret ? ret : make_region(c, page_size, out);
}

/*
 * Choose the largest page size that works: the layout may not fit larger pages, and the machine
 * may have too few of them.
 */
static int make_best_region(struct creation *c, struct mshare **out)
{
	int ret = -EINVAL;

	if (c->o.bytes % page_sizes[PAGE_SIZES - 1])
		return why("bytes: is not a multiple of any page size");
	for (unsigned int i = 0; i < PAGE_SIZES; i++) {
		if (c->o.bytes % page_sizes[i])
			continue;
		ret = make_laid_out_region(c, page_sizes[i], out);
		if (ret != -ENOMEM && ret != -EOPNOTSUPP && ret != -ENOSPC)
			break;
	}
	return ret;
}

/* Write the layout to the start of the region, where each process finds it. */
static int write_layout(const struct creation *c, struct mshare *m)
{
	void *base;
	int ret = mshare_attach(m, &base);

	if (!ret)
		arena_layout_write(base, &c->layout);
	return ret;
}

static int create(struct creation *c, struct arena **out)
{
	struct mshare *m;
	int ret;

	if (c->o.page_size)
		ret = make_laid_out_region(c, c->o.page_size, &m);
	else
		ret = make_best_region(c, &m);
	if (ret)
		return ret;
	ret = write_layout(c, m);
	if (!ret)
		ret = arena_open_region(m, c->o.role, out);
	if (ret) {
		discard(m);
		return ret;
	}
	arena_own_region(*out, true);
	return 0;
}

/* Put what the caller gave into @c, with defaults. */
static int prepare(struct creation *c, const struct arena_options *options)
{
	int ret = why_copy_struct(&c->o, sizeof(c->o), options);

	if (!ret)
		ret = why_copy_struct(&c->config, sizeof(c->config), c->o.config);
	if (ret)
		return ret;
	if (c->o.view)
		return why("view: is for calls that open a region");
	if (c->o.layout)
		return why("layout: is for calls that open a region");
	if (c->o.flags & ~(MSHARE_SET_UID | MSHARE_SET_GID))
		return why("flags: has one that is not MSHARE_SET_UID or MSHARE_SET_GID");
	if (!c->o.bytes)
		c->o.bytes = c->config.length ? c->config.length : ARENA_DEFAULT_BYTES;
	if (!c->config.length)
		c->config.length = c->o.bytes;
	if (c->config.length > c->o.bytes)
		return why("bytes: is less than the length of the configuration");
	if (!c->name && c->o.mode)
		return why("mode: is set, and the region has no name");
	if (c->name && !c->o.mode)
		c->o.mode = DEFAULT_MODE;
	return 0;
}

int arena_create(const char *name, const struct arena_options *options, struct arena **out)
{
	struct creation c = { .name = name };
	int ret = prepare(&c, options);

	return ret ? ret : create(&c, out);
}

/* Calls that open a region take from the options the role, the layout and, by name, the view. */
static int copy_open_options(struct arena_options *o, const struct arena_options *options)
{
	int ret = why_copy_struct(o, sizeof(*o), options);

	if (ret)
		return ret;
	if (o->backend || o->config || o->bytes || o->page_size || o->flags || o->uid || o->gid ||
	    o->mode)
		return why("options: has a member that is for arena_create()");
	return 0;
}

/* Open an arena that owns the region, or close the region. */
static int open_owned(struct mshare *m, const struct arena_options *o, struct arena **out)
{
	int ret = arena_open_laid_out(m, o->role, o->layout, out);

	if (ret)
		mshare_close(m);
	else
		arena_own_region(*out, false);
	return ret;
}

int arena_open(const char *name, const struct arena_options *options, struct arena **out)
{
	struct arena_options o;
	struct mshare *m;
	int ret;

	ret = copy_open_options(&o, options);
	if (!ret)
		ret = mshare_open_view(name, o.view ? o.view : "rw", 0, &m);
	return ret ? ret : open_owned(m, &o, out);
}

/* It opens a duplicate, so that the caller keeps the descriptor if this fails. */
static int open_duplicate(int fd, struct mshare **out)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0), ret;

	if (own < 0)
		return -errno;
	ret = mshare_open_fd(own, out);
	if (ret)
		close(own);
	return ret;
}

int arena_open_fd(int fd, const struct arena_options *options, struct arena **out)
{
	struct arena_options o;
	struct mshare *m = NULL;
	int ret;

	ret = copy_open_options(&o, options);
	if (!ret && o.view)
		ret = why("view: is that of the descriptor");
	if (!ret)
		ret = open_duplicate(fd, &m);
	if (!ret)
		ret = open_owned(m, &o, out);
	if (!ret)
		close(fd);
	return ret;
}
