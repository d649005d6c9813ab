// SPDX-License-Identifier: GPL-2.0
#include "attach.h"

#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat/compat.h"
#include "leaf.h"
#include "quota.h"
#include "region.h"
#include "ring.h"
#include "trace.h"

/* Remove @a from its view's list and counters. The caller changes the P4D. */
static void msha_unlist(struct msha_attachment *a)
{
	lockdep_assert_held(&a->view->lock);
	WRITE_ONCE(a->linked, false);
	list_del(&a->node);
	a->view->users[a->twin]--;
	atomic_dec(&a->view->region->attached);
	trace_msharearena_detach(a->view);
}

/* Replace the shared table in the process's P4D entry by the decoy. */
static void msha_detach(struct msha_attachment *a)
{
	struct msha_view *v = a->view;

	spin_lock(&v->lock);
	if (a->linked) {
		msha_table_unlink(&v->table, a->mm, a->decoy);
		a->decoy = NULL;
		msha_unlist(a);
	}
	spin_unlock(&v->lock);
}

/*
 * The core is about to clear page-table entries of this range. It may do so
 * only in split_huge_pud(), which announces exactly the 1 GiB that it splits.
 * Any other range would zap entries that other processes use.
 */
static void msha_clear_range(struct msha_attachment *a,
			     const struct mmu_notifier_range *range)
{
	unsigned long base = a->view->table.base;

	if (WARN_ON_ONCE(!IS_ALIGNED(range->start, PUD_SIZE) ||
			 range->end - range->start != PUD_SIZE ||
			 range->start < base ||
			 range->end > base + MSHA_WINDOW_SIZE)) {
		msha_detach(a);
		return;
	}
	msha_leaf_demote(a, (range->start - base) >> PUD_SHIFT);
}

static bool msha_invalidate(struct mmu_interval_notifier *mni,
			    const struct mmu_notifier_range *range,
			    unsigned long cur_seq)
{
	struct msha_attachment *a =
		container_of(mni, struct msha_attachment, notifier);

	mmu_interval_set_seq(mni, cur_seq);
	switch (range->event) {
	case MMU_NOTIFY_UNMAP:
	case MMU_NOTIFY_RELEASE:
		/* The whole VMA goes away: ->may_split refuses a part. */
		msha_detach(a);
		break;
	case MMU_NOTIFY_CLEAR:
		msha_clear_range(a, range);
		break;
	default:
		/*
		 * clear_refs and PAGEMAP_SCAN announce a change of protection
		 * for every VMA in their range, and then skip VM_PFNMAP VMAs.
		 * mprotect() and userfaultfd would change entries, but cannot
		 * get here: ->mprotect fails, and userfaultfd cannot register
		 * this VMA.
		 */
		break;
	}
	return true;
}

static const struct mmu_interval_notifier_ops msha_notifier_ops = {
	.invalidate = msha_invalidate,
};

/*
 * The VMA is never copied, as fork, split and mremap do not apply to it. So
 * ->close is called once, and the attachment ends here.
 */
static void msha_vma_close(struct vm_area_struct *vma)
{
	struct msha_attachment *a = vma->vm_private_data;
	struct msha_view *v = a->view;
	bool was_linked;

	/*
	 * Up to 6.11, mmap() may fail after ->mmap succeeded. It then calls
	 * ->close without a notification and walks the window as if it were an
	 * ordinary VMA, so the P4D entry must be empty.
	 */
	spin_lock(&v->lock);
	was_linked = a->linked;
	if (was_linked) {
		msha_table_unlink(&v->table, a->mm, NULL);
		msha_unlist(a);
	}
	spin_unlock(&v->lock);
	if (was_linked)
		msha_table_flush_all_cpus();

	msha_ring_drop(v->region, a);
	mmu_interval_notifier_remove(&a->notifier);
	msha_quota_uncharge(a->quota, MSHA_ATTACHMENTS, 1);
	msha_decoy_free(a->decoy);
	kfree(a);
	msha_region_put(v->region);
}

static int msha_vma_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return -EINVAL;
}

static int msha_vma_mprotect(struct vm_area_struct *vma, unsigned long start,
			     unsigned long end, unsigned long newflags)
{
	return -EACCES;
}

/*
 * An access faulted. Either the offset has no memory, or memory was exported
 * in the meantime and the CPU used an upper entry that it had cached before.
 */
