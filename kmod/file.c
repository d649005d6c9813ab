// SPDX-License-Identifier: GPL-2.0
#include "file.h"

#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>

#include "attach.h"
#include "ioctl.h"
#include "region.h"
#include "ring.h"

static int msha_file_open(struct inode *inode, struct file *file)
{
	struct msha_view *v = msha_view_open(iminor(inode));
	int ret = 0;

	if (IS_ERR(v))
		return PTR_ERR(v);
	/*
	 * Somebody may have kept the inode of a removed node and changed its
	 * permissions, and another node may have its number by now. A number is
	 * reused only after the old node has lost its link.
	 */
	if (!inode->i_nlink)
		ret = -ENXIO;
	/* Root may open any node, but cannot write through a read-only view. */
	else if (!v->writable && (file->f_mode & FMODE_WRITE))
		ret = -EACCES;
	if (ret) {
		msha_region_put(v->region);
		return ret;
	}
	file->private_data = v;
	return nonseekable_open(inode, file);
}

static int msha_file_release(struct inode *inode, struct file *file)
{
	struct msha_view *v = file->private_data;

	msha_region_put(v->region);
	return 0;
}

static ssize_t msha_file_read(struct file *file, char __user *buf, size_t len,
			      loff_t *pos)
{
	struct msha_view *v = file->private_data;
	u64 answer[2] = { v->region->base, v->region->length };

	return simple_read_from_buffer(buf, len, pos, answer, sizeof(answer));
}

/*
 * Publishing a ring wakes only waiters that may take rings. Each file waits on
 * one queue only: on 6.8 an io_uring poll of a file with two queues fails with
 * -EINVAL after a spurious wakeup.
 */
static __poll_t msha_file_poll(struct file *file, poll_table *wait)
{
	struct msha_view *v = file->private_data;
	struct msha_region *r = v->region;
	bool takes = msha_file_is_writable(file);
	__poll_t events = 0;

	poll_wait(file, takes ? &r->ring_wait : &r->unlink_wait, wait);
	if (!READ_ONCE(r->named))
		events |= EPOLLPRI;
	if (takes && msha_ring_waits(r))
		events |= EPOLLIN | EPOLLRDNORM;
	return events;
}

static void msha_file_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct msha_view *v = file->private_data;
	struct msha_region *r = v->region;

	seq_printf(m, "mshare_region:\t%s\nmshare_view:\t%s\n", r->name, v->name);
	seq_printf(m, "mshare_addr:\t0x%lx\nmshare_exported:\t%llu\n", r->base,
		   READ_ONCE(r->exported));
	seq_printf(m, "mshare_attached:\t%d\nmshare_unlinked:\t%d\n",
		   atomic_read(&r->attached), !READ_ONCE(r->named));
}

const struct file_operations msha_file_ops = {
	.owner = THIS_MODULE,
	.open = msha_file_open,
	.release = msha_file_release,
	.read = msha_file_read,
	.poll = msha_file_poll,
	.mmap = msha_attach_mmap,
	.get_unmapped_area = msha_attach_get_unmapped_area,
	.unlocked_ioctl = msha_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = msha_file_show_fdinfo,
};

struct file *msha_file_new(struct msha_view *v, bool writable)
{
	struct file *file;

	/* Its own inode has its own mappings, and LSMs see it. */
	file = anon_inode_create_getfile("[mshare]", &msha_file_ops, v,
					 writable ? O_RDWR : O_RDONLY, NULL);
	if (!IS_ERR(file))
		msha_region_get(v->region);
	return file;
}

bool msha_file_is_writable(const struct file *file)
{
	const struct msha_view *v = file->private_data;

	return v->writable && (file->f_mode & FMODE_WRITE);
}
