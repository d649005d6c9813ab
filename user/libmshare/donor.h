/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The memory of the caller in the place of a region: which mappings it consists of, and how
 * they are moved away to make room for the region, and back. This knows mappings of the
 * process and must not know regions.
 */
#ifndef LIBMSHARE_DONOR_H
#define LIBMSHARE_DONOR_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct mshare_piece - memory without a hole, within one mapping
 * @start: its address
 * @length: bytes
 * @aside: where it is mapped while the region is made
 */
struct mshare_piece {
	char *start;
	size_t length;
	char *aside;
};

/**
 * struct mshare_donor - the memory that is mapped in a range of addresses
 * @page_size: bytes of a page, the same for all
 * @n: pieces, at least one
 * @room: reserved addresses with space for all pieces, or NULL
 * @room_length: bytes
 * @piece: by ascending address
 */
struct mshare_donor {
	uint64_t page_size;
	size_t n;
	void *room;
	size_t room_length;
	struct mshare_piece piece[];
};

/**
 * mshare_donor_find() - find the memory that a region is to be made of
 * @addr: a multiple of the window's size
 * @length: bytes
 * @out: to be freed with mshare_donor_free()
 *
 * Return: 0; -EINVAL if @length is not a multiple of the page size; -EFAULT if
 * nothing is mapped there; -EBUSY if something is mapped in the rest of the
 * window; -EACCES if a part is not writable; -EOPNOTSUPP if a region cannot be made
 * of a part, or the parts differ in page size; -ENOMEM; or an error of open(2) for
 * /proc/self/maps.
 */
int mshare_donor_find(uint64_t addr, uint64_t length, struct mshare_donor **out);

/**
 * mshare_donor_move() - empty the range of addresses
 * @d: the memory; it is mapped elsewhere afterwards
 *
 * Return: 0, or -errno, in which case everything is where it was.
 */
int mshare_donor_move(struct mshare_donor *d);

/** mshare_donor_move_back() - undo mshare_donor_move() */
void mshare_donor_move_back(struct mshare_donor *d);

/** mshare_donor_free() - free the description, and unmap memory that was moved away */
void mshare_donor_free(struct mshare_donor *d);

#endif /* LIBMSHARE_DONOR_H */
