// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Views of roles: who may write which page.
 */
#include "view.h"

#include <arena/open.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

#include "../why.h"

#define DEFAULT_MODE	0600
#define READ_WRITE	(PROT_READ | PROT_WRITE)

/**
 * struct part - the pages of one process
 * @role: the process
 * @from: offset of the first of them
 * @to: offset behind the last of them
 * @next: the first group of the next process
 */
struct part {
	uint32_t role;
	uint64_t from;
	uint64_t to;
	uint32_t next;
};

/** struct ranges - the ranges of a view, while they are collected */
struct ranges {
	struct mshare_range *range;
	int n;
};

/* @to is a power of two. */
static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

/* The process to which group @first belongs. Its groups follow each other. */
static struct part part_at(const struct arena_layout *l, uint32_t first, uint64_t page_size)
{
	const struct arena_group *g = &l->group[first];
	struct part p = { .role = g->role, .from = g->offset & ~(page_size - 1), .next = first };

	while (p.next < l->n_groups && l->group[p.next].role == p.role)
		g = &l->group[p.next++];
	p.to = round_up(g->offset + (uint64_t)g->buffer_size * g->count, page_size);
	return p;
}

/* Neighbours that are shown alike become one range, which a large page can map. */
static void add_range(struct ranges *r, uint64_t from, uint64_t to, int prot)
{
	struct mshare_range *last = r->n ? &r->range[r->n - 1] : NULL;

	if (from >= to || !prot)
		return;
	if (last && last->prot == prot && last->offset + last->length == from)
		last->length += to - from;
	else
		r->range[r->n++] = (struct mshare_range){ from, to - from, prot };
}

/* There are no channels within a class, so its processes have nothing to show each other. */
static int protection(uint32_t viewer, uint32_t writer)
{
	if (viewer == writer)
		return READ_WRITE;
	return ARENA_ROLE_CLASS(viewer) == ARENA_ROLE_CLASS(writer) ? 0 : PROT_READ;
}

int arena_view_ranges(const struct arena_layout *l, uint32_t role, uint64_t page_size,
		      struct mshare_range *range)
{
	uint64_t header = round_up(sizeof(*l), page_size), from;
	struct part p = part_at(l, 0, page_size), before;
	struct ranges r = { .range = range };

	if (!arena_layout_has_role(l, role))
		return -ENOENT;
	/* The layout may lie on a page of the first process, which then can write it, too. */
	if (p.role == role && p.from < header)
		header = p.from;
	add_range(&r, 0, header, PROT_READ);
	from = p.from > header ? p.from : header;
	for (;;) {
		add_range(&r, from, p.to, protection(role, p.role));
		if (p.next == l->n_groups)
			return r.n;
		before = p;
		p = part_at(l, before.next, page_size);
		from = p.from;
		if (from < before.to)
			return why("l: two processes write to one page");
	}
}

static int copy_options(struct arena_view_options *o, const struct arena_view_options *options)
{
	int ret = why_copy_struct(o, sizeof(*o), options);

	if (ret)
		return ret;
	if (o->flags & ~(MSHARE_SET_UID | MSHARE_SET_GID))
		return why("flags: has one that is not MSHARE_SET_UID or MSHARE_SET_GID");
	if (!o->name && o->mode)
		return why("mode: is set, and the view has no name");
	if (!o->name)
		o->flags |= MSHARE_UNNAMED;
	else if (!o->mode)
		o->mode = DEFAULT_MODE;
	return 0;
}

int arena_make_view(struct mshare *m, const struct arena_layout *l, uint32_t role,
		    const struct arena_view_options *options, struct mshare **out)
{
	struct mshare_range range[ARENA_VIEW_RANGES];
	struct mshare_info info = { .size = sizeof(info) };
	struct mshare_view v = { .size = sizeof(v), .ranges = range };
	char name[MSHARE_VIEW_SIZE];
	struct arena_view_options o;
	int ret;

	ret = copy_options(&o, options);
	if (!ret)
		ret = mshare_info(m, &info);
	if (ret)
		return ret;
	ret = arena_view_ranges(l, role, info.page_size, range);
	if (ret < 0)
		return ret;
	v.n_ranges = (size_t)ret;
	v.flags = o.flags;
	v.uid = o.uid;
	v.gid = o.gid;
	v.mode = o.mode;
	/* For people only, if the view has no name. */
	snprintf(name, sizeof(name), "role-%u-%u", ARENA_ROLE_CLASS(role),
		 ARENA_ROLE_NUMBER(role));
	return mshare_make_view(m, o.name ? o.name : name, &v, out);
}
