// SPDX-License-Identifier: MIT
/* munmap(2), mmap(2), mremap(2) and mprotect(2) of parts of an attachment. */
#include "range.h"

#include <linux/mman.h>

void op_unmap_part(void)
{
	uint64_t start, length;
	struct want x = { 0 };
	struct effect e;
	unsigned int w, i;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	range_draw(&model.region[i], &start, &length);
	if (one_in(10))
		start++;
	if (one_in(20))
		length = one_in(2) ? 0 : -SZ_4K;
	e = range_effect(w, start, length);
	want(&x, EINVAL, e.part || start & 4095 || !length || length > 1ULL << 47);
	want(&x, EPERM, e.sealed);
	note("w%u munmap 0x%llx+0x%llx (r%u)", w, (long long)start, (long long)length, i);
	if (check_result(&x, SYS(w, SYS_munmap, start, length)))
		range_detach(w, start, length);
}

/* Mapping something else over an attachment first unmaps it. */
void op_map_over(void)
{
	uint64_t start, length;
	struct want x = { 0 };
	struct effect e;
	unsigned int w, i;

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	range_draw(&model.region[i], &start, &length);
	e = range_effect(w, start, length);
	want(&x, EINVAL, e.part);
	want(&x, ENOMEM, e.part);
	want(&x, EPERM, e.sealed);
	note("w%u maps over 0x%llx+0x%llx (r%u)", w, (long long)start, (long long)length, i);
	if (!check_result(&x, SYS(w, SYS_mmap, start, length, one_in(2) ? PROT_NONE : PROT_READ,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)))
		return;
	range_detach(w, start, length);
	check_result(&(struct want){ 0 }, SYS(w, SYS_munmap, start, length));
}

/* True for calls that leave the attachment as it is or cut off memory beyond its window. */
static bool may_remap(unsigned int w, uint64_t start, uint64_t length, uint64_t new_length,
		      int flags)
{
	struct effect tail;

	if (!length || flags & ~MREMAP_MAYMOVE || new_length > length)
		return false;
	tail = range_effect(w, start + new_length, length - new_length);
	return !tail.part && !tail.whole;
}

/* Some kernels unmap the new place before they check the old one. */
static void see_what_remap_left(unsigned int w, uint64_t start, uint64_t length)
{
	struct worker *k = &model.worker[w];

	for (unsigned int i = 0; i < REGIONS; i++)
		if (k->att[i].on && model.region[i].addr >= start &&
		    model.region[i].addr + WINDOW <= start + length)
			range_settle(w, i);
	if (k->squat >= start && k->squat < start + length && !is_mapped(w, k->squat))
		k->squat = 0;
}

static uint64_t draw_new_place(unsigned int w, uint64_t start)
{
	unsigned int i = (unsigned int)rnd(REGIONS);

	switch (rnd(6)) {
	case 0 ... 1:
		return 0;
	case 2:
		return start;
	case 3 ... 4:
		if (model.worker[w].att[i].on)
			return model.region[i].addr;
		__attribute__((fallthrough));
	default:
		return NOWHERE;
	}
}

void op_remap(void)
{
	static const int flags[] = {
		0, MREMAP_MAYMOVE, MREMAP_MAYMOVE | MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_DONTUNMAP, MREMAP_FIXED,
		MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, 64,
	};
	uint64_t start, length, to, new_length;
	struct want x = { 0 };
	unsigned int w, i;
	int flag = PICK(flags);

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	range_draw(&model.region[i], &start, &length);
	if (start < model.region[i].addr)
		start = model.region[i].addr;
	if (one_in(8))
		length = 0;
	new_length = one_in(2) ? length : one_in(2) ? WINDOW : one_in(2) ? 2 * WINDOW : SZ_4K;
	to = draw_new_place(w, start);
	note("w%u mremap 0x%llx+0x%llx (r%u) to 0x%llx+0x%llx flags=%d", w, (long long)start,
	     (long long)length, i, (long long)to, (long long)new_length, flag);
	want(&x, EINVAL, true);
	want(&x, EFAULT, true);
	want(&x, ENOMEM, true);
	want(&x, EPERM, range_effect(w, start, length ? length : SZ_4K).sealed);
	want(&x, EPERM, flag & MREMAP_FIXED && range_effect(w, to, new_length).sealed);
	want(&x, EAGAIN, !model.worker[w].root);
	x.may_pass = may_remap(w, start, length, new_length, flag);
	if (check_result(&x, SYS(w, SYS_mremap, start, length, new_length, flag, to)) ||
	    !(flag & MREMAP_FIXED))
		return;
	see_what_remap_left(w, to, new_length);
	see_what_remap_left(w, start + new_length, length > new_length ? length - new_length : 0);
	region_settle();
}

void op_protect(void)
{
	uint64_t start, length;
	struct want x = { 0 };
	int64_t key = -1, ret;
	struct effect e;
	unsigned int w, i;
	int prot = range_prot();

	if (!any_attached(&w, &i)) {
		nothing_to_do();
		return;
	}
	range_draw(&model.region[i], &start, &length);
	e = range_effect(w, start, length);
	want(&x, EACCES, e.whole || e.part);
	want(&x, ENOMEM, e.holes);
	want(&x, EPERM, e.sealed);
	note("w%u mprotect 0x%llx+0x%llx (r%u) prot=%d", w, (long long)start, (long long)length, i,
	     prot);
	if (one_in(2)) {
		check_result(&x, SYS(w, SYS_mprotect, start, length, prot));
		return;
	}
	key = SYS(w, SYS_pkey_alloc, 0, 0);
	note(" pkey %d", (int)key);
	want(&x, EINVAL, key < 0);
	ret = SYS(w, SYS_pkey_mprotect, start, length, prot, key < 0 ? 7 : key);
	if (key >= 0)
		SYS(w, SYS_pkey_free, key);
	check_result(&x, ret);
}
