// SPDX-License-Identifier: GPL-2.0
#include "debugfs.h"

#include <linux/debugfs.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "attach.h"
#include "region.h"

static struct dentry *msha_debugfs_root;

/* The kernel records the mm's owner only with memcg. Without, the pid is 0. */
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

/**
 * struct msha_link - snapshot of an attached process
 * @pid: the process
 * @entry: frame number that its P4D entry holds
 * @table: frame number of the PUD table that it should hold
 */
struct msha_link {
	pid_t pid;
	unsigned long entry;
	unsigned long table;
};

/*
 * Collect the links before they are printed, as printing takes too long under
 * a spinlock. Return their number.
 */
static unsigned int msha_collect_links(struct msha_view *v,
				       struct msha_link *links)
{
	struct msha_attachment *a;
	unsigned int n = 0;

	spin_lock(&v->lock);
	list_for_each_entry(a, &v->linked, node) {
		if (n == MSHA_MAX_ATTACHMENTS)
			break;
		links[n].pid = msha_mm_pid(a->mm);
		links[n].entry = msha_table_linked_pfn(&v->table, a->mm);
		links[n].table = __pa(v->table.pud[a->twin]) >> PAGE_SHIFT;
		n++;
	}
	spin_unlock(&v->lock);
	return n;
}

/*
 * Print a line for each attached process: its pid, the view, the frame number
 * in its P4D entry and the frame number of the view's PUD table. The former is
 * read from the process's own page tables, so equal numbers prove sharing.
 */
static int links_show(struct seq_file *m, void *unused)
{
	struct msha_region *r = m->private;
	struct msha_link *links;
	struct msha_view *v;
	unsigned int i, n;

	links = kvmalloc_array(MSHA_MAX_ATTACHMENTS, sizeof(*links), GFP_KERNEL);
	if (!links)
		return -ENOMEM;
	seq_puts(m, "pid view p4d_entry_pfn pud_table_pfn\n");
	msha_for_each_view(v, r) {
		n = msha_collect_links(v, links);
		for (i = 0; i < n; i++)
			seq_printf(m, "%d %s 0x%lx 0x%lx\n", links[i].pid,
				   v->name, links[i].entry, links[i].table);
	}
	kvfree(links);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(links);

/* Name the mapping of PUD entry @i, which has memory, in a twin. */
static const char *msha_entry_kind(const struct msha_table *t,
				   unsigned int twin, unsigned int i)
{
	if (t->page_size == PAGE_SIZE)
		return "4K";
	if (t->page_size == PMD_SIZE)
		return "2M";
	return msha_table_is_leaf(t, twin, i) ? "1G" : "1G-as-2M";
}

/*
 * Print a line for each view and each GiB that has memory: how the twin maps it
 * that new attachments get, and how the other twin does.
 */
static int tables_show(struct seq_file *m, void *unused)
{
	struct msha_region *r = m->private;
	struct msha_view *v;
	unsigned int i;

	seq_puts(m, "view gib mapped twin\n");
	msha_for_each_view(v, r) {
		const struct msha_table *t = &v->table;
		unsigned int twin = READ_ONCE(t->current_twin);

		for (i = 0; i < PTRS_PER_PUD; i++)
			if (msha_table_has_memory(t, i))
				seq_printf(m, "%s %u %s %s\n", v->name, i,
					   msha_entry_kind(t, twin, i),
					   msha_entry_kind(t, !twin, i));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(tables);

void msha_debugfs_add(struct msha_region *r)
{
	char name[2 * sizeof(r->base) + 1];

	/* Use the address: after an unlink another region can have the name. */
	snprintf(name, sizeof(name), "%lx", r->base);
	r->debugfs = debugfs_create_dir(name, msha_debugfs_root);
	debugfs_create_file("links", 0400, r->debugfs, r, &links_fops);
	debugfs_create_file("tables", 0400, r->debugfs, r, &tables_fops);
}

void msha_debugfs_del(struct msha_region *r)
{
	debugfs_remove(r->debugfs);
}

void msha_debugfs_init(void)
{
	msha_debugfs_root = debugfs_create_dir("msharearena", NULL);
}

void msha_debugfs_exit(void)
{
	debugfs_remove(msha_debugfs_root);
}
