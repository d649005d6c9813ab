// SPDX-License-Identifier: LGPL-2.1-or-later
#include "mailbox.h"

#include <errno.h>
#include <string.h>

#define MAX_ENTRIES	65536U
#define PAGE		4096UL
#define HUGE_PAGE	(2UL << 20)

/* A generous bound for what the kernel puts before the completions. */
#define RING_HEADER	1024UL

/**
 * enum mailbox_memory - where a ring's memory comes from, in order of trial
 * @MEMORY_PAGES: ordinary pages
 * @MEMORY_THP: one transparent huge page
 * @MEMORY_HUGETLB: one huge page of the pool
 *
 * Up to Linux 6.9 each part of a NO_MMAP ring must be physically contiguous, or the set-up
 * fails with EINVAL. A mailbox of up to 128 entries fits in one page and always is. For a
 * larger one ordinary pages are contiguous by chance, a transparent huge page usually can be
 * had, and a page of the pool always works. The pool comes last, because its pages may all
 * be set aside for regions.
 */
enum mailbox_memory { MEMORY_PAGES, MEMORY_THP, MEMORY_HUGETLB };

static size_t round_up(size_t value, size_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* A page for submission entries, of which there must be at least one, then the ring. */
static size_t ring_size(unsigned int entries)
{
	return PAGE + round_up(RING_HEADER + entries * sizeof(struct io_uring_cqe), PAGE);
}

/* Map more than is needed, keep an aligned piece of it, and unmap the rest. */
static void *map_aligned(size_t size, size_t alignment)
{
	char *p = mmap(NULL, size + alignment, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		return NULL;
	before = round_up((uintptr_t)p, alignment) - (uintptr_t)p;
	if (before)
		munmap(p, before);
	if (alignment - before)
		munmap(p + before + size, alignment - before);
	return p + before;
}

static int memory_get(struct arena_mailbox *box, unsigned int entries,
		      enum mailbox_memory kind)
{
	box->size = ring_size(entries);
	if (kind != MEMORY_PAGES)
		box->size = round_up(box->size, HUGE_PAGE);

	if (kind == MEMORY_HUGETLB) {
		box->memory = mmap(NULL, box->size, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
				   21 << MAP_HUGE_SHIFT, -1, 0);
		if (box->memory == MAP_FAILED)
			return -errno;
	} else {
		box->memory = map_aligned(box->size, kind == MEMORY_THP ? HUGE_PAGE : PAGE);
		if (!box->memory)
			return -ENOMEM;
	}
	if (kind == MEMORY_THP)
		madvise(box->memory, box->size, MADV_HUGEPAGE);
	/* The ring is pinned. If a child shared its pages, a write of ours would go to a copy. */
	madvise(box->memory, box->size, MADV_DONTFORK);
	return 0;
}

static int ring_init(struct arena_mailbox *box, unsigned int entries,
		     enum mailbox_memory kind)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_NO_MMAP | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
		.cq_entries = entries,
	};
	int ret;

	ret = memory_get(box, entries, kind);
	if (ret)
		return ret;
	ret = io_uring_queue_init_mem(1, &box->ring, &params, box->memory, box->size);
	if (ret < 0) {
		munmap(box->memory, box->size);
		return ret;
	}
	return 0;
}

static int ring_init_any(struct arena_mailbox *box, unsigned int entries)
{
	for (int kind = MEMORY_PAGES; kind <= MEMORY_HUGETLB; kind++) {
		int ret = ring_init(box, entries, kind);

		if (ret != -EINVAL)
			/* Only the last kind may be short of what it needs. */
			return ret == -ENOMEM && kind == MEMORY_HUGETLB ?
			       -EOPNOTSUPP : ret;
	}
	return -EOPNOTSUPP;
}

/*
 * No process, the owner included, may submit anything to this ring or register anything with it:
 * the list of what is allowed is empty. (With an entry for submissions alone, 7.3 would not
 * restrict registrations: io_parse_restrictions(), io_uring/register.c.) A process that
 * receives the descriptor can only use it as the target of messages.
 */
static int ring_seal(struct io_uring *ring)
{
	struct io_uring_restriction none = { 0 };
	int ret;

	ret = io_uring_register_restrictions(ring, &none, 0);
	if (ret)
		return ret;
	return io_uring_enable_rings(ring);
}

int arena_mailbox_open(struct arena_mailbox *box, unsigned int entries)
{
	int ret;

	if (!entries || entries > MAX_ENTRIES)
		return -EINVAL;
	memset(box, 0, sizeof(*box));
	/* The kernel rounds up, too, and the memory must suffice for that. */
	while (entries & (entries - 1))
		entries += entries & -entries;

	ret = ring_init_any(box, entries);
	if (ret)
		return ret;
	ret = ring_seal(&box->ring);
	if (ret < 0) {
		arena_mailbox_close(box);
		return ret == -EINVAL ? -EOPNOTSUPP : ret;
	}
	return 0;
}

void arena_mailbox_close(struct arena_mailbox *box)
{
	uring_exit_memory(&box->ring, box->memory, box->size);
}
