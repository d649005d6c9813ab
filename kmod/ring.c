// SPDX-License-Identifier: GPL-2.0
#include "ring.h"

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/magic.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "attach.h"
#include "region.h"
#include "trace.h"

/**
 * struct msha_ring - a published ring
 * @ref: held by region->rings and by a take in progress
 * @node: in region->rings
 * @owner: the attachment it was published through, NULL once the ring is off
 *	the list; under region->lock
 * @claimed: a take is in progress
 * @file: the ring
 * @from: the publisher
 * @to: who may take it, NULL for anybody
 * @tag: the publisher's
 */
struct msha_ring {
	struct kref ref;
	struct list_head node;
	struct msha_attachment *owner;
	bool claimed;
	struct file *file;
	struct pid *from;
	struct pid *to;
	u64 tag;
};

static void msha_ring_release(struct kref *ref)
{
	struct msha_ring *ring = container_of(ref, struct msha_ring, ref);

	if (ring->file)
		fput(ring->file);
	put_pid(ring->from);
	put_pid(ring->to);
	kfree(ring);
}

static void msha_ring_put(struct msha_ring *ring)
{
	kref_put(&ring->ref, msha_ring_release);
}

/* The file operations are not exported; the name cannot be chosen by users. */
static bool msha_is_io_uring(const struct file *file)
{
	const struct dentry *d = file->f_path.dentry;

	return d->d_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       !strcmp(d->d_name.name, "[io_uring]");
}

static struct msha_ring *msha_ring_new(const struct msharearena_publish *p)
{
	struct msha_ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!ring)
		return ERR_PTR(-ENOMEM);
	kref_init(&ring->ref);
	INIT_LIST_HEAD(&ring->node);
	ring->tag = p->tag;
	ring->from = get_pid(task_tgid(current));
	ret = -EBADF;
	ring->file = fget(p->ring_fd);
	if (!ring->file)
		goto err_put;
	ret = -EINVAL;
	if (!msha_is_io_uring(ring->file))
		goto err_put;
	ret = -ESRCH;
	if (p->to) {
		ring->to = find_get_pid(p->to);
		if (!ring->to)
			goto err_put;
	}
	return ring;

err_put:
	msha_ring_put(ring);
	return ERR_PTR(ret);
}

/* Put a ring on the list, through the publisher's attachment. */
static int msha_ring_add(struct msha_region *r, struct msha_ring *ring)
{
	struct msha_attachment *a;
	struct msha_ring *other;

	lockdep_assert_held(&r->lock);
	a = msha_attach_find(r, current->mm);
	if (!a)
		return -ENOTCONN;
	if (a->n_rings >= MSHA_MAX_RINGS)
		return -ENOSPC;
	list_for_each_entry(other, &r->rings, node)
		if (other->owner == a && other->tag == ring->tag)
			return -EEXIST;
	ring->owner = a;
	a->n_rings++;
	list_add_tail(&ring->node, &r->rings);
	return 0;
}

int msha_ring_publish(struct msha_region *r,
		      const struct msharearena_publish *p)
{
	struct msha_ring *ring;
	int ret;

	if (p->to < 0)
		return -EINVAL;
	ring = msha_ring_new(p);
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	spin_lock(&r->lock);
	ret = msha_ring_add(r, ring);
	spin_unlock(&r->lock);
	if (ret)
		msha_ring_put(ring);
	else
		wake_up_all(&r->ring_wait);
	trace_msharearena_publish(r, p->to, p->tag, ret);
	return ret;
}

/* Reserve a ring for the caller. One whose publisher is gone is none. */
static bool msha_ring_claim(struct msha_region *r, u64 tag,
			    const struct pid *from, struct msha_ring **found)
{
	struct msha_ring *ring;

	spin_lock(&r->lock);
	list_for_each_entry(ring, &r->rings, node) {
		if (ring->claimed || ring->tag != tag || !ring->owner->linked)
			continue;
		if (from && ring->from != from)
			continue;
		if (ring->to && ring->to != task_tgid(current))
			continue;
		ring->claimed = true;
		kref_get(&ring->ref);
		*found = ring;
		break;
	}
	spin_unlock(&r->lock);
	return *found;
}

/* Take a ring off the list; the list's reference goes to the caller. */
static void msha_ring_unlist(struct msha_ring *ring)
{
	list_del(&ring->node);
	ring->owner->n_rings--;
	ring->owner = NULL;
}

static int msha_ring_receive(struct msha_region *r, struct msha_ring *ring,
			     __s32 __user *ufd)
{
	int fd = receive_fd(ring->file, ufd, O_CLOEXEC);
	bool listed;

	spin_lock(&r->lock);
	ring->claimed = false;
	/* Without an owner it was dropped meanwhile, reference and all. */
	listed = fd >= 0 && ring->owner;
	if (listed)
		msha_ring_unlist(ring);
	spin_unlock(&r->lock);
	if (listed)
		msha_ring_put(ring);
	if (fd < 0)
		wake_up_all(&r->ring_wait);
	msha_ring_put(ring);
	return fd < 0 ? fd : 0;
}

int msha_ring_take(struct msha_region *r, const struct msharearena_take *t,
		   __s32 __user *ufd)
{
	unsigned long timeout = t->timeout_ms == (u32)-1 ?
		MAX_SCHEDULE_TIMEOUT : msecs_to_jiffies(t->timeout_ms);
	struct msha_ring *ring = NULL;
	struct pid *from = NULL;
	long left;
	int ret;

	if (t->from < 0)
		return -EINVAL;
	if (t->from) {
		from = find_get_pid(t->from);
		if (!from)
			return -ESRCH;
	}
	left = wait_event_interruptible_timeout(r->ring_wait,
						msha_ring_claim(r, t->tag, from,
								&ring),
						timeout);
	put_pid(from);
	/*
	 * Not EINTR: io_uring wakes tasks as by a signal to run its own work,
	 * and then there is no signal that the caller could know of.
	 */
	if (left < 0)
		return left;
	if (!left)
		return t->timeout_ms ? -ETIMEDOUT : -EAGAIN;
	ret = msha_ring_receive(r, ring, ufd);
	trace_msharearena_take(r, t->from, t->tag, ret);
	return ret;
}

void msha_ring_drop(struct msha_region *r, struct msha_attachment *a)
{
	struct msha_ring *ring, *next;
	LIST_HEAD(gone);

	spin_lock(&r->lock);
	list_for_each_entry_safe(ring, next, &r->rings, node) {
		if (ring->owner != a)
			continue;
		msha_ring_unlist(ring);
		list_add(&ring->node, &gone);
	}
	spin_unlock(&r->lock);
	list_for_each_entry_safe(ring, next, &gone, node)
		msha_ring_put(ring);
}
