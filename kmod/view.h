/* SPDX-License-Identifier: GPL-2.0 */
/* A view: one page-table tree over a region, its device node and sysfs. */
#ifndef _MSHA_VIEW_H
#define _MSHA_VIEW_H

#include <linux/device.h>
#include <linux/list.h>
#include <linux/msharearena.h>
#include <linux/uidgid.h>

#include "table.h"

struct msha_chunk;
struct msha_region;

/**
 * struct msha_view - how some processes see a region
 * @node: in region->views, which only grows; read under RCU's rules
 * @region: whose view it is; outlives it
 * @name: last part of the node's name
 * @uid: owner of the node when it was made
 * @gid: its group
 * @mode: its permission bits
 * @writable: some of its leaves allow stores
 * @n_ranges: length of @ranges
 * @ranges: what is visible, ascending; NULL: all of the region, as @writable
 * @table: the shared page tables
 * @linked: attachments whose mm has @table linked; under region->lock
 * @users: how many of them are linked to each twin of @table
 * @promote_pass: number of the last promotion pass over @linked
 * @minor: device number while it has a node, else -1
 * @dev: its node, NULL while it has none
 */
struct msha_view {
	struct list_head node;
	struct msha_region *region;
	char name[MSHAREARENA_VIEW_NAME_SIZE];
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	bool writable;
	unsigned int n_ranges;
	struct msharearena_range *ranges;
	struct msha_table table;
	struct list_head linked;
	unsigned long users[2];
	unsigned long promote_pass;
	int minor;
	struct device *dev;
};

/**
 * struct msha_view_spec - what a view is made from
 * @name: valid
 * @uid: owner of the node
 * @gid: group
 * @mode: permission bits; those to write are dropped if no range is writable
 * @writable: without @ranges, whether all of the region is
 * @ranges: kvmalloc'ed and checked, or NULL for all of the region
 * @n_ranges: length of @ranges
 */
struct msha_view_spec {
	const char *name;
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	bool writable;
	struct msharearena_range *ranges;
	unsigned int n_ranges;
};

/**
 * msha_view_new() - an empty view without a node, on no list
 *
 * Takes over @s->ranges if it succeeds.
 * Return: the view, or ERR_PTR(-ENOMEM).
 */
struct msha_view *msha_view_new(struct msha_region *r,
				const struct msha_view_spec *s);
/** msha_view_free() - free a view and its tables; nobody is linked any more */
void msha_view_free(struct msha_view *v);

/**
 * msha_view_copy_ranges() - read and check what a caller wants a view to show
 * @r: region
 * @c: request
 *
 * Return: an array to be kvfree()d, or ERR_PTR: the errors of
 * MSHAREARENA_ADD_VIEW.
 */
struct msharearena_range *
msha_view_copy_ranges(const struct msha_region *r,
		      const struct msharearena_view *c);
/** msha_view_prot() - MSHAREARENA_PROT_* of the page at an offset, or 0 */
u32 msha_view_prot(const struct msha_view *v, u64 offset);
/** msha_view_prepare() - msha_table_prepare() for memory that is to come */
int msha_view_prepare(struct msha_view *v, u64 offset, u64 length);
/**
 * msha_view_fill() - make a chunk visible, where the view shows it
 *
 * Context: prepared; region->export_lock. May sleep.
 */
void msha_view_fill(struct msha_view *v, const struct msha_chunk *c);

/**
 * msha_view_add_node() - make /dev/mshare/REGION/VIEW and its sysfs directory
 * @v: view; @v->minor is set
 *
 * The node has its owner, group and mode from its first moment.
 */
int msha_view_add_node(struct msha_view *v);
/** msha_view_del_node() - remove the node; waits for sysfs readers */
void msha_view_del_node(struct msha_view *v);

int msha_view_class_init(void);
void msha_view_class_exit(void);
/** msha_view_devt() - first device number of the views */
dev_t msha_view_devt(void);

#endif /* _MSHA_VIEW_H */