static vm_fault_t msha_vma_fault(struct vm_fault *vmf)
{
	struct msha_attachment *a = vmf->vma->vm_private_data;
	struct msha_table *t = &a->view->table;
	struct msha_translation tr;

	if (!(vmf->flags & FAULT_FLAG_WRITE) &&
	    msha_table_lookup(t, vmf->address - t->base, &tr))
		return VM_FAULT_NOPAGE;
	return VM_FAULT_SIGBUS;
}

/*
 * Copy between a page and the kernel's @buf through the direct map. Pages that
 * are known to be poisoned are not accessed. copy_mc_to_kernel() survives a
 * memory error that is first detected by the read.
 */
static bool msha_copy(struct page *page, unsigned long in_page, void *buf,
		      int n, int write)
{
	void *at = page_address(page) + in_page;

	if (PageHWPoison(page) || folio_test_hwpoison(page_folio(page)))
		return false;
	if (write)
		memcpy(at, buf, n);
	else if (copy_mc_to_kernel(buf, at, n))
		return false;
	return true;
}

/*
 * Called for ptrace and /proc/PID/mem, since the core cannot get the pages of a
 * VM_IO mapping. Debuggers may override the protection of the VMA, but not that
 * of the leaves.
 */
static int msha_vma_access(struct vm_area_struct *vma, unsigned long addr,
			   void *buf, int len, int write)
{
	struct msha_attachment *a = vma->vm_private_data;
	struct msha_table *t = &a->view->table;
	struct msha_translation tr;
	int done, n;

	for (done = 0; done < len; done += n) {
		unsigned long in_page = offset_in_page(addr + done);

		n = min_t(int, len - done, PAGE_SIZE - in_page);
		if (addr + done >= vma->vm_end ||
		    !msha_table_lookup(t, addr + done - t->base, &tr) ||
		    (write && !tr.writable) ||
		    !msha_copy(pfn_to_page(tr.pfn), in_page, buf + done, n,
			       write))
			break;
	}
	return done ?: -EFAULT;
}

static const struct vm_operations_struct msha_vm_ops = {
	.close = msha_vma_close,
	.may_split = msha_vma_may_split,
	.mprotect = msha_vma_mprotect,
	.fault = msha_vma_fault,
	.access = msha_vma_access,
};

static bool msha_is_ours(const struct vm_area_struct *vma,
			 const struct msha_region *r)
{
	return vma && vma->vm_start == r->base && vma->vm_ops == &msha_vm_ops;
}

struct msha_attachment *msha_attach_find(struct msha_region *r,
					 struct mm_struct *mm)
{
	struct vm_area_struct *vma = find_vma(mm, r->base);

	return msha_is_ours(vma, r) ? vma->vm_private_data : NULL;
}

void msha_attach_move(struct msha_view *v, struct mm_struct *mm)
{
	unsigned int to = v->table.current_twin;
	struct vm_area_struct *vma;
	struct msha_attachment *a;

	if (!msha_mmap_write_trylock(mm))
		return;
	vma = find_vma(mm, v->region->base);
	if (!msha_is_ours(vma, v->region) || msha_vma_has_readers(vma))
		goto out;
	a = vma->vm_private_data;
	if (a->view != v)
		goto out;
	vma_start_write(vma);
	spin_lock(&v->lock);
	if (a->linked && a->twin != to) {
		msha_table_move(&v->table, mm, a->twin);
		v->users[a->twin]--;
		v->users[to]++;
		a->twin = to;
	}
	spin_unlock(&v->lock);
out:
	mmap_write_unlock(mm);
}

static int msha_check_vma(const struct msha_view *v,
			  const struct vm_area_struct *vma)
{
	if (vma->vm_start != v->region->base ||
	    vma->vm_end - vma->vm_start != MSHA_WINDOW_SIZE || vma->vm_pgoff)
		return -EINVAL;
	/* The core clears VM_SHARED if the file is not open for writing. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	/* x86 leaves are always readable, so PROT_READ is required. */
	if (!(vma->vm_flags & VM_READ) || (vma->vm_flags & VM_EXEC))
		return -EACCES;
	if ((vma->vm_flags & VM_WRITE) && !v->writable)
		return -EACCES;
	return 0;
}

