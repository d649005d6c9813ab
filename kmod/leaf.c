// SPDX-License-Identifier: GPL-2.0
#include "leaf.h"

#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "attach.h"
#include "region.h"
#include "trace.h"
#include "window.h"

static struct workqueue_struct *msha_leaf_wq;
static unsigned int msha_promote_delay_ms = 250;

/* Run the promotion of each region once, so that it uses the new delay. */
static int msha_set_promote_delay(const char *value,
				  const struct kernel_param *param)
{
	int ret = param_set_uint(value, param);
	struct msha_region *r;
	unsigned long addr = 0;

	/* The parameter is also set before the module is initialised. */
	while (!ret && msha_leaf_wq && (r = msha_window_next(addr))) {
		addr = r->base;
		mod_delayed_work(msha_leaf_wq, &r->promote, 0);
		msha_region_put(r);
	}
	return ret;
}

static const struct kernel_param_ops msha_promote_delay_ops = {
	.set = msha_set_promote_delay,
	.get = param_get_uint,
};
module_param_cb(promote_delay_ms, &msha_promote_delay_ops,
		&msha_promote_delay_ms, 0644);
__MODULE_PARM_TYPE(promote_delay_ms, "uint");
MODULE_PARM_DESC(promote_delay_ms,
		 "quiet time after which 2 MiB leaves become a 1 GiB leaf again, 0 for never (default 250)");

/*
 * huge_pud_set_accessed() of another process may read the leaf before the store
 * below and write it back, with bits set, after the store. It holds only its
 * own mm's page_table_lock, under which it compares the entry with what it read
 * before. If it compared before our store, then it has written the entry and
 * released the lock once we acquired that lock. If it compares later, it finds
 * no leaf and does not write. So it is enough to pass through all the locks
 * once after the last time that the entry was seen to be a leaf.
 *
 * Only the twin that this process is linked to changes, since the core walks no
 * other twin for this process.
 */
void msha_leaf_demote(struct msha_attachment *a, unsigned int i)
{
	struct msha_view *v = a->view;
	struct msha_table *t = &v->table;
	struct msha_attachment *other;
	unsigned int delay;

	spin_lock(&v->lock);
	if (a->linked && msha_table_is_leaf(t, a->twin, i)) {
		WRITE_ONCE(v->demotions, v->demotions + 1);
		t->demoted[a->twin]++;
		trace_msharearena_demote(v, i);
	}
	while (a->linked && msha_table_is_leaf(t, a->twin, i)) {
		msha_table_use_shadow(t, a->twin, i);
		list_for_each_entry(other, &v->linked, node) {
			spin_lock(&other->mm->page_table_lock);
			spin_unlock(&other->mm->page_table_lock);
		}
	}
	spin_unlock(&v->lock);
	WRITE_ONCE(v->region->demoted_at, jiffies);
	WRITE_ONCE(v->region->retry_ms, MSHA_RETRY_FIRST_MS);
	/*
	 * Read the delay after the demotion: whoever sets a new delay runs the
	 * promotion, which then finds this leaf.
	 */
	delay = READ_ONCE(msha_promote_delay_ms);
	if (delay)
		queue_delayed_work(msha_leaf_wq, &v->region->promote,
				   msecs_to_jiffies(delay));
}

/*
 * Find the next process that has to move to the current twin, and take a
 * reference on its mm_users. Each attachment is tried once in a pass. A process
 * that is exiting is skipped, as its exit unlinks it.
 */
static struct mm_struct *msha_leaf_next(struct msha_view *v, unsigned long pass)
{
	struct mm_struct *mm = NULL;
	struct msha_attachment *a;

	spin_lock(&v->lock);
	while (!mm && v->users[!v->table.current_twin]) {
		a = list_first_entry(&v->linked, struct msha_attachment, node);
		if (a->promote_pass == pass)
			break;
		a->promote_pass = pass;
		list_move_tail(&a->node, &v->linked);
		if (a->twin != v->table.current_twin && mmget_not_zero(a->mm))
			mm = a->mm;
	}
	spin_unlock(&v->lock);
	return mm;
}

/*
 * Begin a round: make the other twin the current one if all its leaves are
 * whole. It has shadows if the last round has not ended, or if a leaf was
 * demoted in it since. Return true if processes have to move.
 */
static bool msha_leaf_begin(struct msha_view *v)
{
	struct msha_table *t = &v->table;
	bool needed;

	spin_lock(&v->lock);
	if (t->demoted[t->current_twin] && !t->demoted[!t->current_twin])
		t->current_twin = !t->current_twin;
	needed = t->demoted[!t->current_twin];
	spin_unlock(&v->lock);
	return needed;
}

/*
 * End a round: restore the leaves of the other twin if nobody is linked to it.
 * Return true if there are demoted leaves left.
 */
static bool msha_leaf_end(struct msha_view *v)
{
	struct msha_table *t = &v->table;
	unsigned int n = 0;
	bool more;

	spin_lock(&v->lock);
	if (!v->users[!t->current_twin])
		n = msha_table_restore(t, !t->current_twin);
	WRITE_ONCE(v->promotions, v->promotions + n);
	more = t->demoted[0] || t->demoted[1];
	if (n)
		trace_msharearena_promote(v, n);
	spin_unlock(&v->lock);
	return more;
}

static bool msha_leaf_promote_view(struct msha_view *v)
{
	struct mm_struct *mm;

	if (!msha_leaf_begin(v))
		return false;
	v->promote_pass++;
	while ((mm = msha_leaf_next(v, v->promote_pass))) {
		msha_attach_move(v, mm);
		/* Dropping the last reference here would detach the view. */
		mmput_async(mm);
		cond_resched();
	}
	return msha_leaf_end(v);
}

void msha_leaf_promote(struct work_struct *work)
{
	struct msha_region *r = container_of(to_delayed_work(work),
					     struct msha_region, promote);
	unsigned int retry_ms = READ_ONCE(r->retry_ms);
	unsigned long delay = msecs_to_jiffies(READ_ONCE(msha_promote_delay_ms));
	unsigned long due = READ_ONCE(r->demoted_at) + delay, now = jiffies;
	struct msha_view *v;
	bool more = false;

	/* Promotion is off. Setting the parameter queues the work again. */
	if (!delay)
		return;
	if (time_before(now, due)) {
		queue_delayed_work(msha_leaf_wq, &r->promote, due - now);
		return;
	}
	msha_for_each_view(v, r)
		more |= msha_leaf_promote_view(v);
	if (!more)
		return;
	/* This does nothing if a demotion has queued the work already. */
	queue_delayed_work(msha_leaf_wq, &r->promote,
			   msecs_to_jiffies(retry_ms));
	WRITE_ONCE(r->retry_ms, min_t(unsigned int, retry_ms * 2,
				      MSHA_RETRY_LAST_MS));
}

int msha_leaf_init(void)
{
	msha_leaf_wq = alloc_workqueue("msharearena", WQ_UNBOUND, 0);
	return msha_leaf_wq ? 0 : -ENOMEM;
}

void msha_leaf_exit(void)
{
	destroy_workqueue(msha_leaf_wq);
}
