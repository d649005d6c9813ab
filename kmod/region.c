// SPDX-License-Identifier: GPL-2.0
#include "region.h"

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "debugfs.h"
#include "donor.h"
#include "file.h"
#include "leaf.h"
#include "pin.h"
#include "quota.h"
#include "window.h"

u64 msha_page_sizes(void)
{
	u64 sizes = MSHAREARENA_PAGE_4K | MSHAREARENA_PAGE_2M;

	/*
	 * A demotion may leave 1 GiB and 2 MiB translations of an address in
	 * the TLB at once. CPUs with AMD's erratum 383 cannot handle that.
	 */
	if (boot_cpu_has(X86_FEATURE_GBPAGES) &&
	    !boot_cpu_has_bug(X86_BUG_AMD_TLB_MMATCH))
		sizes |= MSHAREARENA_PAGE_1G;
	return sizes;
}

int msha_region_check_range(const struct msha_region *r, u64 offset, u64 length)
{
	u64 end;

	if (!length || ((offset | length) & (r->page_size - 1)))
		return -EINVAL;
	if (check_add_overflow(offset, length, &end) || end > r->length)
		return -ERANGE;
	return 0;
}

bool msha_region_full(const struct msha_region *r, unsigned int n,
		      unsigned int max, unsigned int own)
{
	if (n < max - own)
		return false;
	return n >= max || (!uid_eq(r->uid, current_fsuid()) &&
			    !ns_capable_noaudit(&init_user_ns,
						CAP_SYS_RESOURCE));
}

void msha_region_describe(struct msha_region *r, struct msharearena_region *out)
{
	struct msha_view *v;

	out->addr = r->base;
	out->length = r->length;
	out->page_size = r->page_size;
	out->exported = READ_ONCE(r->exported);
	out->attached = atomic_read(&r->attached);
	out->demotions = 0;
	out->promotions = 0;
	out->table_bytes = 0;
	msha_for_each_view(v, r) {
		out->demotions += READ_ONCE(v->demotions);
		out->promotions += READ_ONCE(v->promotions);
		out->table_bytes += READ_ONCE(v->table.pages) * PAGE_SIZE;
	}
	out->status = READ_ONCE(r->named) ? 0 : MSHAREARENA_REGION_UNLINKED;
	out->uid = from_kuid_munged(current_user_ns(), r->uid);
	strscpy_pad(out->name, r->name, sizeof(out->name));
}

/* As for chown(2), only CAP_CHOWN allows to give a file to another user. */
static int msha_owner(u32 want_uid, u32 want_gid, kuid_t *uid, kgid_t *gid)
{
	struct user_namespace *ns = current_user_ns();

	*uid = want_uid == (u32)-1 ? current_fsuid() : make_kuid(ns, want_uid);
	*gid = want_gid == (u32)-1 ? current_fsgid() : make_kgid(ns, want_gid);
	if (!uid_valid(*uid) || !gid_valid(*gid))
		return -EINVAL;
	if (!uid_eq(*uid, current_fsuid()) && !capable(CAP_CHOWN))
		return -EPERM;
	if (!in_group_p(*gid) && !capable(CAP_CHOWN))
		return -EPERM;
	return 0;
}

static bool msha_region_is_mine(const struct msha_region *r)
{
	return uid_eq(r->uid, current_fsuid()) || capable(CAP_FOWNER);
}

/* Free a region, also a half-built one, that nobody else can find. */
static void msha_region_free(struct msha_region *r)
{
	struct msha_view *v, *next;

	list_for_each_entry_safe(v, next, &r->views, node)
		msha_view_free(v);
	msha_quota_uncharge(r->quota, MSHA_REGIONS, 1);
	kfree(r);
}

static void msha_region_link_view(struct msha_region *r, struct msha_view *v)
{
	list_add_tail_rcu(&v->node, &r->views);
	r->n_views++;
}

