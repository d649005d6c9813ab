// SPDX-License-Identifier: GPL-2.0
#include "debugfs.h"

#include <linux/debugfs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include "attach.h"
#include "region.h"

static struct dentry *msha_debugfs_root;

/* The mm's owner is only kept with memcg; without it the pid is 0. */
static pid_t msha_mm_pid(struct mm_struct *mm)
{
	pid_t pid = 0;
#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner)
		pid = task_tgid_nr(owner);
	rcu_read_unlock();
#endif
	return pid;
}

/*
 * One line an attached process: its pid, the view, the frame number that its
 * P4D entry holds at this moment, and that of the view's PUD table. The first
 * is read from the process's own page tables, so equal numbers prove sharing.
 */
static int links_show(struct seq_file *m, void *unused)
{
	struct msha_region *r = m->private;
	struct msha_attachment *a;
	unsigned int i;

	seq_puts(m, "pid view p4d_entry_pfn pud_table_pfn\n");
	spin_lock(&r->lock);
	for (i = 0; i < MSHA_VIEWS; i++) {
		struct msha_view *v = &r->views[i];

		list_for_each_entry(a, &v->linked, node) {
			seq_printf(m, "%d %s 0x%lx 0x%lx\n", msha_mm_pid(a->mm),
				   v->name,
				   msha_table_linked_pfn(&v->table, a->mm),
				   __pa(v->table.pud) >> PAGE_SHIFT);
		}
	}
	spin_unlock(&r->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(links);

void msha_debugfs_add(struct msha_region *r)
{
	r->debugfs = debugfs_create_dir(r->name, msha_debugfs_root);
	debugfs_create_file("links", 0400, r->debugfs, r, &links_fops);
}

void msha_debugfs_del(struct msha_region *r)
{
	debugfs_remove(r->debugfs);
	r->debugfs = NULL;
}

void msha_debugfs_init(void)
{
	msha_debugfs_root = debugfs_create_dir("msharearena", NULL);
}

void msha_debugfs_exit(void)
{
	debugfs_remove(msha_debugfs_root);
}
