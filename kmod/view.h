/* SPDX-License-Identifier: GPL-2.0 */
/* Views: page tables that show a region, each with its device node. */
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
 * struct msha_view - a view of a region
 * @node: in region->views, to which views are only added; read under RCU
 * @region: region of the view; freed after the view
 * @name: last part of the node's name
 * @uid: owner of the node when it is made
 * @gid: group of the node when it is made
 * @mode: permission bits of the node; write permission only if @writable
 * @writable: some of the leaves allow stores
 * @n_ranges: length of @ranges
 * @ranges: ranges that are visible, ascending; NULL for all of the region
 * @table: the shared page tables
 * @lock: protects the fields from @linked to @promotions. Each view has its own
 *	lock, so that users of one view do not delay those of another.
 * @linked: attachments to whose mm @table is linked
 * @was_linked: @linked was not empty at some time
 * @users: number of attachments that are linked to each twin of @table
 * @promote_pass: number of the last promotion pass over @linked
 * @demotions: number of demoted leaves; also read without the lock
 * @promotions: number of promoted leaves; also read without the lock
 * @minor: device number while @dev is set; under region->node_lock
 * @dev: the node's device, NULL without a node; under region->node_lock
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
 * msha_view_new() - make an empty view without a node, which is on no list
 * @r: region
 * @name: valid name
 * @writable: if @ranges is NULL, whether the view is writable
 * @ranges: array of msha_view_copy_ranges(), or NULL to show all of the region;
 *	the view owns it afterwards, and a call that fails frees it
 * @n_ranges: length of @ranges
 *
 * Return: the view, or ERR_PTR(-ENOMEM).
 */
struct msha_view *msha_view_new(struct msha_region *r, const char *name,
				bool writable, struct msharearena_range *ranges,
				unsigned int n_ranges);

/** msha_view_free() - free a view that has no attachments, and its tables */
void msha_view_free(struct msha_view *v);

/**
 * msha_view_copy_ranges() - copy and check the ranges for a new view
 * @r: region
 * @c: the caller's request
 *
 * Return: an array to be freed by kvfree(), or an ERR_PTR with an error of
 * MSHAREARENA_ADD_VIEW.
 */
struct msharearena_range *
msha_view_copy_ranges(const struct msha_region *r,
		      const struct msharearena_view *c);
/** msha_view_prot() - MSHAREARENA_PROT_* bits of the page at an offset, or 0 */
u32 msha_view_prot(const struct msha_view *v, u64 offset);
/** msha_view_prepare() - allocate the tables for the visible part of a range */
int msha_view_prepare(struct msha_view *v, u64 offset, u64 length);
/**
 * msha_view_fill() - add a chunk to the tables, in the ranges that are visible
 *
 * Context: after msha_view_prepare(), under region->export_lock. May sleep.
 * Return: true if a process was ever linked, so that all CPUs must be flushed.
 * A process that is linked later finds the chunk in the tables.
 */
bool msha_view_fill(struct msha_view *v, const struct msha_chunk *c);

/**
 * msha_view_add_node() - make /dev/mshare/REGION/VIEW
 * @v: view of a complete region; it can be opened, and udev is notified, before
 *	this returns
 *
 * The node is created with its owner, group and mode.
 *
 * Context: region->node_lock.
 * Return: 0; -ENOSPC if no device number is free; -ENOMEM.
 */
int msha_view_add_node(struct msha_view *v);

/** msha_view_del_node() - remove the node, if any; under region->node_lock */
void msha_view_del_node(struct msha_view *v);

/* The next device number to try; KUnit tests change it. */
extern u32 msha_next_minor;

/**
 * msha_view_open() - find the view of a device number
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
