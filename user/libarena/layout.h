/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The buffer matrix: which bytes of a region are whose.
 *
 * The first page of the region holds a struct arena_layout, written once by
 * the creator before anybody else attaches. Rows are groups: buffers of one
 * size with one writer. Everybody copies the layout once, checks the copy and
 * never looks at the original again.
 */
#ifndef ARENA_LAYOUT_H
#define ARENA_LAYOUT_H

#include <stdint.h>

#define ARENA_LAYOUT_MAGIC	0x74756f79616c726dULL
#define ARENA_LAYOUT_VERSION	1
#define ARENA_MAX_SPS		8
#define ARENA_MAX_GROUPS	(2 + ARENA_MAX_SPS)
#define ARENA_NET_BUFFER	512U
#define ARENA_DISK_BUFFER	4096U
/* So that a group can be one registered buffer of an io_uring. */
#define ARENA_MAX_GROUP_BYTES	(1ULL << 30)

/* Writers of groups: the NP is 0, the SPs are 1 and up. */
#define ARENA_ROLE_NP		0U
#define ARENA_ROLE_SP(i)	(1U + (i))

/* The NP's two groups; SP i's one. */
#define ARENA_GROUP_NET		0U
#define ARENA_GROUP_PAYLOAD	1U
#define ARENA_GROUP_SP(i)	(2U + (i))

/**
 * struct arena_group - a row of the matrix
 * @offset: bytes from the region's start, a multiple of 4096
 * @buffer_size: bytes of a buffer, a power of two, 64 to 2 MiB
 * @count: buffers; buffer_size * count is at most ARENA_MAX_GROUP_BYTES
 * @role: who writes it: ARENA_ROLE_NP or ARENA_ROLE_SP(i)
 * @reserved: zero
 */
struct arena_group {
	uint64_t offset;
	uint32_t buffer_size;
	uint32_t count;
	uint32_t role;
	uint32_t reserved;
};

/**
 * struct arena_layout - the whole matrix
 * @magic: ARENA_LAYOUT_MAGIC
 * @version: ARENA_LAYOUT_VERSION
 * @n_groups: used entries of @group
 * @length: bytes of the region that the layout covers
 * @group: groups in ascending order of offset, not overlapping, none in the
 *	first 4096 bytes
 */
struct arena_layout {
	uint64_t magic;
	uint32_t version;
	uint32_t n_groups;
	uint64_t length;
	struct arena_group group[ARENA_MAX_GROUPS];
};

/**
 * arena_layout_make() - lay out a region for one NP and some SPs
 * @l: filled
 * @length: bytes that have memory
 * @net_buffers: 512 B buffers of the NP, one for each request in flight
 * @n_sps: SPs, 1 to ARENA_MAX_SPS
 *
 * What the network buffers leave is split: a quarter for the NP's payload
 * buffers, the rest evenly over the SPs, each group at least big enough for
 * one request of the maximal size and at most ARENA_MAX_GROUP_BYTES.
 *
 * Return: 0, -EINVAL, or -ENOSPC if @length is too small.
 */
int arena_layout_make(struct arena_layout *l, uint64_t length,
		      uint32_t net_buffers, unsigned int n_sps);

/** arena_layout_write() - put the layout at the region's start */
void arena_layout_write(void *region, const struct arena_layout *l);

/**
 * arena_layout_read() - copy the layout once and check the copy
 * @region: attached region
 * @length: bytes of it that have memory
 * @out: the copy
 *
 * Return: 0, -EPROTO if it is not a layout of this version, -ERANGE if it
 * does not fit @length or its groups overlap.
 */
int arena_layout_read(const void *region, uint64_t length,
		      struct arena_layout *out);

/**
 * arena_layout_has() - is (group, index, count) a run of existing buffers?
 *
 * False for count 0. Nothing else checks what a peer names.
 */
int arena_layout_has(const struct arena_layout *l, uint32_t group,
		     uint32_t index, uint32_t count);

/**
 * arena_layout_buffer() - address of a buffer
 *
 * The caller has checked (group, index) with arena_layout_has(), or owns it.
 */
static inline void *arena_layout_buffer(void *region,
					const struct arena_layout *l,
					uint32_t group, uint32_t index)
{
	const struct arena_group *g = &l->group[group];

	return (char *)region + g->offset + (uint64_t)index * g->buffer_size;
}

#endif /* ARENA_LAYOUT_H */
