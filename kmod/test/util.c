// SPDX-License-Identifier: GPL-2.0
#include "util.h"

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>

#include "../attach.h"
#include "../compat/compat.h"

static void msha_test_end_region(void *region)
{
	struct msha_region *r = region;

	msha_region_remove(r);
	msha_region_put(r);
}

struct msha_region *msha_test_region(struct kunit *test, const char *name,
				     unsigned long page_size, u64 length)
{
	struct msharearena_create c = {
		.length = length, .page_size = page_size, .mode = 0600,
		.uid = -1, .gid = -1,
	};
	struct msha_region *r;

	strscpy(c.name, name, sizeof(c.name));
	r = msha_region_create(&c);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, r);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   msha_test_end_region, r));
	return r;
}

void msha_test_show(struct kunit *test, struct msha_region *r, u64 offset,
		    unsigned long n)
{
	unsigned long i, frames = r->page_size >> PAGE_SHIFT;
	struct msha_view *v;
	u32 prot;

	mutex_lock(&r->export_lock);
	msha_for_each_view(v, r) {
		KUNIT_EXPECT_EQ(test, 0, msha_view_prepare(v, offset,
							   n * r->page_size));
		for (i = 0; i < n; i++) {
			prot = msha_view_prot(v, offset + i * r->page_size);
			if (prot)
				msha_table_fill(&v->table,
						offset + i * r->page_size,
						pfn_to_page(MSHA_TEST_PFN + i * frames),
						prot & MSHAREARENA_PROT_WRITE);
		}
	}
	r->exported += n * r->page_size;
	mutex_unlock(&r->export_lock);
}

/* Kernels without kunit_vm_mmap() have no way to give a test an mm. */
void msha_test_mm(struct kunit *test)
{
#ifdef MSHA_HAVE_KUNIT_VM_MMAP
	unsigned long addr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE,
					   PROT_READ | PROT_WRITE,
					   MAP_ANONYMOUS | MAP_PRIVATE, 0);

	KUNIT_ASSERT_NE(test, addr, 0ul);
	KUNIT_ASSERT_NOT_NULL(test, current->mm);
#else
	kunit_skip(test, "KUnit of this kernel has no kunit_vm_mmap()");
#endif
}

unsigned long msha_test_donate(struct kunit *test, unsigned long length)
{
	unsigned long addr = vm_mmap(NULL, 0, length, PROT_READ | PROT_WRITE,
				     MAP_ANONYMOUS | MAP_PRIVATE, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));
	return addr;
}

void msha_test_drain(void)
{
	struct folio_batch none;

	folio_batch_init(&none);
	__folio_batch_release(&none);
}

static void msha_test_close(void *file)
{
	/* At once: what the test sees next must not wait for a task's exit. */
	__fput_sync(file);
}

struct file *msha_test_open(struct kunit *test, struct msha_view *v)
{
	char *path = kunit_kmalloc(test, PATH_MAX, GFP_KERNEL);
	struct file *file;

	KUNIT_ASSERT_NOT_NULL(test, path);
	snprintf(path, PATH_MAX, "/dev/mshare/%s/%s", v->region->name, v->name);
	file = filp_open(path, v->writable ? O_RDWR : O_RDONLY, 0);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, file);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, msha_test_close, file));
	return file;
}

struct msha_attachment *msha_test_attach(struct kunit *test,
					 struct msha_view *v)
{
	struct file *file = msha_test_open(test, v);
	struct msha_attachment *a;
	unsigned long addr;

	addr = vm_mmap(file, 0, MSHA_WINDOW_SIZE,
		       PROT_READ | (v->writable ? PROT_WRITE : 0), MAP_SHARED, 0);
	KUNIT_ASSERT_EQ(test, addr, v->region->base);
	mmap_read_lock(current->mm);
	a = msha_attach_find(v->region, current->mm);
	mmap_read_unlock(current->mm);
	KUNIT_ASSERT_NOT_NULL(test, a);
	return a;
}

const struct cred *msha_test_become(struct kunit *test, unsigned int uid)
{
	struct cred *new = prepare_creds();
	const struct cred *old;

	KUNIT_ASSERT_NOT_NULL(test, new);
	new->uid = make_kuid(&init_user_ns, uid);
	new->euid = new->uid;
	new->fsuid = new->uid;
	cap_clear(new->cap_effective);
	old = override_creds(new);
	put_cred(new);
	return old;
}
