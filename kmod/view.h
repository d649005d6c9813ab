/* SPDX-License-Identifier: GPL-2.0 */
/* A view: one page-table tree over a region, and its device node. */
#ifndef _MSHA_VIEW_H
#define _MSHA_VIEW_H

#include <linux/device.h>
#include <linux/list.h>
#include <linux/msharearena.h>
#include <linux/spinlock.h>
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
 * @mode: its permission bits; those to write count only if @writable
 * @writable: some of its leaves allow stores
 * @n_ranges: length of @ranges
 * @ranges: what is visible, ascending; NULL: all of the region, as @writable
 * @table: the shared page tables
 * @lock: who is linked, and all below: a view's users do not hold up another's
 * @linked: attachments whose mm has @table linked
 * @was_linked: there was one at some time
 * @users: how many of them are linked to each twin of @table
 * @promote_pass: number of the last promotion pass over @linked
 * @demotions: 1 GiB leaves replaced so far; read without the lock
 * @promotions: 1 GiB leaves that came back; read without the lock
 * @minor: device number, while @dev is there; region->node_lock
 * @dev: its node, NULL while it has none; region->node_lock
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

	spinlock_t lock;		/* who is linked */
	struct list_head linked;
	bool was_linked;
	unsigned long users[2];
	unsigned long promote_pass;
	unsigned long demotions;
	unsigned long promotions;

	u32 minor;
	struct device *dev;
};

/**
 * msha_view_new() - an empty view without a node, on no list
 * @r: region
 * @name: valid
 * @writable: without @ranges, whether all of the region can be written
 * @ranges: kvmalloc'ed and checked, or NULL for all of the region; taken over,
 *	also when the call fails
 * @n_ranges: length of @ranges
 *
 * Return: the view, or ERR_PTR(-ENOMEM).
 */
struct msha_view *msha_view_new(struct msha_region *r, const char *name,
				bool writable, struct msharearena_range *ranges,
				unsigned int n_ranges);

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
 * Return: whether a process was ever linked, so that all CPUs must flush. One
 * that links later finds the chunk in the tables.
 */
bool msha_view_fill(struct msha_view *v, const struct msha_chunk *c);

/**
 * msha_view_add_node() - make /dev/mshare/REGION/VIEW
 * @v: view of a complete region: if all goes well, it can be opened, and udev
 *	knows of it, before this returns
 *
 * The node has its owner, group and mode from its first moment.
 *
 * Context: region->node_lock.
 * Return: 0, -ENOSPC without a device number, -ENOMEM.
 */
int msha_view_add_node(struct msha_view *v);

/** msha_view_del_node() - remove the node, if there is one; region->node_lock */
void msha_view_del_node(struct msha_view *v);

/* Where the search for a device number begins; KUnit moves it. */
extern u32 msha_next_minor;

/**
 * msha_view_open() - find the view behind a device number
 *
 * Context: any; takes no lock.
 * Return: the view with a reference on its region, or ERR_PTR(-ENXIO).
 */
struct msha_view *msha_view_open(unsigned int minor);

int msha_view_class_init(void);
void msha_view_class_exit(void);
/** msha_view_devt() - first device number of the views */
dev_t msha_view_devt(void);

#endif /* _MSHA_VIEW_H */