static struct msha_view *msha_region_new_view(struct msha_region *r, kgid_t gid,
					      umode_t mode, bool writable)
{
	struct msha_view *v = msha_view_new(r, writable ? "rw" : "ro", writable,
					    NULL, 0);

	if (IS_ERR(v))
		return NULL;
	v->uid = r->uid;
	v->gid = gid;
	v->mode = mode;
	msha_region_link_view(r, v);
	return v;
}

static struct msha_region *msha_region_alloc(const struct msharearena_create *c)
{
	struct msha_region *r;
	struct msha_view *v;
	kgid_t gid;
	int ret;

	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return ERR_PTR(-ENOMEM);
	kref_init(&r->ref);
	strscpy(r->name, c->name, sizeof(r->name));
	r->length = c->length;
	r->page_size = c->page_size;
	INIT_LIST_HEAD(&r->views);
	INIT_LIST_HEAD(&r->chunks);
	INIT_LIST_HEAD(&r->rings);
	mutex_init(&r->node_lock);
	mutex_init(&r->export_lock);
	spin_lock_init(&r->lock);
	init_waitqueue_head(&r->unlink_wait);
	init_waitqueue_head(&r->ring_wait);
	INIT_DELAYED_WORK(&r->promote, msha_leaf_promote);
	ret = msha_owner(c->uid, c->gid, &r->uid, &gid);
	if (!ret)
		ret = msha_quota_charge(MSHA_REGIONS, 1, &r->quota);
	if (ret) {
		kfree(r);
		return ERR_PTR(ret);
	}
	r->rw = msha_region_new_view(r, gid, c->mode, true);
	r->ro = msha_region_new_view(r, gid, c->mode, false);
	ret = r->rw && r->ro ? msha_window_take(r, c->addr,
						!(c->flags & MSHAREARENA_NO_NODE)) :
			       -ENOMEM;
	if (ret) {
		msha_region_free(r);
		return ERR_PTR(ret);
	}
	msha_for_each_view(v, r)
		v->table.base = r->base;
	return r;
}

/* The nodes that exist can already be opened while the others are made. */
static int msha_region_add_nodes(struct msha_region *r)
{
	struct msha_view *v;
	int ret = 0;

	mutex_lock(&r->node_lock);
	msha_for_each_view(v, r) {
		ret = msha_view_add_node(v);
		if (ret)
			break;
	}
	mutex_unlock(&r->node_lock);
	return ret;
}

struct msha_region *msha_region_create(const struct msharearena_create *c)
{
	struct msha_region *r = msha_region_alloc(c);
	int ret;

	if (IS_ERR(r))
		return r;
	/* The region may outlive its files, so hold the module explicitly. */
	__module_get(THIS_MODULE);
	msha_debugfs_add(r);
	if (c->flags & MSHAREARENA_NO_NODE)
		return r;
	msha_region_get(r);	/* the name's reference */
	ret = msha_region_add_nodes(r);
	if (!ret)
		return r;
	msha_region_remove(r);
	msha_region_put(r);
	return ERR_PTR(ret);
}

int msha_region_remove(struct msha_region *r)
{
	struct msha_view *v;
	bool named;

	mutex_lock(&r->node_lock);
	named = r->named;
	if (named) {
		msha_for_each_view(v, r)
			msha_view_del_node(v);
		/* Last, as a new region of this name uses the same nodes. */
		msha_window_unname(r);
	}
	mutex_unlock(&r->node_lock);
	if (!named)
		return -ENOENT;
	/* Wake up without a key, so that each waiter calls ->poll. */
	wake_up_all(&r->unlink_wait);
	wake_up_all(&r->ring_wait);
	msha_region_put(r);
	return 0;
}

int msha_region_unlink(struct msha_region *r)
{
	return msha_region_is_mine(r) ? msha_region_remove(r) : -EPERM;
}

/*
 * No process is linked, no file is open and there is no name. Lockless walkers
 * (GUP-fast, perf) that began before the last process was unlinked may still
 * read the tables, and msha_view_open() may still read the views. Both are RCU
 * readers, so the region is freed after a grace period. A page that a walker
 * has pinned by then stays allocated because of that pin.
 */
