// SPDX-License-Identifier: GPL-2.0
#include "region.h"

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "debugfs.h"
#include "donor.h"
#include "ring.h"

/* Names, slots and device numbers, all under msha_regions_lock. */
static DEFINE_MUTEX(msha_regions_lock);
static LIST_HEAD(msha_regions);
static DECLARE_BITMAP(msha_slots, MSHA_SLOT_COUNT);
static DEFINE_IDR(msha_minors);

u64 msha_page_sizes(void)
{
	u64 sizes = MSHAREARENA_PAGE_2M;

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
	unsigned int i;

	for (i = 0; i < MSHA_VIEWS; i++)
		pages += READ_ONCE(r->views[i].table.pages);
	return pages * PAGE_SIZE;
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

/* A slot stays taken until the region is freed, not just unlinked. */
static int msha_slot_get(u64 addr, unsigned long *base)
{
	unsigned long slot;

	lockdep_assert_held(&msha_regions_lock);
	if (addr) {
		slot = addr >> P4D_SHIFT;
		if (test_bit(slot, msha_slots))
			return -EBUSY;
	} else {
		slot = find_next_zero_bit(msha_slots, MSHA_SLOT_LAST + 1,
					  MSHA_SLOT_FIRST);
		if (slot > MSHA_SLOT_LAST)
			return -ENOSPC;
	}
	__set_bit(slot, msha_slots);
	*base = slot << P4D_SHIFT;
	return 0;
}

static void msha_slot_put(unsigned long base)
{
	lockdep_assert_held(&msha_regions_lock);
	__clear_bit(base >> P4D_SHIFT, msha_slots);
}

/* Half-built regions too: views that were not initialised have no tables. */
static void msha_region_free(struct msha_region *r)
{
	unsigned int i;

	for (i = 0; i < MSHA_VIEWS; i++)
		if (r->views[i].table.pud)
			msha_view_destroy(&r->views[i]);
	kfree(r);
}

static struct msha_region *msha_region_alloc(const struct msharearena_create *c,
					     unsigned long base)
{
	struct msha_region *r;
	unsigned int i;
	int ret;

	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return ERR_PTR(-ENOMEM);
	kref_init(&r->ref);
	strscpy(r->name, c->name, sizeof(r->name));
	r->base = base;
	r->length = c->length;
	r->page_size = c->page_size;
	r->mode = c->mode;
	INIT_LIST_HEAD(&r->node);
	INIT_LIST_HEAD(&r->chunks);
	INIT_LIST_HEAD(&r->rings);
	mutex_init(&r->export_lock);
	spin_lock_init(&r->lock);
	init_waitqueue_head(&r->ring_wait);
	for (i = 0; i < MSHA_VIEWS; i++) {
		ret = msha_view_init(r, i);
		if (ret) {
			msha_region_free(r);
			return ERR_PTR(ret);
		}
	}
	return r;
}

/* As chown(2): nobody gives away what is his without the capability. */
static int msha_region_set_owner(struct msha_region *r,
				 const struct msharearena_create *c)
{
	struct user_namespace *ns = current_user_ns();

	r->uid = c->uid == (u32)-1 ? current_fsuid() : make_kuid(ns, c->uid);
	r->gid = c->gid == (u32)-1 ? current_fsgid() : make_kgid(ns, c->gid);
	if (!uid_valid(r->uid) || !gid_valid(r->gid))
		return -EINVAL;
	if (!uid_eq(r->uid, current_fsuid()) && !capable(CAP_CHOWN))
		return -EPERM;
	if (!in_group_p(r->gid) && !capable(CAP_CHOWN))
		return -EPERM;
	return 0;
}

static void msha_region_del_nodes(struct msha_region *r)
{
	unsigned int i;

	for (i = 0; i < MSHA_VIEWS; i++) {
		struct msha_view *v = &r->views[i];

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
	unsigned int i;
	int ret;

	for (i = 0; i < MSHA_VIEWS; i++) {
		struct msha_view *v = &r->views[i];

		ret = idr_alloc(&msha_minors, v, 0, MSHA_MAX_MINORS,
				GFP_KERNEL);
		if (ret < 0)
			goto err_del;
		v->minor = ret;
		ret = msha_view_add_node(v);
		if (ret)
			goto err_del;
	}
	return 0;

err_del:
	msha_region_del_nodes(r);
	return ret;
}

int msha_region_create(struct msharearena_create *c)
{
	struct msha_region *r;
	unsigned long base;
	int ret;

	mutex_lock(&msha_regions_lock);
	ret = -EEXIST;
	if (msha_region_find(c->name))
		goto err_unlock;
	ret = msha_slot_get(c->addr, &base);
	if (ret)
		goto err_unlock;
	r = msha_region_alloc(c, base);
	ret = PTR_ERR_OR_ZERO(r);
	if (ret)
		goto err_slot;
	ret = msha_region_set_owner(r, c);
	if (ret)
		goto err_free;
	ret = msha_region_add_nodes(r);
	if (ret)
		goto err_free;
	list_add_tail(&r->node, &msha_regions);
	r->named = true;
	msha_debugfs_add(r);
	/* A region that nobody has open still needs this code. */
	__module_get(THIS_MODULE);
	c->addr = base;
	mutex_unlock(&msha_regions_lock);
	return 0;

err_free:
	msha_region_free(r);
err_slot:
	msha_slot_put(base);
err_unlock:
	mutex_unlock(&msha_regions_lock);
	return ret;
}

int msha_region_unlink(const char *name)
{
	struct msha_region *r;

	mutex_lock(&msha_regions_lock);
	r = msha_region_find(name);
	if (!r || (!uid_eq(r->uid, current_fsuid()) && !capable(CAP_FOWNER))) {
		mutex_unlock(&msha_regions_lock);
		return r ? -EPERM : -ENOENT;
	}
	list_del_init(&r->node);
	r->named = false;
	msha_region_del_nodes(r);
	msha_debugfs_del(r);
	mutex_unlock(&msha_regions_lock);
	msha_region_put(r);
	return 0;
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
	unsigned int i;

	WARN_ON_ONCE(r->attached || !list_empty(&r->rings));
	for (i = 0; i < MSHA_VIEWS; i++)
		msha_table_kill(&r->views[i].table);
	synchronize_rcu();
	msha_table_flush_all_cpus();
	list_for_each_entry_safe(c, next, &r->chunks, node)
		msha_donor_unpin(c);

	mutex_lock(&msha_regions_lock);
	msha_slot_put(r->base);
	mutex_unlock(&msha_regions_lock);
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

	for (; offset < end; offset += r->page_size)
		if (msha_table_has(&r->views[MSHA_VIEW_RW].table, offset))
			return false;
	return true;
}

static void msha_region_fill(struct msha_region *r, u64 offset,
			     struct msha_chunk *c)
{
	unsigned long i, v;

	spin_lock(&r->lock);
	for (i = 0; i < c->n; i++)
		for (v = 0; v < MSHA_VIEWS; v++)
			msha_table_fill(&r->views[v].table,
					offset + i * c->page_size, c->pages[i],
					c->page_size);
	r->exported += c->n * c->page_size;
	spin_unlock(&r->lock);
	list_add_tail(&c->node, &r->chunks);
	/*
	 * A CPU that touched the hole may have cached the way to the dead
	 * table (Intel SDM vol. 3, 4.10.2) and would fault once more.
	 */
	msha_table_flush_all_cpus();
}

static int msha_region_prepare(struct msha_region *r, u64 offset, u64 length)
{
	unsigned int v;
	int ret = 0;

	for (v = 0; v < MSHA_VIEWS && !ret; v++)
		ret = msha_table_prepare(&r->views[v].table, offset, length);
	return ret;
}

int msha_region_export(struct msha_region *r,
		       const struct msharearena_export *e)
{
	u64 mask = r->page_size - 1;
	struct msha_chunk *c;
	u64 end;
	int ret;

	if (!e->length || ((e->addr | e->length | e->offset) & mask))
		return -EINVAL;
	if (check_add_overflow(e->offset, e->length, &end) || end > r->length)
		return -ERANGE;

	if (mutex_lock_killable(&r->export_lock))
		return -EINTR;
	ret = -EEXIST;
	if (!msha_region_is_hole(r, e->offset, e->length))
		goto out;
	ret = msha_region_prepare(r, e->offset, e->length);
	if (ret)
		goto out;
	c = msha_donor_pin(e->addr, e->length, r->page_size);
	ret = PTR_ERR_OR_ZERO(c);
	if (!ret)
		msha_region_fill(r, e->offset, c);
out:
	mutex_unlock(&r->export_lock);
	return ret;
}
