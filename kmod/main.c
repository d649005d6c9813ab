// SPDX-License-Identifier: GPL-2.0
/* Devices, files and the module's own life. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include <asm/cpufeature.h>

#include "attach.h"
#include "debugfs.h"
#include "ioctl.h"
#include "leaf.h"
#include "region.h"

static int msha_view_open(struct inode *inode, struct file *file)
{
	struct msha_view *v = msha_region_open(iminor(inode));

	if (IS_ERR(v))
		return PTR_ERR(v);
	/* Root may open any node; the ro view stays read-only for it too. */
	if (!v->writable && (file->f_mode & FMODE_WRITE)) {
		msha_region_put(v->region);
		return -EACCES;
	}
	file->private_data = v;
	return nonseekable_open(inode, file);
}

static int msha_view_release(struct inode *inode, struct file *file)
{
	struct msha_view *v = file->private_data;

	msha_region_put(v->region);
	return 0;
}

static ssize_t msha_view_read(struct file *file, char __user *buf, size_t len,
			      loff_t *pos)
{
	struct msha_view *v = file->private_data;
	unsigned long answer[2] = { v->region->base, v->region->length };

	if (len < sizeof(answer))
		return -EINVAL;
	if (copy_to_user(buf, answer, sizeof(answer)))
		return -EFAULT;
	return sizeof(answer);
}

static const struct file_operations msha_view_fops = {
	.owner = THIS_MODULE,
	.open = msha_view_open,
	.release = msha_view_release,
	.read = msha_view_read,
	.mmap = msha_attach_mmap,
	.get_unmapped_area = msha_attach_get_unmapped_area,
	.unlocked_ioctl = msha_view_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static const struct file_operations msha_control_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = msha_control_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice msha_control = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "msharearena",
	.mode = 0600,
	.fops = &msha_control_fops,
};

static struct cdev msha_view_cdev;

static int __init msha_init(void)
{
	int ret;

	if (boot_cpu_has(X86_FEATURE_XENPV)) {
		pr_err("cannot work in a Xen PV guest: the hypervisor owns its page tables\n");
		return -ENODEV;
	}
	ret = msha_leaf_init();
	if (ret)
		return ret;
	ret = msha_view_class_init();
	if (ret)
		goto err_leaf;
	cdev_init(&msha_view_cdev, &msha_view_fops);
	msha_view_cdev.owner = THIS_MODULE;
	ret = cdev_add(&msha_view_cdev, msha_view_devt(), MSHA_MAX_MINORS);
	if (ret)
		goto err_class;
	msha_debugfs_init();
	/* Last: from here on users come. */
	ret = misc_register(&msha_control);
	if (ret)
		goto err_debugfs;
	return 0;

err_debugfs:
	msha_debugfs_exit();
	cdev_del(&msha_view_cdev);
err_class:
	msha_view_class_exit();
err_leaf:
	msha_leaf_exit();
	return ret;
}

/* Each region holds the module, so there is none any more. */
static void __exit msha_exit(void)
{
	misc_deregister(&msha_control);
	msha_debugfs_exit();
	cdev_del(&msha_view_cdev);
	msha_view_class_exit();
	msha_leaf_exit();
}

module_init(msha_init);
module_exit(msha_exit);

MODULE_AUTHOR("The msharearena authors");
MODULE_DESCRIPTION("Huge-page regions mapped through shared page tables");
MODULE_VERSION(MSHAREARENA_VERSION);
MODULE_LICENSE("GPL");
