// SPDX-License-Identifier: GPL-2.0
#include "view.h"

#include <linux/bsearch.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "donor.h"
#include "region.h"

static struct class *msha_class;
static dev_t msha_devt;

/*
 * The view of each device number, or NULL while its node is being made or
 * removed.
 */
static DEFINE_XARRAY_ALLOC(msha_minors);
u32 msha_next_minor;

struct msha_view *msha_view_new(struct msha_region *r, const char *name,
				bool writable, struct msharearena_range *ranges,
				unsigned int n_ranges)
{
	struct msha_view *v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!v) {
		kvfree(ranges);
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&v->linked);
	spin_lock_init(&v->lock);
	v->region = r;
	strscpy(v->name, name, sizeof(v->name));
	v->ranges = ranges;
	v->n_ranges = n_ranges;
	v->writable = writable;
	for (i = 0; i < n_ranges; i++)
		if (ranges[i].prot & MSHAREARENA_PROT_WRITE)
			v->writable = true;
	if (!msha_table_init(&v->table, r->page_size))
		return v;
	msha_view_free(v);
	return ERR_PTR(-ENOMEM);
}

void msha_view_free(struct msha_view *v)
{
	WARN_ON_ONCE(!list_empty(&v->linked));
	msha_table_destroy(&v->table);
	kvfree(v->ranges);
	kfree(v);
}

static int msha_view_check_range(const struct msha_region *r,
				 const struct msharearena_range *range,
				 u64 *covered)
{
	u32 prot = range->prot;
	int ret;

	if (range->reserved || (prot != MSHAREARENA_PROT_READ &&
				prot != (MSHAREARENA_PROT_READ |
					 MSHAREARENA_PROT_WRITE)))
		return -EINVAL;
	ret = msha_region_check_range(r, range->offset, range->length);
	if (ret)
		return ret;
	if (range->offset < *covered)
		return -EINVAL;
	*covered = range->offset + range->length;
	return 0;
}