static void msha_region_release(struct kref *ref)
{
	struct msha_region *r = container_of(ref, struct msha_region, ref);
	struct msha_chunk *c, *next;
	bool linked = false;
	struct msha_view *v;

	WARN_ON_ONCE(atomic_read(&r->attached) || !list_empty(&r->rings));
	/* The work cannot be queued again, as nobody has a reference. */
	cancel_delayed_work_sync(&r->promote);
	msha_debugfs_del(r);
	msha_for_each_view(v, r) {
		linked |= v->was_linked;
		msha_table_kill(&v->table);
	}
	synchronize_rcu();
	if (linked)
		msha_table_flush_all_cpus();
	list_for_each_entry_safe(c, next, &r->chunks, node)
		msha_donor_unpin(c);

	msha_window_put(r);
	msha_region_free(r);
	/* The module stays: the caller's file still holds a reference on it. */
	module_put(THIS_MODULE);
}

void msha_region_put(struct msha_region *r)
{
	kref_put(&r->ref, msha_region_release);
}

/*
 * True if no page of the range has memory. The answer stays valid while
 * export_lock is held.
 */
static bool msha_region_is_hole(struct msha_region *r, u64 offset, u64 length)
{
	u64 end = offset + length;
	struct msha_translation tr;

	lockdep_assert_held(&r->export_lock);
	for (; offset < end; offset = round_down(offset, tr.size) + tr.size) {
		if (msha_table_lookup(&r->rw->table, offset, &tr))
			return false;
		cond_resched();
	}
	return true;
}

static int msha_region_prepare(struct msha_region *r, u64 offset, u64 length)
{
	struct msha_view *v;
	int ret;

	msha_for_each_view(v, r) {
		ret = msha_view_prepare(v, offset, length);
		if (ret)
			return ret;
	}
	return 0;
}

/* Make all of the chunk visible in every view. This cannot fail. */
static void msha_region_fill(struct msha_region *r, struct msha_chunk *c)
{
	bool linked = false;
	struct msha_view *v;

	msha_for_each_view(v, r)
		linked |= msha_view_fill(v, c);
	/*
	 * A CPU that accessed the hole may have cached the entry of the dead
	 * table (Intel SDM vol. 3, 4.10.2) and would fault again. Flush all
	 * CPUs, as a CPU that no longer runs an mm may still have translations
	 * cached for its PCID.
	 */
	if (linked)
		msha_table_flush_all_cpus();
	list_add_tail(&c->node, &r->chunks);
	r->n_chunks++;
	WRITE_ONCE(r->exported, r->exported + (u64)c->n * c->page_size);
}

static int msha_region_export_locked(struct msha_region *r,
				     const struct msharearena_export *e)
{
	struct msha_chunk *c;
	int ret;

	if (msha_region_full(r, r->n_chunks, MSHA_MAX_CHUNKS, MSHA_OWN_CHUNKS))
		return -ENOSPC;
	if (!msha_region_is_hole(r, e->offset, e->length))
		return -EEXIST;
	c = msha_donor_pin(e->addr, e->length, r->page_size);
	if (IS_ERR(c))
		return PTR_ERR(c);
	c->offset = e->offset;
	ret = msha_region_prepare(r, e->offset, e->length);
	if (ret)
		msha_donor_unpin(c);	/* it was never visible */
	else
		msha_region_fill(r, c);
	return ret;
}

int msha_region_export(struct msha_region *r,
		       const struct msharearena_export *e)
{
	u64 end;
	int ret;

	ret = msha_region_check_range(r, e->offset, e->length);
	if (ret)
		return ret;
	if (e->addr & (r->page_size - 1))
		return -EINVAL;
	if (check_add_overflow(e->addr, e->length, &end))
		return -EFAULT;
	if (mutex_lock_killable(&r->export_lock))
		return -EINTR;
	ret = msha_region_export_locked(r, e);
	mutex_unlock(&r->export_lock);
	return ret;
}

