/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels this module builds for, 6.8 and later, and
 * nothing else: the rest of the module has no version test. Features are
 * probed by their macros where that is possible.
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

/* struct folio_batch: the header was renamed; the Kbuild file looks for it. */
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
 * msha_set_p4d() - store a P4D entry, also where set_p4d() cannot be linked
 * @p: entry, in the page tables of a user process
 * @v: value
 *
 * With CONFIG_PARAVIRT_XXL set_p4d() goes through pv_ops, which is exported.
 * Without it, and with page table isolation, it calls
 * __pti_set_user_pgtbl(), which is not: there its work is done here, as
 * arch/x86/mm/pti.c does it (user copy of the PGD, and NX in the kernel's).
 * With five levels the entry is not in the PGD and has no user copy.
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
 * pmd_lock() takes the lock in the table's own descriptor. Where a spinlock
 * does not fit there (lockdep, PREEMPT_RT) the descriptor holds a pointer, and
 * ptlock_alloc() is not exported.
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

/* The page allocator wants the word back as it was: zero. */
static inline void msha_ptlock_destroy(struct ptdesc *pt)
{
#if ALLOC_SPLIT_PTLOCKS
	kfree(pt->ptl);
#endif
	pt->_pt_pad_2 = 0;
}

/**
 * msha_mmap_write_trylock() - mmap_write_lock() if nobody has to be waited for
 *
 * There is no such function for modules. MSHA_HAVE_MM_LOCK_SEQCOUNT comes from
 * the Kbuild file, which looks for the function: stable kernels got it too. It
 * opens what mmap_write_unlock() closes.
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
 * msha_vma_has_readers() - does somebody hold the VMA's own lock for reading?
 *
 * vma_start_write() waits for them, and there is nothing that only tries. If
 * the answer is false, there will be no new reader before the caller unlocks
 * mmap_lock, or none that sleeps (up to 6.14 only page faults take the lock
 * alone, and ->fault does not run under it).
 *
 * Context: mmap_lock for write.
 */
static inline bool msha_vma_has_readers(struct vm_area_struct *vma)
{
#if !defined(CONFIG_PER_VMA_LOCK)
	return false;
#elif defined(VM_REFCNT_LIMIT) || defined(VMA_LOCK_OFFSET)
	/* As vma_start_write() does, but before the look. */
	WRITE_ONCE(vma->vm_lock_seq, vma->vm_mm->mm_lock_seq.sequence);
	smp_mb(); /* pairs with the increment of vm_refcnt by a reader */
	return refcount_read(&vma->vm_refcnt) > 1;
#else
	return rwsem_is_locked(&vma->vm_lock->lock);
#endif
}

/**
 * msha_pidfd_get_pid() - the process of a pidfd
 * @fd: descriptor of the caller's
 *
 * The kernel's own function is not exported. Pidfds are files of a file system
 * of their own since 6.9, before that anonymous inodes; neither can be made
 * with a content of the user's choice.
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
 * msha_folio_mapcount() - how many page table entries map a folio or its pages
 *
 * Each of them holds one reference. Up to 6.9 the sum over a folio's pages was
 * kept nowhere, and the function that made it is not exported.
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
