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
#include <linux/workqueue.h>

#include <linux/msharearena.h>

#include "limits.h"
#include "view.h"

struct msha_quota;

/**
 * struct msha_region - a range of memory that processes attach
 * @ref: held by the name (until unlink), by each open file and by each
 *	attachment
 * @name: as given by the creator
 * @base: address in every process, a multiple of MSHA_SLOT_SIZE
 * @length: bytes
 * @page_size: bytes: PAGE_SIZE, PMD_SIZE or PUD_SIZE
 * @uid: who made it, or whom it was made for: may unlink it and add views
 * @quota: whose share of regions is charged, NULL if exempt
 * @node: in msha_regions while it has a name; under msha_regions_lock
 * @named: is in msha_regions; under msha_regions_lock
 * @rw: the view that everything can be written through
 * @ro: the view that nothing can be written through
 * @views: all of them; grows under @export_lock and msha_regions_lock
 * @n_views: how many
 * @export_lock: serialises growth
 * @chunks: donated memory; grows under @export_lock, read under RCU's rules
 * @lock: everything below, the views' P4D entries and lists of attachments
 * @exported: bytes that have memory
 * @attached: processes that are linked, over all views
 * @demotions: 1 GiB leaves replaced so far
 * @promotions: 1 GiB leaves that came back
 * @rings: published and not yet taken
 * @ring_wait: woken when a ring is published
 * @promote: makes demoted leaves whole again
 * @demoted_at: jiffies when a leaf was demoted last; under @lock, read without
 * @debugfs: directory, while it has a name
 *
 * Locks nest in this order: @export_lock, msha_regions_lock, an mm's
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
	struct msha_quota *quota;
	struct list_head node;
	bool named;
	struct msha_view *rw;
	struct msha_view *ro;
	struct list_head views;
	unsigned int n_views;

	struct mutex export_lock;	/* growth */
	struct list_head chunks;

	spinlock_t lock;		/* the rest, and who is linked */
	u64 exported;
	unsigned long attached;
	unsigned long demotions;
	unsigned long promotions;
	struct list_head rings;
	wait_queue_head_t ring_wait;

	struct delayed_work promote;
	unsigned long demoted_at;
	struct dentry *debugfs;
};

/* Views are only added while anybody could look: no lock is needed to read. */
#define msha_for_each_view(v, r)					\
	list_for_each_entry_rcu(v, &(r)->views, node, true)

/**
 * msha_region_create() - make a region, give it a name and its nodes
 * @c: checked copy of the caller's request
 *
 * Return: the region with a reference for the caller, or ERR_PTR: the errors
 * of MSHAREARENA_CREATE.
 */
struct msha_region *msha_region_create(const struct msharearena_create *c);

/**
 * msha_region_remove() - take a region's name away, if it still has it
 * @r: region
 */
void msha_region_remove(struct msha_region *r);

/**
 * msha_region_unlink() - take a region's name away, if the caller may
 * @name: its name
 *
 * Return: 0, -ENOENT or -EPERM.
 */
int msha_region_unlink(const char *name);

/**
 * msha_region_add_view() - give a region another view and its node
 * @c: the caller's request, whose names are valid
 *
 * Return: 0, or the errors of MSHAREARENA_ADD_VIEW.
 */
int msha_region_add_view(const struct msharearena_view *c);

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

/**
 * msha_region_check_range() - is this a range of the region's pages?
 *
 * Return: 0; -EINVAL if it is empty or not made of whole pages; -ERANGE if it
 * passes the region's end.
 */
int msha_region_check_range(const struct msha_region *r, u64 offset,
			    u64 length);

/** msha_region_get() - another reference; the caller holds one */
static inline void msha_region_get(struct msha_region *r)
{
	kref_get(&r->ref);
}

/**
 * msha_region_put() - drop a reference; the last one frees the region
 * @r: region
 *
 * Context: the last reference sleeps (an RCU grace period). It is always a
 * file's or the name's, never an attachment's: its VMA holds the file until
 * after ->close.
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
