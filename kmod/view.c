// SPDX-License-Identifier: GPL-2.0
#include "view.h"

#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "region.h"

static struct class *msha_class;
static dev_t msha_devt;

static const char * const msha_view_names[MSHA_VIEWS] = {
	[MSHA_VIEW_RW] = "rw",
	[MSHA_VIEW_RO] = "ro",
};

int msha_view_init(struct msha_region *r, enum msha_view_id id)
{
	struct msha_view *v = &r->views[id];

	v->region = r;
	v->name = msha_view_names[id];
	v->writable = id == MSHA_VIEW_RW;
	v->minor = -1;
	INIT_LIST_HEAD(&v->linked);
	return msha_table_init(&v->table, r->base, v->writable);
}

void msha_view_destroy(struct msha_view *v)
{
	WARN_ON_ONCE(!list_empty(&v->linked));
	msha_table_destroy(&v->table);
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
MSHA_ATTR(table_bytes, "%lu", msha_region_table_bytes(r));

static struct attribute *msha_view_attrs[] = {
	&dev_attr_start.attr,
	&dev_attr_size.attr,
	&dev_attr_page_size.attr,
	&dev_attr_exported.attr,
	&dev_attr_attached.attr,
	&dev_attr_demotions.attr,
	&dev_attr_table_bytes.attr,
	NULL,
};
ATTRIBUTE_GROUPS(msha_view);

static char *msha_view_devnode(const struct device *dev, umode_t *mode,
			       kuid_t *uid, kgid_t *gid)
{
	struct msha_view *v = dev_get_drvdata(dev);
	struct msha_region *r = v->region;

	if (mode)
		*mode = v->writable ? r->mode : r->mode & 0444;
	if (uid)
		*uid = r->uid;
	if (gid)
		*gid = r->gid;
	return kasprintf(GFP_KERNEL, "mshare/%s/%s", r->name, v->name);
}

static void msha_view_dev_release(struct device *dev)
{
	kfree(dev);
}

static const struct device_type msha_view_type = {
	.name = "mshare_view",
	.groups = msha_view_groups,
	.devnode = msha_view_devnode,
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
