/* SPDX-License-Identifier: MIT */
/* Helpers for tests of added views: adding one, and the access that each page allows. */
#ifndef UAPI_VIEWS_H
#define UAPI_VIEWS_H

#include "util.h"

#define PROT_R MSHAREARENA_PROT_READ
#define PROT_RW (MSHAREARENA_PROT_READ | MSHAREARENA_PROT_WRITE)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline struct msharearena_view view_args(const char *view,
						const struct msharearena_range *ranges,
						unsigned int n)
{
	struct msharearena_view v = {
		.size = sizeof(v),
		.ranges = (uintptr_t)ranges,
		.n_ranges = n,
		.uid = -1,
		.gid = -1,
		.mode = 0600,
	};

	snprintf(v.view, sizeof(v.view), "%s", view);
	return v;
}

/* ADD_VIEW on the region of @fd; returns a descriptor of the new view, or -errno. */
static inline int add_view_open(int fd, const struct msharearena_view *args)
{
	struct msharearena_view v = *args;

	return command(fd, MSHAREARENA_ADD_VIEW, &v);
}

/* ADD_VIEW by the region's name, after which only its node keeps the view. */
static inline int add_view(const char *name, const struct msharearena_view *args)
{
	int fd = view_open(name, "rw", O_RDWR);
	int ret;

	if (fd < 0)
		return fd;
	ret = closed(add_view_open(fd, args));
	close(fd);
	return ret;
}

static inline int view_add(const char *name, const char *view,
			   const struct msharearena_range *ranges, unsigned int n)
{
	struct msharearena_view v = view_args(view, ranges, n);

	return add_view(name, &v);
}

/*
 * A layout is a string with a letter for each page from the region's beginning: 'w' is
 * writable, 'r' is readable, '.' is not shown. Equal neighbours become one range.
 */
static inline unsigned int layout_ranges(const char *layout, uint64_t page,
					 struct msharearena_range *ranges)
{
	unsigned int n = 0;

	for (size_t i = 0; layout[i]; i++) {
		if (layout[i] == '.')
			continue;
		if (i && layout[i] == layout[i - 1]) {
			ranges[n - 1].length += page;
			continue;
		}
		ranges[n++] = (struct msharearena_range){
			.offset = i * page,
			.length = page,
			.prot = layout[i] == 'w' ? PROT_RW : PROT_R,
		};
	}
	return n;
}

static inline int layout_add(const char *name, const char *view, const char *layout,
			     uint64_t page)
{
	struct msharearena_range ranges[64];

	if (strlen(layout) > ARRAY_LEN(ranges))
		bail("a layout of at most 64 pages, not %s", layout);
	return view_add(name, view, ranges, layout_ranges(layout, page, ranges));
}

/* A new empty region in place of an old one of this name, if any; returns its view rw. */
static inline int region_anew_open(const char *name, uint64_t page_size, uint64_t length)
{
	int fd;

	region_unlink(name);
	fd = region_create_open(name, page_size, length);
	if (fd < 0)
		bail("create %s: %s", name, strerror(-fd));
	return fd;
}

static inline void region_anew(const char *name, uint64_t page_size, uint64_t length)
{
	close(region_anew_open(name, page_size, length));
}

/* Start a peer that attaches a view with @prot. */
static inline struct peer view_peer(const char *name, const char *view, int prot)
{
	struct peer_msg m = { .op = PEER_OPEN_VIEW };
	struct peer p = peer_start();
	int64_t ret;

	m.a = prot & PROT_WRITE ? O_RDWR : O_RDONLY;
	snprintf(m.text, sizeof(m.text), "%s/%s", name, view);
	ret = peer_call(&p, m);
	if (ret >= 0)
		ret = PEER(p, .op = PEER_ATTACH, .a = prot);
	if (ret < 0)
		bail("a peer cannot attach %s/%s: %s", name, view, strerror(-ret));
	return p;
}

#endif /* UAPI_VIEWS_H */
