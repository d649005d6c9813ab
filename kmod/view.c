// SPDX-License-Identifier: GPL-2.0
#include "view.h"

#include <linux/bsearch.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/uaccess.h>

#include "donor.h"
#include "quiesce.h"
#include "region.h"

static struct class *msha_class;
static dev_t msha_devt;

struct msha_view *msha_view_new(struct msha_region *r,
				const struct msha_view_spec *s)
{
	struct msha_view *v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
	unsigned int i;
	int ret;

	if (!v)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&v->node);
	INIT_LIST_HEAD(&v->linked);
	v->region = r;
	strscpy(v->name, s->name, sizeof(v->name));
	v->uid = s->uid;
	v->gid = s->gid;
	v->minor = -1;
	v->writable = s->writable;
	for (i = 0; i < s->n_ranges; i++)
		if (s->ranges[i].prot & MSHAREARENA_PROT_WRITE)
			v->writable = true;
	v->mode = v->writable ? s->mode : s->mode & 0444;
	ret = msha_table_init(&v->table, r->base, r->page_size);
	if (ret) {
		kfree(v);
		return ERR_PTR(ret);
	}
	v->ranges = s->ranges;
	v->n_ranges = s->n_ranges;
	return v;
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
	ranges = vmemdup_array_user(u64_to_user_ptr(c->ranges), c->n_ranges,
				    sizeof(*ranges));
	if (IS_ERR(ranges))
		return ranges;
	for (i = 0; i < c->n_ranges; i++) {
		ret = msha_view_check_range(r, &ranges[i], &covered);
		if (ret) {
			kvfree(ranges);
			return ERR_PTR(ret);
		}
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

void msha_view_fill(struct msha_view *v, const struct msha_chunk *c)
{
	u64 offset = c->offset;
	unsigned long i;
	u32 prot;

	for (i = 0; i < c->n; i++, offset += c->page_size) {
		prot = msha_view_prot(v, offset);
		if (prot)
			msha_table_fill(&v->table, offset, c->pages[i],
					prot & MSHAREARENA_PROT_WRITE);
		cond_resched();
	}
}

/* sysfs: device_del() waits for readers, so the region is there. */
#define MSHA_ATTR(_name, _fmt, _expr)					\
static ssize_t _name##_show(struct device *dev,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	struct msha_region *r =						\
		((struct msha_view *)dev_get_drvdata(dev))->region;	\
									\
	return sysfs_emit(buf, _fmt "\n", _expr);			\
}									\
static DEVICE_ATTR_RO(_name)

MSHA_ATTR(start, "0x%lx", r->base);
MSHA_ATTR(size, "%llu", r->length);
MSHA_ATTR(page_size, "%lu", r->page_size);
MSHA_ATTR(exported, "%llu", READ_ONCE(r->exported));
MSHA_ATTR(attached, "%lu", READ_ONCE(r->attached));
MSHA_ATTR(demotions, "%lu", READ_ONCE(r->demotions));
MSHA_ATTR(promotions, "%lu", READ_ONCE(r->promotions));
MSHA_ATTR(table_bytes, "%lu", msha_region_table_bytes(r));

static ssize_t busy_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct msha_region *r =
		((struct msha_view *)dev_get_drvdata(dev))->region;
	u64 first, busy;
	int ret = msha_quiesce_look(r, 0, r->length, &first, &busy);

	return ret ?: sysfs_emit(buf, "%llu\n", busy);
}
static DEVICE_ATTR_RO(busy);

static struct attribute *msha_view_attrs[] = {
	&dev_attr_start.attr,
	&dev_attr_size.attr,
	&dev_attr_page_size.attr,
	&dev_attr_exported.attr,
	&dev_attr_attached.attr,
	&dev_attr_demotions.attr,
	&dev_attr_promotions.attr,
	&dev_attr_table_bytes.attr,
	&dev_attr_busy.attr,
	NULL,
};
ATTRIBUTE_GROUPS(msha_view);

static char *msha_view_devnode(const struct device *dev, umode_t *mode,
			       kuid_t *uid, kgid_t *gid)
{
	struct msha_view *v = dev_get_drvdata(dev);

	/* devtmpfs takes 0 for "none given"; it sets the type itself, too. */
	if (mode)
		*mode = S_IFCHR | v->mode;
	if (uid)
		*uid = v->uid;
	if (gid)
		*gid = v->gid;
	/* device_add() does not say that there was no memory for a node. */
	return kasprintf(GFP_KERNEL | __GFP_NOFAIL, "mshare/%s/%s",
			 v->region->name, v->name);
}

/* Beside DEVNAME, DEVMODE, DEVUID and DEVGID: what udev rules can match. */
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
	.groups = msha_view_groups,
	.devnode = msha_view_devnode,
	.uevent = msha_view_uevent,
	.release = msha_view_dev_release,
};

int msha_view_add_node(struct msha_view *v)
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
	/* Names have no '/' and no '!', so these are unique. */
	ret = dev_set_name(dev, "%s!%s", v->region->name, v->name);
	if (!ret)
		ret = device_add(dev);
	if (ret) {
		put_device(dev);
		return ret;
	}
	v->dev = dev;
	return 0;
}

void msha_view_del_node(struct msha_view *v)
{
	if (!v->dev)
		return;
	device_unregister(v->dev);
	v->dev = NULL;
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
