/* SPDX-License-Identifier: GPL-2.0 */
/* A region: its life, and what belongs to it. */
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
 * @base: address in every process, a multiple of MSHA_WINDOW_SIZE
 * @length: bytes
 * @page_size: bytes: PAGE_SIZE, PMD_SIZE or PUD_SIZE
 * @uid: its owner, who may unlink it and add views
 * @quota: whose share of regions is charged, NULL if exempt
 * @rw: the view that everything can be written through
 * @ro: the view that nothing can be written through
 * @node_lock: serialises the nodes and @named; @views grows under it
 * @named: it has a name and nodes; see window.h
 * @views: all of them; read under RCU's rules
 * @n_views: how many
 * @unlink_wait: files that may not take rings; woken when it is unlinked
 * @export_lock: serialises growth: @chunks, @exported, the views' tables
 * @chunks: donated memory
 * @n_chunks: how many
 * @exported: bytes that have memory; read without the lock
 * @attached: processes that are linked, over all views
 * @lock: the rings
 * @rings: published and not yet taken
 * @n_rings: how many
 * @ring_wait: files that may; woken also when a ring is published
 * @promote: makes demoted leaves whole again
 * @demoted_at: jiffies when a leaf was demoted last
 * @retry_ms: pause before promotion tries again to move a busy process
 * @debugfs: directory
 *
 * Locks nest in this order: @export_lock, @node_lock, an mm's mmap_lock,
 * view->lock or @lock, an mm's page_table_lock. ->mmap and ->close come with
 * mmap_lock held and therefore take only the spinlocks.
 */
struct msha_region {
	struct kref ref;
	char name[MSHAREARENA_NAME_SIZE];
	unsigned long base;
	u64 length;
	unsigned long page_size;
	kuid_t uid;
	struct msha_quota *quota;
	struct msha_view *rw;
	struct msha_view *ro;

	struct mutex node_lock;		/* nodes and name */
	bool named;
	struct list_head views;
	unsigned int n_views;
	wait_queue_head_t unlink_wait;

	struct mutex export_lock;	/* growth */
	struct list_head chunks;
	unsigned int n_chunks;
	u64 exported;

	atomic_t attached;

	spinlock_t lock;		/* rings */
	struct list_head rings;
	unsigned int n_rings;
	wait_queue_head_t ring_wait;

	struct delayed_work promote;
	unsigned long demoted_at;
	unsigned int retry_ms;
	struct dentry *debugfs;
};

/* Views are only added while anybody could look: no lock is needed to read. */
#define msha_for_each_view(v, r)					\
	list_for_each_entry_rcu(v, &(r)->views, node, true)

/**
 * msha_region_create() - make a region, and its nodes if it is to have some
 * @c: checked copy of the caller's request
 *
 * Return: the region with a reference for the caller, or ERR_PTR: the errors
 * of MSHAREARENA_CREATE.
 */
struct msha_region *msha_region_create(const struct msharearena_create *c);

/**
 * msha_region_remove() - take a region's name and nodes away
 *
 * Return: 0, or -ENOENT if it has none.
 */
int msha_region_remove(struct msha_region *r);

/**
 * msha_region_unlink() - MSHAREARENA_UNLINK
 *
 * Return: 0; -ENOENT if the region has no name; -EPERM if it is not the
 * caller's.
 */
int msha_region_unlink(struct msha_region *r);

/**
 * msha_region_add_view() - give a region another view, and its node
 * @r: region
 * @c: the caller's request, whose name is valid
 *
 * Return: a file on the view, or ERR_PTR: the errors of MSHAREARENA_ADD_VIEW.
 */
struct file *msha_region_add_view(struct msha_region *r,
				  const struct msharearena_view *c);

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
 * msha_region_busy() - MSHAREARENA_GET_BUSY: which pages are in use now?
 * @r: region
 * @b: the caller's request; the answers are filled in
 *
 * Context: process context; takes no lock, and does not wait for an export.
 * Return: 0, or its errors.
 */
int msha_region_busy(struct msha_region *r, struct msharearena_busy *b);

/**
 * msha_region_check_range() - is this a range of the region's pages?
 *
 * Return: 0; -EINVAL if it is empty or not made of whole pages; -ERANGE if it
 * passes the region's end.
 */
int msha_region_check_range(const struct msha_region *r, u64 offset,
			    u64 length);

/**
 * msha_region_full() - has a region no room for one more of something?
 * @r: region
 * @n: how many there are
 * @max: how many there may be
 * @own: how many of them only the owner and CAP_SYS_RESOURCE may use
 *
 * Context: process context, or under a spinlock.
 */
bool msha_region_full(const struct msha_region *r, unsigned int n,
		      unsigned int max, unsigned int own);

/**
 * msha_region_describe() - fill in all of @out but what is a view's
 */
void msha_region_describe(struct msha_region *r,
			  struct msharearena_region *out);

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
 * file's or the caller's, never an attachment's: its VMA holds the file until
 * after ->close.
 */
void msha_region_put(struct msha_region *r);

/** msha_page_sizes() - mask of page sizes that this machine can have */
u64 msha_page_sizes(void);

#endif /* _MSHA_REGION_H */
