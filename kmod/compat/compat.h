/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels that this module supports, 6.8 and later. The
 * rest of the module has no version checks. Features are detected by their
 * macros where possible.
 */
#ifndef _MSHA_COMPAT_H
#define _MSHA_COMPAT_H

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pgtable.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/version.h>

/* Kbuild checks under which name the kernel has this header. */
#ifdef MSHA_HAVE_FOLIO_BATCH_H
#include <linux/folio_batch.h>
#else
#include <linux/pagevec.h>
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#error "msharearena needs Linux 6.8 or later"
#endif
#if !defined(CONFIG_X86_64)
#error "msharearena needs x86-64: it writes x86-64 page tables"
#endif
#if CONFIG_PGTABLE_LEVELS < 4
#error "msharearena needs page tables of at least four levels"
#endif
#if !defined(CONFIG_TRANSPARENT_HUGEPAGE)
#error "msharearena needs CONFIG_TRANSPARENT_HUGEPAGE: a 1 GiB leaf is a table to a kernel without"
#endif
#if !defined(CONFIG_HUGETLB_PAGE)
#error "msharearena needs CONFIG_HUGETLB_PAGE: its memory comes from the huge page pools"
#endif
#if !defined(CONFIG_MMU_NOTIFIER)
#error "msharearena needs CONFIG_MMU_NOTIFIER (CONFIG_KVM selects it)"
#endif

/* 6.9 renamed CONFIG_PAGE_TABLE_ISOLATION. */
#if defined(CONFIG_MITIGATION_PAGE_TABLE_ISOLATION) || \
	defined(CONFIG_PAGE_TABLE_ISOLATION)
#define MSHA_HAVE_PTI 1
#endif

/**
 * msha_set_p4d() - set_p4d(), also in kernels that do not export what it needs
 * @p: entry, in the page tables of a user process
 * @v: value
 *
 * With CONFIG_PARAVIRT_XXL set_p4d() goes through pv_ops, which is exported.
 * Without it, and with page table isolation, it calls
 * __pti_set_user_pgtbl(), which is not exported. In that case this function
 * does the same as arch/x86/mm/pti.c: it writes the user copy of the PGD, and
 * sets NX in the kernel's copy. With five levels the entry is not in the PGD
 * and has no user copy.
 *
 * Context: the mm's page_table_lock is held.
 */
static inline void msha_set_p4d(p4d_t *p, p4d_t v)
{
#ifdef CONFIG_PARAVIRT_XXL
	set_p4d(p, v);
#else
#ifdef MSHA_HAVE_PTI
	if (!pgtable_l5_enabled() && boot_cpu_has(X86_FEATURE_PTI)) {
		p4dval_t user = _PAGE_USER | _PAGE_PRESENT;

		WRITE_ONCE(kernel_to_user_pgdp((pgd_t *)p)->pgd,
			   native_p4d_val(v));
		if ((native_p4d_val(v) & user) == user)
			v = native_make_p4d(native_p4d_val(v) |
					    (__supported_pte_mask & _PAGE_NX));
	}
#endif
	WRITE_ONCE(*p, v);
#endif
}

/**
 * msha_ptlock_init() - give a PMD table the lock that the core expects
 * @pt: table
 *
 * pmd_lock() takes the lock in the table's own descriptor. If a spinlock does
 * not fit there (lockdep, PREEMPT_RT), the descriptor has a pointer to the
 * lock, which is allocated here as ptlock_alloc() is not exported.
 *
 * Return: 0 or -ENOMEM.
 */
static inline int msha_ptlock_init(struct ptdesc *pt)
{
	pt->pmd_huge_pte = NULL;
#if ALLOC_SPLIT_PTLOCKS
	pt->ptl = kmalloc(sizeof(*pt->ptl), GFP_KERNEL_ACCOUNT);
	if (!pt->ptl)
		return -ENOMEM;
	spin_lock_init(pt->ptl);
#else
	spin_lock_init(&pt->ptl);
#endif
	return 0;
}

