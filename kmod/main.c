// SPDX-License-Identifier: GPL-2.0
/* The devices, and loading and unloading of the module. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include <asm/cpufeature.h>

#include "debugfs.h"
#include "file.h"
#include "ioctl.h"
#include "leaf.h"
#include "limits.h"
#include "pin.h"
#include "view.h"

static const struct file_operations msha_control_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = msha_ioctl,
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
	msha_pin_init();
	ret = msha_leaf_init();
	if (ret)
		return ret;
	ret = msha_view_class_init();
	if (ret)
		goto err_leaf;
	cdev_init(&msha_view_cdev, &msha_file_ops);
	msha_view_cdev.owner = THIS_MODULE;
	ret = cdev_add(&msha_view_cdev, msha_view_devt(), MSHA_MAX_MINORS);
	if (ret)
		goto err_class;
	msha_debugfs_init();
	/* Last, as users can open the device from now on. */
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

/* Each region holds a reference on the module, so all regions are gone. */
static void __exit msha_exit(void)
{
	misc_deregister(&msha_control);
	msha_debugfs_exit();
	cdev_del(&msha_view_cdev);
	msha_view_class_exit();
	msha_leaf_exit();
	msha_pin_exit();
}

module_init(msha_init);
module_exit(msha_exit);

MODULE_AUTHOR("The msharearena authors");
MODULE_DESCRIPTION("Huge-page regions mapped through shared page tables");
MODULE_VERSION(MSHAREARENA_VERSION);
MODULE_LICENSE("GPL");