/* Fill a new view with the chunks that the region already has. */
static int msha_view_catch_up(struct msha_region *r, struct msha_view *v)
{
	struct msha_chunk *c;
	int ret;

	lockdep_assert_held(&r->export_lock);
	list_for_each_entry(c, &r->chunks, node) {
		ret = msha_view_prepare(v, c->offset, (u64)c->n * c->page_size);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		msha_view_fill(v, c);
	}
	return 0;
}

static bool msha_region_has_view(struct msha_region *r, const char *name)
{
	struct msha_view *v;

	msha_for_each_view(v, r)
		if (!strcmp(v->name, name))
			return true;
	return false;
}

static int msha_region_publish_view(struct msha_region *r, struct msha_view *v,
				    bool node)
{
	int ret = 0;

	mutex_lock(&r->node_lock);
	if (node && !r->named)
		ret = -ENOENT;
	else if (msha_region_has_view(r, v->name))
		ret = -EEXIST;
	else if (r->n_views >= MSHA_MAX_VIEWS)
		ret = -ENOSPC;
	else if (node)
		ret = msha_view_add_node(v);
	if (!ret)
		msha_region_link_view(r, v);
	mutex_unlock(&r->node_lock);
	return ret;
}

/*
 * Make the file first, as that can fail and the publication of the view cannot
 * be undone. The file refers to the rw view until the new view is published.
 */
static struct file *msha_region_build_view(struct msha_region *r,
					   struct msha_view *v, bool node)
{
	struct file *file = msha_file_new(r->rw, v->writable);
	int ret;

	lockdep_assert_held(&r->export_lock);
	if (IS_ERR(file))
		return file;
	ret = msha_view_catch_up(r, v);
	if (!ret)
		ret = msha_region_publish_view(r, v, node);
	if (ret) {
		fput(file);
		return ERR_PTR(ret);
	}
	file->private_data = v;
	return file;
}

struct file *msha_region_add_view(struct msha_region *r,
				  const struct msharearena_view *c)
{
	struct file *file = ERR_PTR(-EINTR);
	struct msharearena_range *ranges;
	struct msha_view *v;
	kuid_t uid;
	kgid_t gid;
	int ret;

	if (!msha_region_is_mine(r))
		return ERR_PTR(-EPERM);
	ret = msha_owner(c->uid, c->gid, &uid, &gid);
	if (ret)
		return ERR_PTR(ret);
	ranges = msha_view_copy_ranges(r, c);
	if (IS_ERR(ranges))
		return ERR_CAST(ranges);
	v = msha_view_new(r, c->view, false, ranges, c->n_ranges);
	if (IS_ERR(v))
		return ERR_CAST(v);
	v->uid = uid;
	v->gid = gid;
	v->mode = c->mode;
	v->table.base = r->base;
	if (!mutex_lock_killable(&r->export_lock)) {
		file = msha_region_build_view(r, v,
					      !(c->flags & MSHAREARENA_NO_NODE));
		mutex_unlock(&r->export_lock);
	}
	if (IS_ERR(file))
		msha_view_free(v);
	return file;
}

int msha_region_busy(struct msha_region *r, struct msharearena_busy *b)
{
	int ret = msha_region_check_range(r, b->offset, b->length);
	struct folio *last = NULL;
	struct msha_translation tr;
	bool last_busy = false;
	u64 at, end;

	if (ret)
		return ret;
	if ((b->flags & MSHAREARENA_BUSY_DRAIN) && r->page_size == PAGE_SIZE)
		msha_pin_drain();
	end = b->offset + b->length;
	b->busy = 0;
	b->first_busy = end;
	for (at = b->offset; at < end; at = round_down(at, tr.size) + tr.size) {
		struct page *page;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (!msha_table_lookup(&r->rw->table, at, &tr))
			continue;
		page = pfn_to_page(tr.pfn);
		/* Check a folio of many small pages only once. */
		if (page_folio(page) != last) {
			last = page_folio(page);
			last_busy = msha_pin_busy(page);
		}
		if (last_busy) {
			b->first_busy = min(b->first_busy, at);
			b->busy += tr.size;
		}
	}
	return 0;
}