/* The page allocator requires that the lock's word is zero again. */
static inline void msha_ptlock_destroy(struct ptdesc *pt)
{
#if ALLOC_SPLIT_PTLOCKS
	kfree(pt->ptl);
#endif
	pt->_pt_pad_2 = 0;
}

/**
 * msha_mmap_write_trylock() - try to get mmap_lock for write without waiting
 *
 * The kernel has no such function for modules. Kbuild checks whether the kernel
 * has mm_lock_seqcount_begin(), as stable kernels got it too, and defines
 * MSHA_HAVE_MM_LOCK_SEQCOUNT. mmap_write_unlock() does the matching end.
 */
static inline bool msha_mmap_write_trylock(struct mm_struct *mm)
{
	if (!down_write_trylock(&mm->mmap_lock))
		return false;
#ifdef MSHA_HAVE_MM_LOCK_SEQCOUNT
	mm_lock_seqcount_begin(mm);
#endif
	return true;
}

/**
 * msha_vma_has_readers() - check whether the VMA's own lock is held for reading
 *
 * vma_start_write() waits for readers, and has no variant that does not wait.
 * If this returns false, no new reader that sleeps gets the lock before the
 * caller unlocks mmap_lock. (Up to 6.14 a page fault may get it, but does not
 * call ->fault under it.)
 *
 * Context: mmap_lock for write.
 */
static inline bool msha_vma_has_readers(struct vm_area_struct *vma)
{
#if !defined(CONFIG_PER_VMA_LOCK)
	return false;
#elif defined(VM_REFCNT_LIMIT) || defined(VMA_LOCK_OFFSET)
	/* Do this like vma_start_write(), but before looking for readers. */
	WRITE_ONCE(vma->vm_lock_seq, vma->vm_mm->mm_lock_seq.sequence);
	smp_mb(); /* pairs with the increment of vm_refcnt by a reader */
	return refcount_read(&vma->vm_refcnt) > 1;
#else
	return rwsem_is_locked(&vma->vm_lock->lock);
#endif
}

/**
 * msha_pidfd_get_pid() - get the pid of a pidfd
 * @fd: descriptor of the calling process
 *
 * The kernel's own function is not exported. A pidfd is a file of pidfs since
 * 6.9, and an anonymous inode before that. Users cannot make other files that
 * look like these.
 *
 * Return: the pid with a reference, or ERR_PTR(-EBADF).
 */
static inline struct pid *msha_pidfd_get_pid(int fd)
{
	struct file *file = fget(fd);
	struct super_block *sb;
	struct pid *pid = NULL;

	if (!file)
		return ERR_PTR(-EBADF);
	sb = file_inode(file)->i_sb;
	if (sb->s_magic == ANON_INODE_FS_MAGIC &&
	    !strcmp(file->f_path.dentry->d_name.name, "[pidfd]"))
		pid = get_pid(file->private_data);
#ifdef PID_FS_MAGIC
	if (sb->s_magic == PID_FS_MAGIC)
		pid = get_pid(file_inode(file)->i_private);
#endif
	fput(file);
	return pid ?: ERR_PTR(-EBADF);
}

/**
 * msha_folio_mapcount() - number of page-table entries that map a folio
 *
 * Each of them holds one reference. Up to 6.9 a large folio does not have the
 * sum for its pages, and the function that computes it is not exported.
 */
static inline long msha_folio_mapcount(struct folio *folio)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	return folio_mapcount(folio);
#else
	long n, i;

	if (!folio_test_large(folio))
		return atomic_read(&folio->_mapcount) + 1;
	n = folio_entire_mapcount(folio);
	if (folio_test_hugetlb(folio))
		return n;
	for (i = 0; i < folio_nr_pages(folio); i++)
		n += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
	return n;
#endif
}

#endif /* _MSHA_COMPAT_H */
