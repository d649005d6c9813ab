// SPDX-License-Identifier: GPL-2.0
#include "donor.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

/* Charge the user, not the process: the pages outlive it. */
static int msha_donor_charge(struct msha_chunk *c)
{
	unsigned long pages = c->n * (c->page_size >> PAGE_SHIFT);
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = current_user();

	if (capable(CAP_IPC_LOCK))
		return 0;
	if (atomic_long_add_return(pages, &user->locked_vm) > limit) {
		atomic_long_sub(pages, &user->locked_vm);
		return -ENOMEM;
	}
	c->user = get_uid(user);
	return 0;
}

static void msha_donor_uncharge(struct msha_chunk *c)
{
	if (!c->user)
		return;
	atomic_long_sub(c->n * (c->page_size >> PAGE_SHIFT),
			&c->user->locked_vm);
	free_uid(c->user);
}

/*
 * Anonymous hugetlb memory and memfds lie on the kernel's own mount of
 * hugetlbfs, which has no path. A file on a mount of somebody's has an owner
 * and a mode, and is refused.
 */
static int msha_donor_check_vma(struct vm_area_struct *vma,
				unsigned long page_size)
{
	if (!is_vm_hugetlb_page(vma) || vma_kernel_pagesize(vma) != page_size)
		return -EOPNOTSUPP;
	if (!(file_inode(vma->vm_file)->i_sb->s_flags & SB_KERNMOUNT))
		return -EOPNOTSUPP;
	if (!(vma->vm_flags & VM_WRITE))
		return -EACCES;
	return 0;
}

static int msha_donor_pin_page(unsigned long addr, unsigned long page_size,
			       struct page **page)
{
	struct vm_area_struct *vma = find_vma(current->mm, addr);
	long n;
	int ret;

	mmap_assert_locked(current->mm);
	if (!vma || vma->vm_start > addr)
		return -EFAULT;
	ret = msha_donor_check_vma(vma, page_size);
	if (ret)
		return ret;
	n = pin_user_pages(addr, 1, FOLL_WRITE | FOLL_LONGTERM, page);
	if (n != 1)
		return n < 0 ? n : -EFAULT;
	/* The VMA said so, under the lock that is still held. */
	if (WARN_ON_ONCE(folio_size(page_folio(*page)) != page_size ||
			 folio_page(page_folio(*page), 0) != *page)) {
		unpin_user_page(*page);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int msha_donor_pin_pages(struct msha_chunk *c, unsigned long addr)
{
	unsigned long i;
	int ret;

	for (i = 0; i < c->n; i++) {
		/* Clearing 1 GiB takes long; let others have the lock between. */
		if (mmap_read_lock_killable(current->mm))
			return -EINTR;
		ret = msha_donor_pin_page(addr + i * c->page_size, c->page_size,
					  &c->pages[i]);
		mmap_read_unlock(current->mm);
		if (ret)
			return ret;
		/* Only a kill: whoever is interrupted often must get there too. */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

struct msha_chunk *msha_donor_pin(unsigned long addr, u64 length,
				  unsigned long page_size)
{
	unsigned long n = length / page_size;
	struct msha_chunk *c;
	int ret;

	c = kvzalloc(struct_size(c, pages, n), GFP_KERNEL_ACCOUNT);
	if (!c)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&c->node);
	c->n = n;
	c->page_size = page_size;
	ret = msha_donor_charge(c);
	if (!ret)
		ret = msha_donor_pin_pages(c, addr);
	if (ret) {
		msha_donor_unpin(c);
		return ERR_PTR(ret);
	}
	return c;
}

void msha_donor_unpin(struct msha_chunk *c)
{
	unsigned long i;

	/* Also after a failure half way: what was not pinned is NULL. */
	for (i = 0; i < c->n && c->pages[i]; i++)
		unpin_user_page(c->pages[i]);
	msha_donor_uncharge(c);
	kvfree(c);
}
