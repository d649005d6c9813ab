// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "mailbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PAGE		4096UL
#define HUGE_PAGE	(2UL << 20)

/* A generous bound for what the kernel puts before the completions. */
#define RING_HEADER	1024UL

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

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

/* The kernel rounds up, and the memory must suffice for that. */
static unsigned int round_entries(unsigned int entries)
{
	while (entries & (entries - 1))
		entries += entries & -entries;
	return entries;
}

/* A page for submission entries, of which there must be at least one, then the ring. */
static size_t ring_size(unsigned int entries)
{
	return PAGE + round_up(RING_HEADER + entries * sizeof(struct io_uring_cqe), PAGE);
}

/* Reserve addresses for @size bytes that begin at a huge page; they are replaced by a mapping. */
static void *reserve(size_t size)
{
	char *p = mmap(NULL, size + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (p == MAP_FAILED)
		return NULL;
	before = round_up((uintptr_t)p, HUGE_PAGE) - (uintptr_t)p;
	if (before)
		munmap(p, before);
	munmap(p + before + size, HUGE_PAGE - before);
	return p + before;
}

/* Map @size bytes of a memfd; NULL with errno if that fails. */
static void *map(int memory, size_t size)
{
	void *at = size % HUGE_PAGE ? NULL : reserve(size);
	void *p = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | (at ? MAP_FIXED : 0), memory,
		       0);

	if (p != MAP_FAILED)
		return p;
	if (at)
		munmap(at, size);
	return NULL;
}

/* No process that has the memfd can take memory away from others. Return: it, or -errno. */
static int make_memory(size_t size, enum mailbox_memory kind)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd, ret;

	if (kind == MEMORY_HUGETLB)
		flags |= MFD_HUGETLB | 21U << MAP_HUGE_SHIFT;
	fd = memfd_create("arena-mailbox", flags);
	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, (off_t)size) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/*
 * No process may submit anything to this ring or register anything with it: the list of what is
 * allowed is empty. (With an entry for submissions alone, 7.3 would not restrict registrations:
 * io_parse_restrictions(), io_uring/register.c.) A process that receives the descriptor can only
 * use it as the target of messages.
 */
static int seal(int ring)
{
	struct io_uring_restriction none = { 0 };
	int ret = io_uring_register((unsigned int)ring, IORING_REGISTER_RESTRICTIONS, &none, 0);

	return ret < 0 ? ret : io_uring_register((unsigned int)ring, IORING_REGISTER_ENABLE_RINGS,
						 NULL, 0);
}

/* Return: the ring or -errno. */
static int make_ring(char *memory, unsigned int entries)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_NO_MMAP | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE,
		.cq_entries = entries,
		.sq_off.user_addr = (uintptr_t)memory,
		.cq_off.user_addr = (uintptr_t)memory + PAGE,
	};

	return io_uring_setup(1, &params);
}

/* The pages stay with the ring and the memfd when this mapping is gone. */
static int make_of(unsigned int entries, enum mailbox_memory kind,
		   struct arena_channel_mailbox *out)
{
	size_t size = ring_size(entries);
	void *p;

	if (kind != MEMORY_PAGES)
		size = round_up(size, HUGE_PAGE);
	out->memory = make_memory(size, kind);
	if (out->memory < 0)
		return out->memory;
	p = map(out->memory, size);
	if (kind == MEMORY_THP && p && !madvise(p, size, MADV_POPULATE_WRITE))
		madvise(p, size, MADV_COLLAPSE);
	out->ring = p ? make_ring(p, entries) : -errno;
	if (p)
		munmap(p, size);
	if (out->ring < 0)
		close(out->memory);
	return out->ring < 0 ? out->ring : 0;
}

static int make_any(unsigned int entries, struct arena_channel_mailbox *out)
{
	for (int kind = MEMORY_PAGES; kind <= MEMORY_HUGETLB; kind++) {
		int ret = make_of(entries, kind, out);

		if (ret != -EINVAL)
			/* Only the last kind may be short of what it needs. */
			return ret == -ENOMEM && kind == MEMORY_HUGETLB ?
			       -EOPNOTSUPP : ret;
	}
	return -EOPNOTSUPP;
}

