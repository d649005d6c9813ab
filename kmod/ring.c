// SPDX-License-Identifier: GPL-2.0
#include "ring.h"

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/magic.h>
#include <linux/mmap_lock.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "attach.h"
#include "compat/compat.h"
#include "quota.h"
#include "region.h"

/**
 * struct msha_ring - a published ring
 * @ref: held by region->rings and by a take in progress
 * @node: in region->rings
 * @owner: attachment of the publisher, NULL once the ring is off the list;
 *	under region->lock
 * @claimed: a take is in progress
 * @file: the io_uring file
 * @from: process that published the ring
 * @to: process that may take the ring, NULL for any
 * @quota: quota that is charged for the ring, NULL if exempt
 * @tag: number that the publisher gave to the ring
 */
struct msha_ring {
	struct kref ref;
	struct list_head node;
	struct msha_attachment *owner;
	bool claimed;
	struct file *file;
	struct pid *from;
	struct pid *to;
	struct msha_quota *quota;
	u64 tag;
};

static void msha_ring_release(struct kref *ref)
{
	struct msha_ring *ring = container_of(ref, struct msha_ring, ref);

	if (ring->file)
		fput(ring->file);
	msha_quota_uncharge(ring->quota, MSHA_RINGS, 1);
	put_pid(ring->from);
	put_pid(ring->to);
	kfree(ring);
}

static void msha_ring_put(struct msha_ring *ring)
{
	kref_put(&ring->ref, msha_ring_release);
}

/*
 * Recognise an io_uring by its name, which users cannot choose, as its file
 * operations are not exported.
 */
static bool msha_is_io_uring(const struct file *file)
{
	const struct dentry *d = file->f_path.dentry;

	return d->d_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       !strcmp(d->d_name.name, "[io_uring]");
}

/*
 * True if the whole thread group has exited, reaped or not. Also true for a
 * thread that is not the leader of a group.
 */
static bool msha_pid_is_dead(struct pid *pid)
{
	struct task_struct *task;
	bool dead;

	rcu_read_lock();
	task = pid_task(pid, PIDTYPE_TGID);
	dead = !task || (READ_ONCE(task->exit_state) &&
			 thread_group_empty(task));
	rcu_read_unlock();
	return dead;
}

/* Get the pid of a pidfd, or NULL if the pidfd is -1. */
static int msha_peer(int pidfd, struct pid **pid)
{
	*pid = pidfd == -1 ? NULL : msha_pidfd_get_pid(pidfd);
	if (!IS_ERR(*pid))
		return 0;
	*pid = NULL;
	return -EBADF;
}

static int msha_ring_fill(struct msha_ring *ring,
			  const struct msharearena_publish *p)
{
	int ret;

	ring->file = fget(p->ring_fd);
	if (!ring->file)
		return -EBADF;
	if (!msha_is_io_uring(ring->file))
		return -EINVAL;
	ret = msha_peer(p->to_pidfd, &ring->to);
	if (ret)
		return ret;
	if (ring->to && msha_pid_is_dead(ring->to))
		return -ESRCH;
	return msha_quota_charge(MSHA_RINGS, 1, &ring->quota);
}

static struct msha_ring *msha_ring_new(const struct msharearena_publish *p)
{
	struct msha_ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!ring)
		return ERR_PTR(-ENOMEM);
	kref_init(&ring->ref);
	ring->tag = p->tag;
	ring->from = get_pid(task_tgid(current));
	ret = msha_ring_fill(ring, p);
	if (ret) {
		msha_ring_put(ring);
		return ERR_PTR(ret);
	}
	return ring;
}

/* Put a ring on the list and count it for the publisher's attachment. */
static int msha_ring_add(struct msha_region *r, struct msha_attachment *a,
			 struct msha_ring *ring)
{
	struct msha_ring *other;
	unsigned int copies = 0;

	lockdep_assert_held(&r->lock);
	list_for_each_entry(other, &r->rings, node) {
		if (other->owner == a && other->tag == ring->tag)
			return -EEXIST;
		copies += other->file == ring->file;
	}
	if (copies >= MSHA_RING_COPIES || a->n_rings >= MSHA_ATTACHMENT_RINGS ||
	    msha_region_full(r, r->n_rings, MSHA_MAX_RINGS, MSHA_OWN_RINGS))
		return -ENOSPC;
	ring->owner = a;
	a->n_rings++;
	r->n_rings++;
	list_add_tail(&ring->node, &r->rings);
	return 0;
}

/* Take a ring off the list. The caller gets the list's reference. */
static void msha_ring_unlist(struct msha_region *r, struct msha_ring *ring)
{
	lockdep_assert_held(&r->lock);
	list_del(&ring->node);
	ring->owner->n_rings--;
	ring->owner = NULL;
	r->n_rings--;
}

/* Find the caller's attachment and return it with mmap_lock held, or fail. */
static struct msha_attachment *msha_ring_lock_mm(struct msha_region *r)
{
	struct msha_attachment *a;

