// SPDX-License-Identifier: GPL-2.0
#include "attach.h"

#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/slab.h>

#include "compat/compat.h"
#include "leaf.h"
#include "region.h"
#include "ring.h"
#include "trace.h"

static const struct vm_operations_struct msha_vm_ops;

/* Take an attachment off its view's books; the P4D entry is dealt with. */
static void msha_unlist(struct msha_attachment *a)
{
	lockdep_assert_held(&a->view->region->lock);
	a->linked = false;
	list_del(&a->node);
	a->view->users[a->twin]--;
	a->view->region->attached--;
	trace_msharearena_detach(a->view);
}

/* Leave the process with a decoy in place of the shared table. */
static void msha_detach(struct msha_attachment *a)
{
	struct msha_region *r = a->view->region;

	spin_lock(&r->lock);
	if (a->linked) {
		msha_table_unlink(&a->view->table, a->mm, a->decoy);
		a->decoy = NULL;
		msha_unlist(a);
	}
	spin_unlock(&r->lock);
}

/*
 * The core clears page-table entries of this range. The one case in which it
 * may: split_huge_pud(), which announces exactly the 1 GiB it will split.
 * Anything else means to zap entries that other processes use.
 */
static void msha_clear_range(struct msha_attachment *a,
			     const struct mmu_notifier_range *range)
{
	unsigned long base = a->view->table.base;

	if (WARN_ON_ONCE(!IS_ALIGNED(range->start, PUD_SIZE) ||
			 range->end - range->start != PUD_SIZE ||
			 range->start < base ||
			 range->end > base + MSHA_SLOT_SIZE)) {
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
		/* Of the whole VMA: ->may_split refuses less. */
		msha_detach(a);
		break;
	case MMU_NOTIFY_CLEAR:
		msha_clear_range(a, range);
		break;
	default:
		/*
		 * clear_refs and PAGEMAP_SCAN announce a change of protection
		 * for all that they will look at, and then skip VM_PFNMAP.
		 * Who would not skip it cannot get here: ->mprotect refuses,
		 * and userfaultfd may not register.
		 */
		break;
	}
	return true;
}

static const struct mmu_interval_notifier_ops msha_notifier_ops = {
	.invalidate = msha_invalidate,
};

static void msha_attachment_release(struct kref *ref)
{
	struct msha_attachment *a =
		container_of(ref, struct msha_attachment, ref);
	struct msha_region *r = a->view->region;
	bool was_linked;

	/*
	 * Up to 6.11, mmap() may fail after ->mmap succeeded and close the
	 * mapping before anything was announced. The core then walks the slot
	 * without knowing what kind of VMA it was: it must find nothing.
	 */
	spin_lock(&r->lock);
	was_linked = a->linked;
	if (was_linked) {
		msha_table_clear(&a->view->table, a->mm);
		msha_unlist(a);
	}
	spin_unlock(&r->lock);
	if (was_linked)
		msha_table_flush_all_cpus();

	msha_ring_drop(r, a);
	mmu_interval_notifier_remove(&a->notifier);
	msha_decoy_free(a->decoy);
	kfree(a);
	msha_region_put(r);
}

static void msha_vma_open(struct vm_area_struct *vma)
{
	struct msha_attachment *a = vma->vm_private_data;

	/* Neither fork, nor a split, nor mremap may copy the VMA. */
	WARN_ON_ONCE(1);
	kref_get(&a->ref);
}

static void msha_vma_close(struct vm_area_struct *vma)
{
	struct msha_attachment *a = vma->vm_private_data;

	kref_put(&a->ref, msha_attachment_release);
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
 * A load reached the kernel. Either there is no memory, or there is by now: a
 * CPU may have walked with a cached upper entry from before the growth.
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

static vm_fault_t msha_vma_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	return msha_vma_fault(vmf);
}

