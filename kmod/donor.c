// SPDX-License-Identifier: GPL-2.0
#include "donor.h"

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/userfaultfd_k.h>

#include "limits.h"
#include "pin.h"
#include "quota.h"

/*
 * Charge the user and not the process, as the pages outlive the process. Like
 * for all memory that the kernel pins for users, each uid has its own limit,
 * including the uids of a user namespace. The quota of bytes in addition counts
 * for the owner of the namespace.
 */
static int msha_charge_locked(struct msha_charge *charge)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long pages = charge->bytes >> PAGE_SHIFT;
	struct user_struct *user = current_user();

	if (capable(CAP_IPC_LOCK))
		return 0;
	if (atomic_long_add_return(pages, &user->locked_vm) > limit) {
		atomic_long_sub(pages, &user->locked_vm);
		return -ENOMEM;
	}
	charge->user = get_uid(user);
	return 0;
}

static void msha_uncharge(struct msha_charge *charge)
{
	msha_quota_uncharge(charge->quota, MSHA_BYTES, charge->bytes);
	if (!charge->user)
		return;
	atomic_long_sub(charge->bytes >> PAGE_SHIFT, &charge->user->locked_vm);
	free_uid(charge->user);
}

static int msha_charge(struct msha_charge *charge)
{
	int ret = msha_charge_locked(charge);

	if (ret)
		return ret;
	ret = msha_quota_charge(MSHA_BYTES, charge->bytes, &charge->quota);
	if (ret)
		msha_uncharge(charge);
	return ret;
}

/*
 * Anonymous hugetlb memory and memfds are on the kernel's internal mount of
 * hugetlbfs, which has no path. Files on any other mount have an owner and a
 * mode and are refused. Secret memory is refused because it is a file mapping.
 */
static int msha_donor_check_vma(struct vm_area_struct *vma,
				unsigned long page_size)
{
	bool ok;

	if (page_size == PAGE_SIZE)
		ok = vma_is_anonymous(vma) && !(vma->vm_flags & VM_SPECIAL);
	else
		ok = is_vm_hugetlb_page(vma) &&
		     vma_kernel_pagesize(vma) == page_size &&
		     (file_inode(vma->vm_file)->i_sb->s_flags & SB_KERNMOUNT);
	if (!ok)
		return -EOPNOTSUPP;
	return vma->vm_flags & VM_WRITE ? 0 : -EACCES;
}

/*
 * Always true, since the VMA was checked under mmap_lock, which is still held.
 */
static bool msha_donor_page_ok(struct page *page, unsigned long page_size)
{
	struct folio *folio = page_folio(page);

	if (page_size == PAGE_SIZE)
		return folio_test_anon(folio) && !folio_test_hugetlb(folio);
	return folio_test_hugetlb(folio) && folio_size(folio) == page_size &&
	       folio_page(folio, 0) == page;
}

/*
 * Add the next @n pinned pages to the chunk. If one of them fails, it and those
 * after it are unpinned.
 */
static int msha_donor_keep(struct msha_chunk *c, long n)
{
	struct page **pages = &c->pages[c->pinned];
	int ret = 0;
	long i;

	for (i = 0; i < n; i++) {
		if (WARN_ON_ONCE(!msha_donor_page_ok(pages[i], c->page_size)))
			ret = -EOPNOTSUPP;
		else
			ret = msha_pin_add(pages[i]);
		if (ret)
			break;
	}
	c->pinned += i;
	unpin_user_pages(&pages[i], n - i);
	return ret;
}

/* Pin the next pages: at most a batch, and all in one VMA. */
static int msha_donor_pin_some(struct msha_chunk *c, unsigned long addr)
{
	struct vm_area_struct *vma = find_vma(current->mm, addr);
	unsigned int flags = FOLL_WRITE | FOLL_LONGTERM;
	unsigned long n = 1;	/* for hugetlb one small page pins the folio */
	long pinned;
	int ret;

	mmap_assert_locked(current->mm);
	if (!vma || vma->vm_start > addr)
		return -EFAULT;
	ret = msha_donor_check_vma(vma, c->page_size);
	if (ret)
		return ret;
	if (c->page_size == PAGE_SIZE) {
		n = min3(c->n - c->pinned, (unsigned long)MSHA_PIN_BATCH,
			 (vma->vm_end - addr) / PAGE_SIZE);
		/*
		 * If one entry maps a transparent huge page, only its first
		 * page is marked as exclusive (PageAnonExclusive()). The core
		 * refuses to pin other pages through a read-only leaf, so
		 * writes to a disk from a read-only view would fail. Splitting
		 * the entry marks each page.
		 */
		flags |= FOLL_SPLIT_PMD;
	}
	/* The handler that provides a missing page may need our mmap_lock. */
	if (userfaultfd_armed(vma))
		flags |= FOLL_NOFAULT;
	pinned = pin_user_pages(addr, n, flags, &c->pages[c->pinned]);
	if (pinned > 0)
		return msha_donor_keep(c, pinned);
	/* The VMA exists and is writable, so the hugetlb pool is empty. */
	if (pinned == -EFAULT && c->page_size != PAGE_SIZE &&
	    !(flags & FOLL_NOFAULT))
		return -ENOMEM;
	return pinned ?: -EFAULT;
}

static int msha_donor_pin_all(struct msha_chunk *c, unsigned long addr)
{
	int ret;

	while (c->pinned < c->n) {
		/* Clearing 1 GiB takes long: release the lock between pages. */
		if (mmap_read_lock_killable(current->mm))
			return -EINTR;
		ret = msha_donor_pin_some(c, addr + c->pinned * c->page_size);
		mmap_read_unlock(current->mm);
		if (ret)
			return ret;
		/* Other signals do not stop it, or it might never finish. */
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

struct msha_chunk *msha_donor_pin(unsigned long addr, u64 length,
				  unsigned long page_size)
{
	struct msha_charge charge = { .bytes = length };
	unsigned long n = length / page_size;
	struct msha_chunk *c;
	int ret;

	/* Charge first, as the size of the array depends on the request. */
	ret = msha_charge(&charge);
	if (ret)
		return ERR_PTR(ret);
	c = kvzalloc(struct_size(c, pages, n), GFP_KERNEL_ACCOUNT);
	if (!c) {
		msha_uncharge(&charge);
		return ERR_PTR(-ENOMEM);
	}
	c->charge = charge;
	c->n = n;
	c->page_size = page_size;
	ret = msha_donor_pin_all(c, addr);
	if (ret) {
		msha_donor_unpin(c);
		return ERR_PTR(ret);
	}
	return c;
}

void msha_donor_unpin(struct msha_chunk *c)
{
	unsigned long i, n;

	/* After a failure only a part of the pages is pinned. */
	for (i = 0; i < c->pinned; i += n) {
		struct page **pages = &c->pages[i];

		for (n = 0; n < MSHA_PIN_BATCH && i + n < c->pinned; n++)
			msha_pin_del(pages[n]);
		/*
		 * Mark the pages dirty: others may have written to them through
		 * the region, which leaves the donor's page-table entry clean,
		 * and reclaim looks only at that one.
		 */
		unpin_user_pages_dirty_lock(pages, n, true);
		cond_resched();
	}
	msha_uncharge(&c->charge);
	kvfree(c);
}