	if (mmap_read_lock_killable(current->mm))
		return ERR_PTR(-EINTR);
	a = msha_attach_find(r, current->mm);
	if (a)
		return a;
	mmap_read_unlock(current->mm);
	return ERR_PTR(-ENOTCONN);
}

int msha_ring_publish(struct msha_region *r,
		      const struct msharearena_publish *p)
{
	struct msha_ring *ring = msha_ring_new(p);
	struct msha_attachment *a;
	int ret;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	a = msha_ring_lock_mm(r);
	ret = PTR_ERR_OR_ZERO(a);
	if (!ret) {
		spin_lock(&r->lock);
		ret = msha_ring_add(r, a, ring);
		spin_unlock(&r->lock);
		mmap_read_unlock(current->mm);
	}
	if (ret)
		msha_ring_put(ring);
	else	/* without a key each waiter calls ->poll, which checks ->to */
		wake_up_all(&r->ring_wait);
	return ret;
}

int msha_ring_withdraw(struct msha_region *r,
		       const struct msharearena_withdraw *w)
{
	struct msha_attachment *a = msha_ring_lock_mm(r);
	struct msha_ring *ring, *found = NULL;
	int ret = -ENOENT;

	if (IS_ERR(a))
		return PTR_ERR(a);
	spin_lock(&r->lock);
	list_for_each_entry(ring, &r->rings, node) {
		if (ring->owner != a || ring->tag != w->tag)
			continue;
		/* The take in progress may still fail, so the ring may stay. */
		ret = ring->claimed ? -EAGAIN : 0;
		if (!ret) {
			msha_ring_unlist(r, ring);
			found = ring;
		}
		break;
	}
	spin_unlock(&r->lock);
	mmap_read_unlock(current->mm);
	if (found)
		msha_ring_put(found);
	return ret;
}

/*
 * Find the first ring that the caller may take, optionally with a given tag and
 * of a given publisher. Rings of a publisher that has detached are skipped.
 */
static struct msha_ring *msha_ring_find(struct msha_region *r, const u64 *tag,
					const struct pid *from)
{
	struct msha_ring *ring;

	lockdep_assert_held(&r->lock);
	list_for_each_entry(ring, &r->rings, node)
		if (!ring->claimed && READ_ONCE(ring->owner->linked) &&
		    (!ring->to || ring->to == task_tgid(current)) &&
		    (!tag || ring->tag == *tag) && (!from || ring->from == from))
			return ring;
	return NULL;
}

bool msha_ring_waits(struct msha_region *r)
{
	bool waits;

	spin_lock(&r->lock);
	waits = msha_ring_find(r, NULL, NULL);
	spin_unlock(&r->lock);
	return waits;
}

/* Reserve a ring for the caller. */
static struct msha_ring *msha_ring_claim(struct msha_region *r, u64 tag,
					 const struct pid *from)
{
	struct msha_ring *ring;

	spin_lock(&r->lock);
	ring = msha_ring_find(r, &tag, from);
	if (ring) {
		ring->claimed = true;
		kref_get(&ring->ref);
	}
	spin_unlock(&r->lock);
	return ring;
}

static int msha_ring_receive(struct msha_region *r, struct msha_ring *ring)
{
	int fd = receive_fd(ring->file, NULL, O_CLOEXEC);

	spin_lock(&r->lock);
	ring->claimed = false;
	/* If the owner is NULL, msha_ring_drop() has unlisted the ring. */
	if (fd >= 0 && ring->owner) {
		msha_ring_unlist(r, ring);
		msha_ring_put(ring);	/* the list's, not the last reference */
	}
	spin_unlock(&r->lock);
	if (fd < 0)
		wake_up_all(&r->ring_wait);
	msha_ring_put(ring);
	return fd;
}

int msha_ring_take(struct msha_region *r, const struct msharearena_take *t)
{
	struct msha_ring *ring;
	struct pid *from;
	int ret;

	ret = msha_peer(t->from_pidfd, &from);
	if (ret)
		return ret;
	ring = msha_ring_claim(r, t->tag, from);
	if (ring)
		ret = msha_ring_receive(r, ring);
	else
		ret = from && msha_pid_is_dead(from) ? -ESRCH : -EAGAIN;
	put_pid(from);
	return ret;
}

void msha_ring_drop(struct msha_region *r, struct msha_attachment *a)
{
	struct msha_ring *ring, *next;
	LIST_HEAD(gone);

	/* The VMA is not in the tree any more, so no ring can be added. */
	if (!READ_ONCE(a->n_rings))
		return;
	spin_lock(&r->lock);
	list_for_each_entry_safe(ring, next, &r->rings, node) {
		if (ring->owner != a)
			continue;
		msha_ring_unlist(r, ring);
		list_add(&ring->node, &gone);
	}
	spin_unlock(&r->lock);
	list_for_each_entry_safe(ring, next, &gone, node)
		msha_ring_put(ring);
}