struct msharearena_range *
msha_view_copy_ranges(const struct msha_region *r,
		      const struct msharearena_view *c)
{
	struct msharearena_range *ranges;
	u64 covered = 0;
	unsigned int i;
	int ret;

	if (!c->n_ranges || c->n_ranges > MSHAREARENA_MAX_RANGES)
		return ERR_PTR(-EINVAL);
	/* Charge the caller's memory cgroup, as views live long. */
	ranges = kvmalloc_array(c->n_ranges, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
	if (!ranges)
		return ERR_PTR(-ENOMEM);
	ret = copy_from_user(ranges, u64_to_user_ptr(c->ranges),
			     c->n_ranges * sizeof(*ranges)) ? -EFAULT : 0;
	for (i = 0; !ret && i < c->n_ranges; i++)
		ret = msha_view_check_range(r, &ranges[i], &covered);
	if (ret) {
		kvfree(ranges);
		return ERR_PTR(ret);
	}
	return ranges;
}

static int msha_view_cmp_range(const void *key, const void *elt)
{
	const struct msharearena_range *range = elt;
	u64 offset = *(const u64 *)key;

	if (offset < range->offset)
		return -1;
	return offset >= range->offset + range->length;
}

u32 msha_view_prot(const struct msha_view *v, u64 offset)
{
	const struct msharearena_range *range;

	if (!v->ranges)
		return MSHAREARENA_PROT_READ |
		       (v->writable ? MSHAREARENA_PROT_WRITE : 0);
	range = bsearch(&offset, v->ranges, v->n_ranges, sizeof(*range),
			msha_view_cmp_range);
	return range ? range->prot : 0;
}

/* No tables for what the view does not show. */
int msha_view_prepare(struct msha_view *v, u64 offset, u64 length)
{
	u64 end = offset + length;
	unsigned int i;
	int ret;

	if (!v->ranges)
		return msha_table_prepare(&v->table, offset, length);
	for (i = 0; i < v->n_ranges; i++) {
		const struct msharearena_range *range = &v->ranges[i];
		u64 from = max(offset, range->offset);
		u64 to = min(end, range->offset + range->length);

		ret = from < to ? msha_table_prepare(&v->table, from, to - from) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

bool msha_view_fill(struct msha_view *v, const struct msha_chunk *c)
{
	u64 offset = c->offset;
	unsigned long i;
	bool linked;
	u32 prot;

	for (i = 0; i < c->n; i++, offset += c->page_size) {
		prot = msha_view_prot(v, offset);
		if (prot)
			msha_table_fill(&v->table, offset, c->pages[i],
					prot & MSHAREARENA_PROT_WRITE);
		cond_resched();
	}
	spin_lock(&v->lock);
	linked = v->was_linked;
	spin_unlock(&v->lock);
	return linked;
}

static char *msha_view_devnode(const struct device *dev, umode_t *mode,
			       kuid_t *uid, kgid_t *gid)
{
	struct msha_view *v = dev_get_drvdata(dev);

	/* devtmpfs would replace a mode of 0, so include the type bits. */
	if (mode)
		*mode = S_IFCHR | (v->mode & (v->writable ? 0666 : 0444));
	if (uid)
		*uid = v->uid;
	if (gid)
		*gid = v->gid;
	/* If this failed, device_add() would succeed without a node. */
	return kasprintf(GFP_KERNEL | __GFP_NOFAIL, "mshare/%s/%s",
			 v->region->name, v->name);
}

/* Variables that udev rules can match, in addition to DEVNAME and the like. */
static int msha_view_uevent(const struct device *dev,
			    struct kobj_uevent_env *env)
{
	struct msha_view *v = dev_get_drvdata(dev);

	return add_uevent_var(env, "MSHARE_REGION=%s", v->region->name) ?:
	       add_uevent_var(env, "MSHARE_VIEW=%s", v->name);
}

static void msha_view_dev_release(struct device *dev)
{
	kfree(dev);
}

static const struct device_type msha_view_type = {
	.name = "mshare_view",
	.devnode = msha_view_devnode,
	.uevent = msha_view_uevent,
	.release = msha_view_dev_release,
};

static int msha_view_add_device(struct msha_view *v)
{
	struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!dev)
		return -ENOMEM;
	device_initialize(dev);
	dev->class = msha_class;
	dev->type = &msha_view_type;
	dev->devt = MKDEV(MAJOR(msha_devt), v->minor);
	dev_set_drvdata(dev, v);
	/* The event is sent later, when the node can be opened. */
	dev_set_uevent_suppress(dev, true);
	/* Device names are unique, as names contain neither '/' nor '!'. */
	ret = dev_set_name(dev, "%s!%s", v->region->name, v->name);
	if (!ret)
		ret = device_add(dev);
	if (ret)
		put_device(dev);
	else
		v->dev = dev;
	return ret;
}

/*
 * Allocate numbers cyclically, so that they are reused late. The previous node
 * of a number has been removed by then, and msha_file_open() refuses its inode.
 */
int msha_view_add_node(struct msha_view *v)
{
	int ret;

	lockdep_assert_held(&v->region->node_lock);
	ret = xa_alloc_cyclic(&msha_minors, &v->minor, NULL,
			      XA_LIMIT(0, MSHA_MAX_MINORS - 1),
			      &msha_next_minor, GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		return ret == -EBUSY ? -ENOSPC : ret;
	ret = msha_view_add_device(v);
	if (ret) {
		xa_erase(&msha_minors, v->minor);
		return ret;
	}
	/* xa_alloc_cyclic() made the entry, so this does not fail. */
	xa_store(&msha_minors, v->minor, v, GFP_KERNEL);
	dev_set_uevent_suppress(v->dev, false);
	kobject_uevent(&v->dev->kobj, KOBJ_ADD);
	return 0;
}

void msha_view_del_node(struct msha_view *v)
{
	lockdep_assert_held(&v->region->node_lock);
	if (!v->dev)
		return;
	/* Prevent opens first, then remove the node, then free its number. */
	xa_store(&msha_minors, v->minor, NULL, GFP_KERNEL);
	device_unregister(v->dev);
	v->dev = NULL;
	xa_erase(&msha_minors, v->minor);
}

struct msha_view *msha_view_open(unsigned int minor)
{
	struct msha_view *v;

	rcu_read_lock();
	v = xa_load(&msha_minors, minor);
	/* A region is freed an RCU grace period after its last reference. */
	if (v && !kref_get_unless_zero(&v->region->ref))
		v = NULL;
	rcu_read_unlock();
	return v ?: ERR_PTR(-ENXIO);
}

dev_t msha_view_devt(void)
{
	return msha_devt;
}

int msha_view_class_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&msha_devt, 0, MSHA_MAX_MINORS, "mshare");
	if (ret)
		return ret;
	msha_class = class_create("mshare");
	if (IS_ERR(msha_class)) {
		unregister_chrdev_region(msha_devt, MSHA_MAX_MINORS);
		return PTR_ERR(msha_class);
	}
	return 0;
}

void msha_view_class_exit(void)
{
	class_destroy(msha_class);
	unregister_chrdev_region(msha_devt, MSHA_MAX_MINORS);
}
