/* SPDX-License-Identifier: GPL-2.0 */
/* Regions: creation and removal, views, and export of memory. */
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
 * @page_size: bytes of a page: PAGE_SIZE, PMD_SIZE or PUD_SIZE
 * @uid: owner, who may unlink the region and add views
 * @quota: quota that is charged for the region, NULL if exempt
 * @rw: the view in which all of the region is writable
 * @ro: the view in which all of the region is read-only
 * @node_lock: protects the nodes, @named and additions to @views
 * @named: the region has a name and nodes; see window.h
 * @views: all views; read under RCU
 * @n_views: number of views
 * @unlink_wait: queue of files that may not take rings; woken by an unlink
 * @export_lock: protects @chunks, @exported and the tables of the views
 * @chunks: donated memory
 * @n_chunks: number of chunks
 * @exported: bytes that have memory; also read without the lock
 * @attached: number of attachments to all views
 * @lock: protects @rings and @n_rings
 * @rings: rings that were published and not yet taken
 * @n_rings: number of these rings
 * @ring_wait: queue of files that may take rings; woken when a ring is
 *	published, and by an unlink
 * @promote: work that makes demoted leaves whole again
 * @demoted_at: jiffies when the last leaf was demoted
 * @retry_ms: pause before promotion tries again to move a busy process
 * @debugfs: the region's directory in debugfs
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

/* Views are only ever added to a live region, so readers need no lock. */
#define msha_for_each_view(v, r)					\
	list_for_each_entry_rcu(v, &(r)->views, node, true)

/**
 * msha_region_create() - make a region, with nodes unless @c refuses them
 * @c: checked copy of the caller's request
 *
 * Return: the region with a reference for the caller, or an ERR_PTR with an
 * error of MSHAREARENA_CREATE.
 */
struct msha_region *msha_region_create(const struct msharearena_create *c);

/**
 * msha_region_remove() - remove a region's name and nodes
 *
 * Return: 0, or -ENOENT if it has none.
 */
int msha_region_remove(struct msha_region *r);

/**
 * msha_region_unlink() - MSHAREARENA_UNLINK
 *
 * Return: 0; -ENOENT if the region has no name; -EPERM if the caller does not
 * own the region.
 */
int msha_region_unlink(struct msha_region *r);

/**
 * msha_region_add_view() - add a view to a region, with a node if requested
 * @r: region
 * @c: the caller's request, whose name is valid
 *
 * Return: an open file of the view, or an ERR_PTR with an error of
 * MSHAREARENA_ADD_VIEW.
 */
struct file *msha_region_add_view(struct msha_region *r,
				  const struct msharearena_view *c);

/**
 * msha_region_export() - add the caller's memory to a region
 * @r: region
 * @e: the caller's request
 *
 * Context: process context, takes @r->export_lock and the caller's mmap_lock.
 * Return: 0, or an error of MSHAREARENA_EXPORT.
 */
int msha_region_export(struct msha_region *r,
		       const struct msharearena_export *e);

/**
 * msha_region_busy() - MSHAREARENA_GET_BUSY, find the pages that are in use
 * @r: region
 * @b: the caller's request; the answers are filled in
 *
 * Context: process context; takes no lock, and does not wait for an export.
 * Return: 0, or an error of MSHAREARENA_GET_BUSY.
 */
int msha_region_busy(struct msha_region *r, struct msharearena_busy *b);

/**
 * msha_region_check_range() - check that a range is one of the region's pages
 *
 * Return: 0; -EINVAL if it is empty or not made of whole pages; -ERANGE if it
 * passes the region's end.
 */
int msha_region_check_range(const struct msha_region *r, u64 offset,
			    u64 length);

/**
 * msha_region_full() - check whether the caller may add one more of something
 * @r: region
 * @n: current number
 * @max: greatest number
 * @own: how many of @max are reserved for the owner and CAP_SYS_RESOURCE
 *
 * Context: process context, or under a spinlock.
 * Return: true if the caller may not.
 */
bool msha_region_full(const struct msha_region *r, unsigned int n,
		      unsigned int max, unsigned int own);

/**
 * msha_region_describe() - fill in the fields of @out that describe the region
 */
void msha_region_describe(struct msha_region *r,
			  struct msharearena_region *out);

/** msha_region_get() - take a reference; the caller already holds one */
static inline void msha_region_get(struct msha_region *r)
{
	kref_get(&r->ref);
}

/**
 * msha_region_put() - drop a reference; the last one frees the region
 * @r: region
 *
 * Context: dropping the last reference sleeps for an RCU grace period. An
 * attachment never drops the last one, as its VMA holds the file until after
 * ->close.
 */
void msha_region_put(struct msha_region *r);

/** msha_page_sizes() - mask of page sizes that this machine supports */
u64 msha_page_sizes(void);

#endif /* _MSHA_REGION_H */