/*
 * Only the leaves grant write permission. If the VMA had it too, the core would
 * try to repair write faults in the shared table, and userfaultfd could
 * register the range and write-protect it, which clears the entries for all
 * processes.
 */
static void msha_prepare_vma(struct vm_area_struct *vma,
			     struct msha_attachment *a)
{
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP |
			  VM_DONTCOPY);
	vm_flags_clear(vma, VM_WRITE | VM_MAYWRITE | VM_MAYEXEC);
	vma->vm_private_data = a;
	vma->vm_ops = &msha_vm_ops;
}

static int msha_link(struct msha_attachment *a)
{
	struct msha_view *v = a->view;
	int ret;

	spin_lock(&v->lock);
	ret = msha_table_link(&v->table, a->mm);
	if (!ret) {
		WRITE_ONCE(a->linked, true);
		v->was_linked = true;
		a->twin = v->table.current_twin;
		v->users[a->twin]++;
		list_add_tail(&a->node, &v->linked);
		trace_msharearena_attach(v);
	}
	spin_unlock(&v->lock);
	return ret;
}

/* Count the attachment in the region and charge it to the caller's quota. */
static int msha_charge_attachment(struct msha_attachment *a)
{
	struct msha_region *r = a->view->region;
	int ret, n = atomic_inc_return(&r->attached) - 1;

	ret = msha_region_full(r, n, MSHA_MAX_ATTACHMENTS,
			       MSHA_OWN_ATTACHMENTS) ? -ENOSPC :
		msha_quota_charge(MSHA_ATTACHMENTS, 1, &a->quota);
	if (ret)
		atomic_dec(&r->attached);
	return ret;
}

static int msha_attach(struct msha_attachment *a, struct vm_area_struct *vma)
{
	int ret;

	a->decoy = msha_decoy_alloc();
	if (!a->decoy)
		return -ENOMEM;
	ret = mmu_interval_notifier_insert_locked(&a->notifier, a->mm,
						  vma->vm_start,
						  MSHA_WINDOW_SIZE,
						  &msha_notifier_ops);
	if (ret)
		goto err_decoy;
	/*
	 * If another notifier of this mm is in the middle of an invalidation,
	 * the insertion is deferred until that ends. A table that is linked
	 * before could be zapped without a notification. So wait, as
	 * drivers/xen/gntdev.c does.
	 */
	mmu_interval_read_begin(&a->notifier);
	ret = msha_link(a);
	if (!ret)
		return 0;
	mmu_interval_notifier_remove(&a->notifier);
err_decoy:
	msha_decoy_free(a->decoy);
	return ret;
}

int msha_attach_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct msha_view *v = file->private_data;
	struct msha_region *r = v->region;
	struct msha_attachment *a;
	int ret;

	ret = msha_check_vma(v, vma);
	if (ret)
		return ret;
	/* A mapping with PROT_READ only must not get writable leaves. */
	if (!(vma->vm_flags & VM_WRITE) && v == r->rw)
		v = r->ro;
	else if (!(vma->vm_flags & VM_WRITE) && v->writable)
		return -EACCES;
	if (!READ_ONCE(r->exported))
		return -ENXIO;

	a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		return -ENOMEM;
	a->view = v;
	a->mm = vma->vm_mm;
	ret = msha_charge_attachment(a);
	if (ret)
		goto err_free;
	ret = msha_attach(a, vma);
	if (ret)
		goto err_charge;
	msha_region_get(r);
	msha_prepare_vma(vma, a);
	return 0;

err_charge:
	msha_quota_uncharge(a->quota, MSHA_ATTACHMENTS, 1);
	atomic_dec(&r->attached);
err_free:
	kfree(a);
	return ret;
}

unsigned long msha_attach_get_unmapped_area(struct file *file,
					    unsigned long addr,
					    unsigned long len,
					    unsigned long pgoff,
					    unsigned long flags)
{
	struct msha_view *v = file->private_data;
	unsigned long base = v->region->base;

	if (len != MSHA_WINDOW_SIZE || pgoff)
		return -EINVAL;
	if (base + len > TASK_SIZE)
		return -ENOMEM;
	/* Refuse address 0 as well: mremap() passes it. */
	if (flags & MAP_FIXED)
		return addr == base ? base : -EINVAL;
	/* The core would unmap whatever is mapped at the returned address. */
	if (find_vma_intersection(current->mm, base, base + len))
		return -EBUSY;
	return base;
}
