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

/* Run every region's promotion once, so that it picks up the new delay. */
static int msha_set_promote_delay(const char *value,
				  const struct kernel_param *param)
{
	int ret = param_set_uint(value, param);
	struct msha_region *r;
	unsigned long addr = 0;

	/* Before the module is initialised there is nothing to wake. */
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
 * huge_pud_set_accessed() in another process may have read the leaf before the
 * store below and write it back, changed, after it; it holds only its own mm's
 * page_table_lock, in which it compares the entry with what it read. A handler
 * that compared before our store has stored and left its lock once we have
 * passed through that lock; one that compares later finds no leaf and leaves
 * it alone. So one round after the last time a leaf was seen is enough.
 *
 * Only the twin that this process is linked to changes: the core walks no
 * other one on its behalf.
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
	/* After the demotion: a new delay comes with a look for demoted leaves. */
	delay = READ_ONCE(msha_promote_delay_ms);
	if (delay)
		queue_delayed_work(msha_leaf_wq, &v->region->promote,
				   msecs_to_jiffies(delay));
}

/*
 * The next process to be moved off the other twin, with its mm_users raised;
 * each attachment once in a pass. One that is exiting is unlinked by itself.
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
 * Begin: let the twin with whole leaves be the current one. Not while the other
 * has shadows in it, from a round that has not ended or from a walk since.
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

/* End: mend the twin that nobody is linked to. Return: is there more to do? */
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
		/* The last one would tear the mm down, and us with it. */
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

	/* Promotion is off. Writing the parameter queues the work again. */
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
	/* Does nothing if a demotion has queued it already. */
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