/* Second line: the VMA is not writable, so no write fault gets here. */
static vm_fault_t msha_vma_refuse(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

/*
 * ptrace and /proc/PID/mem, for debuggers: the core cannot get the pages of a
 * VM_IO mapping. Their right to override protection ends at the leaves.
 */
static int msha_vma_access(struct vm_area_struct *vma, unsigned long addr,
			   void *buf, int len, int write)
{
	struct msha_attachment *a = vma->vm_private_data;
	struct msha_table *t = &a->view->table;
	struct msha_translation tr;
	int done, n;
	char *at;

	for (done = 0; done < len; done += n) {
		unsigned long in_page = offset_in_page(addr + done);

		if (addr + done >= vma->vm_end ||
		    !msha_table_lookup(t, addr + done - t->base, &tr) ||
		    (write && !tr.writable))
			break;
		n = min_t(int, len - done, PAGE_SIZE - in_page);
		at = page_address(pfn_to_page(tr.pfn)) + in_page;
		if (write)
			memcpy(at, buf + done, n);
		else
			memcpy(buf + done, at, n);
	}
	return done ?: -EFAULT;
}

static const struct vm_operations_struct msha_vm_ops = {
	.open = msha_vma_open,
	.close = msha_vma_close,
	.may_split = msha_vma_may_split,
	.mprotect = msha_vma_mprotect,
	.fault = msha_vma_fault,
	.huge_fault = msha_vma_huge_fault,
	.page_mkwrite = msha_vma_refuse,
	.pfn_mkwrite = msha_vma_refuse,
	.access = msha_vma_access,
};

void msha_attach_move(struct msha_view *v, struct mm_struct *mm)
{
	unsigned int to = v->table.current_twin;
	struct msha_region *r = v->region;
	struct vm_area_struct *vma;
	struct msha_attachment *a;

	if (!msha_mmap_write_trylock(mm))
		return;
	vma = find_vma(mm, r->base);
	if (!vma || vma->vm_start != r->base || vma->vm_ops != &msha_vm_ops)
		goto out;
	a = vma->vm_private_data;
	if (a->view != v)
		goto out;
	vma_start_write(vma);
	spin_lock(&r->lock);
	if (a->linked && a->twin != to) {
		msha_table_move(&v->table, mm, a->twin);
		v->users[a->twin]--;
		v->users[to]++;
		a->twin = to;
	}
	spin_unlock(&r->lock);
out:
	mmap_write_unlock(mm);
}

static int msha_check_vma(const struct msha_view *v,
			  const struct vm_area_struct *vma)
{
	if (vma->vm_start != v->region->base ||
	    vma->vm_end - vma->vm_start != MSHA_SLOT_SIZE || vma->vm_pgoff)
		return -EINVAL;
	/* The core drops VM_SHARED where the file is not open for writing. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	if ((vma->vm_flags & VM_WRITE) && !v->writable)
		return -EACCES;
	return 0;
}

/*
 * Write permission lives in the leaves. Were it in the VMA too, the core would
 * try to repair write faults in the shared table, mprotect could ask for it,
 * and userfaultfd could register the range and write-protect, that is clear,
 * the entries for everybody.
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
	struct msha_region *r = a->view->region;
	int ret;

	spin_lock(&r->lock);
	ret = r->exported ? msha_table_link(&a->view->table, a->mm) : -ENXIO;
	if (!ret) {
		a->linked = true;
		a->twin = a->view->table.current_twin;
		a->view->users[a->twin]++;
		list_add_tail(&a->node, &a->view->linked);
		r->attached++;
		trace_msharearena_attach(a->view);
	}
	spin_unlock(&r->lock);
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
	/* PROT_READ alone must not be writable through writable leaves. */
	if (!(vma->vm_flags & VM_WRITE) && v == r->rw)
		v = r->ro;
	else if (!(vma->vm_flags & VM_WRITE) && v->writable)
		return -EACCES;

	a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		return -ENOMEM;
	kref_init(&a->ref);
	a->view = v;
	a->mm = vma->vm_mm;
	a->decoy = msha_decoy_alloc();
	ret = -ENOMEM;
	if (!a->decoy)
		goto err_free;
	ret = mmu_interval_notifier_insert_locked(&a->notifier, vma->vm_mm,
						  vma->vm_start, MSHA_SLOT_SIZE,
						  &msha_notifier_ops);
	if (ret)
		goto err_free;
	/*
	 * Another notifier of this mm in the middle of an invalidation defers
	 * the insertion. Linked before it is live, the shared table could be
	 * zapped unannounced; so wait, as drivers/xen/gntdev.c does.
	 */
	mmu_interval_read_begin(&a->notifier);
	ret = msha_link(a);
	if (ret)
		goto err_remove;
	msha_region_get(r);
	msha_prepare_vma(vma, a);
	return 0;

err_remove:
	mmu_interval_notifier_remove(&a->notifier);
err_free:
	msha_decoy_free(a->decoy);
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

	if (len != MSHA_SLOT_SIZE || pgoff)
		return -EINVAL;
	if (base + len > TASK_SIZE)
		return -ENOMEM;
	/* Address 0 too: mremap() asks with it. */
	if (flags & MAP_FIXED)
		return addr == base ? base : -EINVAL;
	/* The core would unmap whatever lies at the answer. */
	if (find_vma_intersection(current->mm, base, base + len))
		return -EBUSY;
	return base;
}

struct msha_attachment *msha_attach_find(struct msha_region *r,
					 struct mm_struct *mm)
{
	struct msha_attachment *a;
	struct msha_view *v;

	lockdep_assert_held(&r->lock);
	msha_for_each_view(v, r)
		list_for_each_entry(a, &v->linked, node)
			if (a->mm == mm)
				return a;
	return NULL;
}
