// SPDX-License-Identifier: GPL-2.0
#include "window.h"

#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/random.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "limits.h"
#include "region.h"

/* The array is small enough to be searched under a spinlock. */
static struct msha_region *msha_windows[MSHA_WINDOW_COUNT];
static DEFINE_SPINLOCK(msha_windows_lock);	/* the array and ->named */

bool msha_name_ok(const char *name, size_t size)
{
	size_t len = strnlen(name, size);
	size_t i;

	if (!len || len == size || name[0] == '.')
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) &&
					  !strchr("_-.", name[i])))
			return false;
	return !memchr_inv(name + len, 0, size - len);
}

/* The last window is not valid, as TASK_SIZE ends a page before its end. */
bool msha_window_valid(u64 addr)
{
	return !(addr & ~MSHA_WINDOW_MASK) &&
	       addr < (u64)MSHA_WINDOW_SIZE * (MSHA_WINDOW_COUNT - 1);
}

static bool msha_window_has_name(const char *name)
{
	unsigned int i;

	for (i = 0; i < MSHA_WINDOW_COUNT; i++)
		if (msha_windows[i] && msha_windows[i]->named &&
		    !strcmp(msha_windows[i]->name, name))
			return true;
	return false;
}

/* Pick a free window at random; 0, which is never chosen, if there is none. */
static unsigned int msha_window_choose(void)
{
	unsigned int i, chosen = 0, n_free = 0;

	for (i = MSHA_WINDOW_FIRST; i <= MSHA_WINDOW_LAST; i++)
		if (!msha_windows[i] && !get_random_u32_below(++n_free))
			chosen = i;
	return chosen;
}

int msha_window_take(struct msha_region *r, u64 addr, bool named)
{
	unsigned int i = addr >> P4D_SHIFT;
	int ret = 0;

	spin_lock(&msha_windows_lock);
	if (!addr)
		i = msha_window_choose();
	if (named && msha_window_has_name(r->name)) {
		ret = -EEXIST;
	} else if (!i) {
		ret = -ENOSPC;
	} else if (msha_windows[i]) {
		ret = -EBUSY;
	} else {
		r->base = (unsigned long)i << P4D_SHIFT;
		r->named = named;
		msha_windows[i] = r;
	}
	spin_unlock(&msha_windows_lock);
	return ret;
}

void msha_window_unname(struct msha_region *r)
{
	spin_lock(&msha_windows_lock);
	WRITE_ONCE(r->named, false);
	spin_unlock(&msha_windows_lock);
}

void msha_window_put(struct msha_region *r)
{
	spin_lock(&msha_windows_lock);
	msha_windows[r->base >> P4D_SHIFT] = NULL;
	spin_unlock(&msha_windows_lock);
}

struct msha_region *msha_window_next(u64 addr)
{
	struct msha_region *r = NULL;
	u64 i;

	spin_lock(&msha_windows_lock);
	for (i = (addr >> P4D_SHIFT) + 1; !r && i < MSHA_WINDOW_COUNT; i++)
		/* Skip a region that is being freed. */
		if (msha_windows[i] &&
		    kref_get_unless_zero(&msha_windows[i]->ref))
			r = msha_windows[i];
	spin_unlock(&msha_windows_lock);
	return r;
}
