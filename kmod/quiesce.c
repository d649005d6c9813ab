// SPDX-License-Identifier: GPL-2.0
#include "quiesce.h"

#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>

#include "donor.h"
#include "limits.h"
#include "pin.h"
#include "region.h"
#include "trace.h"

static int msha_quiesce_chunk(const struct msha_chunk *c, u64 start, u64 end,
			      u64 *first, u64 *busy)
{
	struct folio *last = NULL;
	bool last_busy = false;
	u64 at;

	for (at = start; at < end; at += c->page_size) {
		struct page *page = c->pages[(at - c->offset) / c->page_size];

		/* A folio of many small pages is looked at once. */
		if (page_folio(page) != last) {
			last = page_folio(page);
			last_busy = msha_pin_busy(page);
		}
		if (last_busy) {
			*first = min(*first, at);
			*busy += c->page_size;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

int msha_quiesce_look(struct msha_region *r, u64 offset, u64 length,
		      u64 *first, u64 *busy)
{
	u64 end = offset + length;
	struct msha_chunk *c;
	int ret;

	*first = end;
	*busy = 0;
	/* Chunks are added complete and stay as long as the region. */
	list_for_each_entry_rcu(c, &r->chunks, node, true) {
		u64 from = max(offset, c->offset);
		u64 to = min(end, c->offset + (u64)c->n * c->page_size);

		ret = msha_quiesce_chunk(c, from, to, first, busy);
		if (ret)
			return ret;
	}
	return 0;
}

/* Sleep before the next look, longer each time. Return: 0 or -ERESTARTSYS. */
static int msha_quiesce_sleep(unsigned int *ms, long left)
{
	schedule_timeout_interruptible(min_t(long, left, msecs_to_jiffies(*ms)));
	*ms = min_t(unsigned int, *ms * 2, MSHA_POLL_LAST_MS);
	/* As in msha_ring_take(): there need not be a signal behind it. */
	return signal_pending(current) ? -ERESTARTSYS : 0;
}

int msha_quiesce(struct msha_region *r, struct msharearena_quiesce *q)
{
	bool forever = q->timeout_ms == (u32)-1;
	unsigned long deadline = jiffies + msecs_to_jiffies(q->timeout_ms);
	unsigned int ms = MSHA_POLL_FIRST_MS;
	long left;
	int ret;

	ret = msha_region_check_range(r, q->offset, q->length);
	while (!ret) {
		ret = msha_quiesce_look(r, q->offset, q->length, &q->first_busy,
					&q->busy);
		if (!ret && q->busy && r->page_size == PAGE_SIZE) {
			msha_pin_settle();
			ret = msha_quiesce_look(r, q->offset, q->length,
						&q->first_busy, &q->busy);
		}
		if (ret || !q->busy)
			break;
		left = forever ? MAX_SCHEDULE_TIMEOUT :
				 (long)(deadline - jiffies);
		if (left <= 0)
			ret = q->timeout_ms ? -ETIMEDOUT : -EAGAIN;
		else
			ret = msha_quiesce_sleep(&ms, left);
	}
	trace_msharearena_quiesce(r, q->offset, q->length, q->busy, ret);
	return ret;
}
