/* SPDX-License-Identifier: GPL-2.0 */
/* A view: one page-table tree over a region, its device node and sysfs. */
#ifndef _MSHA_VIEW_H
#define _MSHA_VIEW_H

#include <linux/device.h>
#include <linux/list.h>

#include "table.h"

struct msha_region;

enum msha_view_id {
	MSHA_VIEW_RW,
	MSHA_VIEW_RO,
	MSHA_VIEWS,
};

/**
 * struct msha_view - how some processes see a region
 * @region: whose view it is; outlives it
 * @name: last part of the node's name
 * @writable: its leaves allow stores
 * @table: the shared page tables
 * @linked: attachments whose mm has @table linked; under region->lock
 * @minor: device number while it has a node
 * @dev: its node, NULL while it has none
 */
struct msha_view {
	struct msha_region *region;
	const char *name;
	bool writable;
	struct msha_table table;
	struct list_head linked;
	int minor;
	struct device *dev;
};

/** msha_view_init() - fill in the view of this id, without a node */
int msha_view_init(struct msha_region *r, enum msha_view_id id);
/** msha_view_destroy() - free the tables; nobody is linked any more */
void msha_view_destroy(struct msha_view *v);

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
