// SPDX-License-Identifier: GPL-2.0
#include "region.h"

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "debugfs.h"
#include "donor.h"
#include "leaf.h"
#include "quota.h"
#include "ring.h"
#include "slot.h"
#include "trace.h"

/* Names and device numbers, all under msha_regions_lock. */
static DEFINE_MUTEX(msha_regions_lock);
static LIST_HEAD(msha_regions);
static DEFINE_IDR(msha_minors);
static int msha_next_minor;

u64 msha_page_sizes(void)
{
	u64 sizes = MSHAREARENA_PAGE_4K | MSHAREARENA_PAGE_2M;

	/*
	 * A demotion may leave both sizes in the TLB at once, from which CPUs
	 * with AMD's erratum 383 do not recover.
	 */
	if (boot_cpu_has(X86_FEATURE_GBPAGES) &&
	    !boot_cpu_has_bug(X86_BUG_AMD_TLB_MMATCH))
		sizes |= MSHAREARENA_PAGE_1G;
	return sizes;
}

unsigned long msha_region_table_bytes(struct msha_region *r)
{
	unsigned long pages = 0;
	struct msha_view *v;

	msha_for_each_view(v, r)
		pages += READ_ONCE(v->table.pages);
	return pages * PAGE_SIZE;
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

static struct msha_region *msha_region_find(const char *name)
{
	struct msha_region *r;

	lockdep_assert_held(&msha_regions_lock);
	list_for_each_entry(r, &msha_regions, node)
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}

/* As chown(2): nobody gives away what is his without the capability. */
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

/* Half-built regions too; nobody else knows of it any more, or yet. */
static void msha_region_free(struct msha_region *r)
{
	struct msha_view *v, *next;

	list_for_each_entry_safe(v, next, &r->views, node)
		msha_view_free(v);
	msha_quota_uncharge(r->quota, 1, 0);
	kfree(r);
}

static struct msha_view *
msha_region_new_view(struct msha_region *r, const struct msha_view_spec *s)
{
	struct msha_view *v = msha_view_new(r, s);

	if (!IS_ERR(v)) {
		list_add_tail_rcu(&v->node, &r->views);
		r->n_views++;
	}
	return v;
}

static int msha_region_new_views(struct msha_region *r, kgid_t gid,
				 umode_t mode)
{
	struct msha_view_spec rw = {
		.name = "rw", .uid = r->uid, .gid = gid, .mode = mode,
		.writable = true,
	};
	struct msha_view_spec ro = {
		.name = "ro", .uid = r->uid, .gid = gid, .mode = mode,
	};

	r->rw = msha_region_new_view(r, &rw);
	if (IS_ERR(r->rw))
		return PTR_ERR(r->rw);
	r->ro = msha_region_new_view(r, &ro);
	return PTR_ERR_OR_ZERO(r->ro);
}

static struct msha_region *msha_region_alloc(const struct msharearena_create *c)
{
	struct msha_region *r;
	kgid_t gid;
	int ret;

	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return ERR_PTR(-ENOMEM);
	kref_init(&r->ref);
	strscpy(r->name, c->name, sizeof(r->name));
	r->length = c->length;
	r->page_size = c->page_size;
	INIT_LIST_HEAD(&r->node);
	INIT_LIST_HEAD(&r->views);
	INIT_LIST_HEAD(&r->chunks);
	INIT_LIST_HEAD(&r->rings);
	mutex_init(&r->export_lock);
	spin_lock_init(&r->lock);
	init_waitqueue_head(&r->ring_wait);
	INIT_DELAYED_WORK(&r->promote, msha_leaf_promote);
	ret = msha_owner(c->uid, c->gid, &r->uid, &gid);
	if (ret)
		goto err_free;
	ret = msha_quota_charge(1, 0, &r->quota);
	if (ret)
		goto err_free;
	ret = msha_slot_get(c->addr, &r->base);
	if (ret)
		goto err_quota;
	ret = msha_region_new_views(r, gid, c->mode);
	if (ret)
		goto err_slot;
	return r;

err_slot:
	msha_slot_put(r->base);
err_quota:
	msha_region_free(r);
	return ERR_PTR(ret);
err_free:
	kfree(r);
	return ERR_PTR(ret);
}

static int msha_region_add_node(struct msha_view *v)
{
	int ret;

	lockdep_assert_held(&msha_regions_lock);
	/*
	 * No number twice: whoever owned a node that is gone may still hold
	 * its inode, with permissions of his own making, and would open the
	 * node that has its number now.
	 */
	ret = idr_alloc(&msha_minors, v, msha_next_minor, MSHA_MAX_MINORS,
			GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		return ret;
	v->minor = ret;
	msha_next_minor = ret + 1;
	ret = msha_view_add_node(v);
	if (ret) {
		idr_remove(&msha_minors, v->minor);
		v->minor = -1;
	}
	return ret;
}

static void msha_region_del_nodes(struct msha_region *r)
{
	struct msha_view *v;

	lockdep_assert_held(&msha_regions_lock);
	list_for_each_entry(v, &r->views, node) {
		if (v->minor < 0)
			continue;
		/* First no new open, then no node. */
		idr_remove(&msha_minors, v->minor);
		msha_view_del_node(v);
		v->minor = -1;
	}
}

static int msha_region_add_nodes(struct msha_region *r)
{
	struct msha_view *v;
	int ret;

	list_for_each_entry(v, &r->views, node) {
		ret = msha_region_add_node(v);
		if (ret) {
			msha_region_del_nodes(r);
			return ret;
		}
	}
	return 0;
}

struct msha_region *msha_region_create(const struct msharearena_create *c)
{
	struct msha_region *r;
	int ret;

	mutex_lock(&msha_regions_lock);
	if (msha_region_find(c->name)) {
		r = ERR_PTR(-EEXIST);
		goto out;
	}
	r = msha_region_alloc(c);
	if (IS_ERR(r))
		goto out;
	ret = msha_region_add_nodes(r);
	if (ret) {
		msha_slot_put(r->base);
		msha_region_free(r);
		r = ERR_PTR(ret);
		goto out;
	}
	list_add_tail(&r->node, &msha_regions);
	r->named = true;
	msha_debugfs_add(r);
	/* A region that nobody has open still needs this code. */
	__module_get(THIS_MODULE);
	msha_region_get(r);
	trace_msharearena_create(r);
out:
	mutex_unlock(&msha_regions_lock);
	return r;
}

static void msha_region_remove_locked(struct msha_region *r)
{
	lockdep_assert_held(&msha_regions_lock);
	list_del_init(&r->node);
	r->named = false;
	msha_region_del_nodes(r);
	msha_debugfs_del(r);
	trace_msharearena_unlink(r);
}

void msha_region_remove(struct msha_region *r)
{
	bool named;

	mutex_lock(&msha_regions_lock);
	named = r->named;
	if (named)
		msha_region_remove_locked(r);
	mutex_unlock(&msha_regions_lock);
	if (named)
		msha_region_put(r);
}

int msha_region_unlink(const char *name)
{
	struct msha_region *r;
	int ret = 0;

	mutex_lock(&msha_regions_lock);
	r = msha_region_find(name);
	if (!r)
		ret = -ENOENT;
	else if (!msha_region_is_mine(r))
		ret = -EPERM;
	else
		msha_region_remove_locked(r);
	mutex_unlock(&msha_regions_lock);
	if (!ret)
		msha_region_put(r);
	return ret;
}

/*
 * Nobody is linked, no file is open and there is no name. Who may still look
 * at the memory through our tables: GUP-fast and its like, with interrupts
 * off, from before the last process was unlinked (its own TLB was flushed
 * then). A grace period ends them. What they have pinned by then keeps its
 * folio by itself.
 */
static void msha_region_release(struct kref *ref)
{
	struct msha_region *r = container_of(ref, struct msha_region, ref);
	struct msha_chunk *c, *next;
	struct msha_view *v;

	WARN_ON_ONCE(r->attached || !list_empty(&r->rings));
	/* Without an attachment nothing queues it again. */
	cancel_delayed_work_sync(&r->promote);
	msha_for_each_view(v, r)
		msha_table_kill(&v->table);
	synchronize_rcu();
	msha_table_flush_all_cpus();
	list_for_each_entry_safe(c, next, &r->chunks, node)
		msha_donor_unpin(c);

	msha_slot_put(r->base);
	msha_region_free(r);
	/* The caller's file, or the control device's, still holds the module. */
	module_put(THIS_MODULE);
}

void msha_region_put(struct msha_region *r)
{
	kref_put(&r->ref, msha_region_release);
}

struct msha_view *msha_region_open(unsigned int minor)
{
	struct msha_view *v;

	mutex_lock(&msha_regions_lock);
	v = idr_find(&msha_minors, minor);
	if (v)
		msha_region_get(v->region);
	mutex_unlock(&msha_regions_lock);
	return v ?: ERR_PTR(-ENXIO);
}

/* Under export_lock nothing appears; and nothing ever disappears. */
static bool msha_region_is_hole(struct msha_region *r, u64 offset, u64 length)
{
	u64 end = offset + length;
	struct msha_chunk *c;

	list_for_each_entry(c, &r->chunks, node)
		if (offset < c->offset + (u64)c->n * c->page_size &&
		    c->offset < end)
			return false;
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

/* Nothing fails from here on: all of it appears, in every view. */
static void msha_region_fill(struct msha_region *r, struct msha_chunk *c)
{
	struct msha_view *v;

	msha_for_each_view(v, r)
		msha_view_fill(v, c);
	/*
	 * A CPU that touched the hole may have cached the way to the dead
	 * table (Intel SDM vol. 3, 4.10.2) and would fault once more.
	 */
	msha_table_flush_all_cpus();
	list_add_tail_rcu(&c->node, &r->chunks);
	spin_lock(&r->lock);
	r->exported += (u64)c->n * c->page_size;
	spin_unlock(&r->lock);
}

static int msha_region_export_locked(struct msha_region *r,
				     const struct msharearena_export *e)
{
	struct msha_chunk *c;
	int ret;

	lockdep_assert_held(&r->export_lock);
	if (!msha_region_is_hole(r, e->offset, e->length))
		return -EEXIST;
	c = msha_donor_pin(e->addr, e->length, r->page_size);
	if (IS_ERR(c))
		return PTR_ERR(c);
	c->offset = e->offset;
	ret = msha_region_prepare(r, e->offset, e->length);
	if (ret)
		msha_donor_unpin(c);	/* nobody has seen it */
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
	trace_msharearena_export(r, e->offset, e->length, ret);
	return ret;
}

/* Memory that came before the view did. */
static int msha_view_catch_up(struct msha_region *r, struct msha_view *v)
{
	struct msha_chunk *c;
	int ret;

	lockdep_assert_held(&r->export_lock);
	list_for_each_entry(c, &r->chunks, node) {
		ret = msha_view_prepare(v, c->offset, (u64)c->n * c->page_size);
		if (ret)
			return ret;
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

static int msha_region_publish_view(struct msha_region *r, struct msha_view *v)
{
	int ret = 0;

	mutex_lock(&msha_regions_lock);
	if (!r->named)
		ret = -ENOENT;
	else if (msha_region_has_view(r, v->name))
		ret = -EEXIST;
	else if (r->n_views >= MSHA_MAX_VIEWS)
		ret = -ENOSPC;
	else
		ret = msha_region_add_node(v);
	if (!ret) {
		/* Whoever opens the node waits for the lock. */
		list_add_tail_rcu(&v->node, &r->views);
		r->n_views++;
		trace_msharearena_view(r, v);
	}
	mutex_unlock(&msha_regions_lock);
	return ret;
}

static int msha_region_build_view(struct msha_region *r,
				  const struct msha_view_spec *s)
{
	struct msha_view *v;
	int ret;

	if (mutex_lock_killable(&r->export_lock))
		return -EINTR;
	v = msha_view_new(r, s);
	ret = PTR_ERR_OR_ZERO(v);
	if (ret)
		goto out;
	ret = msha_view_catch_up(r, v);
	if (!ret)
		ret = msha_region_publish_view(r, v);
	if (ret) {
		v->ranges = NULL;	/* they are still the caller's */
		msha_view_free(v);
	}
out:
	mutex_unlock(&r->export_lock);
	return ret;
}

static struct msha_region *msha_region_get_mine(const char *name)
{
	struct msha_region *r;

	mutex_lock(&msha_regions_lock);
	r = msha_region_find(name) ?: ERR_PTR(-ENOENT);
	if (!IS_ERR(r) && !msha_region_is_mine(r))
		r = ERR_PTR(-EPERM);
	if (!IS_ERR(r))
		msha_region_get(r);
	mutex_unlock(&msha_regions_lock);
	return r;
}

int msha_region_add_view(const struct msharearena_view *c)
{
	struct msha_view_spec s = {
		.name = c->view, .mode = c->mode, .n_ranges = c->n_ranges,
	};
	struct msha_region *r;
	int ret;

	ret = msha_owner(c->uid, c->gid, &s.uid, &s.gid);
	if (ret)
		return ret;
	r = msha_region_get_mine(c->name);
	if (IS_ERR(r))
		return PTR_ERR(r);
	s.ranges = msha_view_copy_ranges(r, c);
	ret = PTR_ERR_OR_ZERO(s.ranges);
	if (!ret) {
		ret = msha_region_build_view(r, &s);
		if (ret)
			kvfree(s.ranges);
	}
	msha_region_put(r);
	return ret;
}