int arena_mailbox_make(unsigned int entries, struct arena_channel_mailbox *out)
{
	int ret;

	if (!entries || entries > MAILBOX_MAX_ENTRIES)
		return -EINVAL;
	ret = make_any(round_entries(entries), out);
	if (ret)
		return ret;
	ret = seal(out->ring);
	if (ret >= 0)
		return 0;
	close(out->ring);
	close(out->memory);
	return ret == -EINVAL ? -EOPNOTSUPP : ret;
}

/* ---- receiving ---- */

static size_t offset(const struct io_uring *like, const void *p)
{
	return (size_t)((const char *)p - (const char *)like->cq.ring_ptr);
}

/*
 * Nothing but what the kernel writes is read from the memory: the predecessor may have written the
 * number of entries, too.
 */
static void find_parts(struct arena_mailbox *box, unsigned int entries,
		       const struct io_uring *like)
{
	struct io_uring_cq *cq = &box->ring.cq;
	char *ring = (char *)box->memory + PAGE;

	cq->khead = (unsigned int *)(ring + offset(like, like->cq.khead));
	cq->ktail = (unsigned int *)(ring + offset(like, like->cq.ktail));
	cq->cqes = (struct io_uring_cqe *)(ring + offset(like, like->cq.cqes));
	cq->ring_mask = entries - 1;
	cq->ring_entries = entries;
	cq->ring_ptr = ring;
	box->ring.sq.kflags = (unsigned int *)(ring + offset(like, like->sq.kflags));
}

int arena_mailbox_attach(struct arena_mailbox *box, const struct arena_channel_mailbox *made,
			 unsigned int entries, const struct io_uring *like)
{
	struct stat st;

	entries = round_entries(entries);
	if (fstat(made->memory, &st))
		return -errno;
	if (offset(like, like->cq.cqes) > RING_HEADER || st.st_size < 0 ||
	    (size_t)st.st_size != round_up(ring_size(entries),
					   (size_t)st.st_size % HUGE_PAGE ? PAGE : HUGE_PAGE))
		return -EINVAL;
	*box = (struct arena_mailbox){ .size = (size_t)st.st_size, .is_lent = true };
	box->memory = map(made->memory, box->size);
	if (!box->memory)
		return -errno;
	/* A child would keep it for nothing. */
	madvise(box->memory, box->size, MADV_DONTFORK);
	box->ring.ring_fd = made->ring;
	box->ring.enter_ring_fd = made->ring;
	find_parts(box, entries, like);
	return 0;
}

int arena_mailbox_open(struct arena_mailbox *box, unsigned int entries,
		       const struct io_uring *like)
{
	struct arena_channel_mailbox made;
	int ret = arena_mailbox_make(entries, &made);

	if (ret)
		return ret;
	ret = arena_mailbox_attach(box, &made, entries, like);
	close(made.memory);
	if (ret)
		close(made.ring);
	else
		box->is_lent = false;
	return ret;
}

void arena_mailbox_close(struct arena_mailbox *box)
{
	if (!box->is_lent)
		close(box->ring.ring_fd);
	munmap(box->memory, box->size);
}

int arena_mailbox_take_overflow(struct arena_mailbox *box)
{
	int ret = io_uring_enter((unsigned int)box->ring.ring_fd, 0, 0, IORING_ENTER_GETEVENTS,
				 NULL);

	/* EBADR: it had no memory for some, which then are lost. */
	return ret < 0 && ret != -EINTR && ret != -EBADR ? ret : 0;
}

static bool look(struct arena_mailbox *box, struct arena_msg *msg)
{
	struct io_uring_cqe *cqe;
	unsigned int head;

	/* Only this side writes the head. If it is wrong, so was the receiver before. */
	if (arena_mailbox_count(box) > box->ring.cq.ring_entries)
		io_uring_cq_advance(&box->ring, arena_mailbox_count(box));
	io_uring_for_each_cqe(&box->ring, head, cqe) {
		*msg = arena_msg_unpack(cqe->user_data, (uint32_t)cqe->res);
		return true;
	}
	return false;
}

int arena_mailbox_fetch(struct arena_mailbox *box, struct arena_msg *msg)
{
	int ret;

	if (look(box, msg))
		return 1;
	ret = arena_mailbox_take_overflow(box);
	return ret ? ret : look(box, msg);
}
