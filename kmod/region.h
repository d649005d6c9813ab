/* SPDX-License-Identifier: GPL-2.0 */
/* A named region: its life, and what belongs to it. */
#ifndef _MSHA_REGION_H
#define _MSHA_REGION_H

#include <linux/cred.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <linux/msharearena.h>

#include "limits.h"
#include "view.h"

/**
 * struct msha_region - a range of memory that processes attach
 * @ref: held by the name (until unlink), by each open file and by each
 *	attachment
 * @name: as given by the creator
 * @base: address in every process, a multiple of MSHA_SLOT_SIZE
 * @length: bytes
 * @page_size: bytes, PMD_SIZE or PUD_SIZE
 * @uid: owner
 * @gid: group
 * @mode: of the rw node
 * @node: in msha_regions while it has a name; under msha_regions_lock
 * @named: is in msha_regions; under msha_regions_lock
 * @views: the page-table trees
 * @export_lock: serialises growth
 * @chunks: donated memory, under @export_lock
 * @lock: everything below, the views' tables and the lists of attachments
 * @exported: bytes that have memory
 * @attached: processes that are linked, over all views
 * @demotions: 1 GiB leaves replaced so far
 * @rings: published and not yet taken
 * @ring_wait: woken when a ring is published
 * @debugfs: directory, while it has a name
 *
 * Locks nest in this order: msha_regions_lock, @export_lock, an mm's
 * mmap_lock, @lock, an mm's page_table_lock. ->mmap and ->close come with
 * mmap_lock held and therefore take only @lock.
 */
struct msha_region {
	struct kref ref;
	char name[MSHAREARENA_NAME_SIZE];
	unsigned long base;
	u64 length;
	unsigned long page_size;
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	struct list_head node;
	bool named;
	struct msha_view views[MSHA_VIEWS];

	struct mutex export_lock;	/* growth */
	struct list_head chunks;

	spinlock_t lock;		/* the rest, and the views */
	u64 exported;
	unsigned long attached;
	unsigned long demotions;
	struct list_head rings;
	wait_queue_head_t ring_wait;

	struct dentry *debugfs;
};

/**
 * msha_region_create() - make a region, give it a name and its nodes
 * @c: checked copy of the caller's request; @c->addr is filled in
 *
 * Return: 0, or the errors of MSHAREARENA_CREATE.
 */
int msha_region_create(struct msharearena_create *c);

/**
 * msha_region_unlink() - take a region's name away
 * @name: its name
 *
 * Return: 0, -ENOENT or -EPERM.
 */
int msha_region_unlink(const char *name);

/**
 * msha_region_export() - add the caller's memory to a region
 * @r: region
 * @e: the caller's request
 *
 * Context: process context, takes @r->export_lock and the caller's mmap_lock.
 * Return: 0, or the errors of MSHAREARENA_EXPORT.
 */
int msha_region_export(struct msha_region *r,
		       const struct msharearena_export *e);

/** msha_region_get() - another reference; the caller holds one */
static inline void msha_region_get(struct msha_region *r)
{
	kref_get(&r->ref);
}

/**
 * msha_region_put() - drop a reference; the last one frees the region
 * @r: region
 *
 * Context: the last reference sleeps (an RCU grace period) and takes
 * msha_regions_lock. It is always a file's or the name's, never an
 * attachment's: its VMA holds the file until after ->close.
 */
void msha_region_put(struct msha_region *r);

/**
 * msha_region_open() - find the view behind a device number
 * @minor: minor number
 *
 * Return: the view with a reference on its region, or ERR_PTR(-ENXIO).
 */
struct msha_view *msha_region_open(unsigned int minor);

/** msha_region_table_bytes() - page tables that the region owns, all views */
unsigned long msha_region_table_bytes(struct msha_region *r);

/** msha_page_sizes() - mask of page sizes that this machine can have */
u64 msha_page_sizes(void);

#endif /* _MSHA_REGION_H */
