/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The buffer matrix: which bytes of a region are whose.
 *
 * Rows are groups: buffers of one size with one writer. Columns are buffers. The
 * region begins with the layout itself, written once by the creator before
 * anybody else attaches; then comes the NPs' part, sharded over them, then the
 * SPs'. Everybody copies the layout once, checks the copy and never looks at the
 * original again, so all agree on it or refuse.
 */
#ifndef ARENA_LAYOUT_H
#define ARENA_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ARENA_LAYOUT_MAGIC	0x74756f79616c726dULL
#define ARENA_LAYOUT_VERSION	2

/* A region is at most 512 GiB: as many groups of the largest size, and more. */
#define ARENA_MAX_GROUPS	2048U
#define ARENA_MAX_PROCESSES	128U	/* of a kind */
#define ARENA_MIN_BUFFER	64U
#define ARENA_MAX_BUFFER	(2U << 20)
/* So that a group can be one registered buffer of an io_uring. */
#define ARENA_MAX_GROUP_BYTES	(1ULL << 30)
/* How many a group has at most; their numbers travel in 24 bits. */
#define ARENA_MAX_GROUP_BUFFERS	(1U << 24)

#define ARENA_NET_BUFFER	512U
#define ARENA_DISK_BUFFER	4096U

/* Writers of groups: network processes and storage processes. */
#define ARENA_ROLE_NP(i)	((uint32_t)(i))
#define ARENA_ROLE_SP(i)	(1U << 16 | (uint32_t)(i))
#define ARENA_ROLE_IS_SP(role)	((role) >> 16 == 1)
#define ARENA_ROLE_NUMBER(role)	((role) & 0xffffU)

/**
 * enum arena_use - what a group is for
 * @ARENA_USE_CONTROL: rings of channels: one buffer for each process of the other
 *	kind, in the order of their numbers
 * @ARENA_USE_NET: an NP's network buffers: requests, one each
 * @ARENA_USE_PAYLOAD: an NP's buffers for what clients write
 * @ARENA_USE_DISK: an SP's buffers for what it reads
 */
enum arena_use {
	ARENA_USE_CONTROL = 1,
	ARENA_USE_NET,
	ARENA_USE_PAYLOAD,
	ARENA_USE_DISK,
};

/**
 * struct arena_config - what a layout is made from
 * @length: bytes of the region that have memory
 * @align: each process's shard begins at a multiple of it; the region's page
 *	size where processes get views of their own; a power of two, at least 4096
 * @np_bytes: the NPs' part, the layout itself included
 * @sp_bytes: the SPs' part
 * @n_nps: network processes, 1 to ARENA_MAX_PROCESSES
 * @n_sps: storage processes, 1 to ARENA_MAX_PROCESSES
 * @net_size: bytes of a network buffer
 * @net_count: network buffers of each NP, 1 to 65536
 * @payload_size: bytes of a payload buffer
 * @disk_size: bytes of an SP's buffer
 * @group_bytes: payload and disk groups are not larger; 0 for
 *	ARENA_MAX_GROUP_BYTES
 * @longest_run: bytes; each NP has a payload group, and each SP a disk group, that
 *	can hold a run of so many, else there is no layout; a run has at most 65535
 *	buffers
 * @channel_entries: messages that can wait in a channel's ring in shared
 *	memory, a power of two up to 65536
 *
 * Sizes of buffers are powers of two, ARENA_MIN_BUFFER to ARENA_MAX_BUFFER.
 */
struct arena_config {
	uint64_t length;
	uint64_t align;
	uint64_t np_bytes;
	uint64_t sp_bytes;
	uint32_t n_nps;
	uint32_t n_sps;
	uint32_t net_size;
	uint32_t net_count;
	uint32_t payload_size;
	uint32_t disk_size;
	uint64_t group_bytes;
	uint64_t longest_run;
	uint32_t channel_entries;
};

/**
 * struct arena_group - a row of the matrix
 * @offset: bytes from the region's start, a multiple of 4096 and of @buffer_size
 * @buffer_size: bytes of a buffer, a power of two
 * @count: buffers; all together at most ARENA_MAX_GROUP_BYTES
 * @role: who writes it: ARENA_ROLE_NP(i) or ARENA_ROLE_SP(i)
 * @use: enum arena_use
 */
struct arena_group {
	uint64_t offset;
	uint32_t buffer_size;
	uint32_t count;
	uint32_t role;
	uint32_t use;
};

/**
 * struct arena_layout - the whole matrix
 * @magic: ARENA_LAYOUT_MAGIC
 * @version: ARENA_LAYOUT_VERSION
 * @n_groups: used entries of @group, the rest is zero
 * @length: bytes of the region that the layout covers
 * @n_nps: network processes
 * @n_sps: storage processes
 * @channel_entries: of the rings in control groups
 * @reserved: zero
 * @group: groups in ascending order of offset, not overlapping, all behind the
 *	layout itself; one process's groups follow each other
 */
struct arena_layout {
	uint64_t magic;
	uint32_t version;
	uint32_t n_groups;
	uint64_t length;
	uint32_t n_nps;
	uint32_t n_sps;
	uint32_t channel_entries;
	uint32_t reserved;
	struct arena_group group[ARENA_MAX_GROUPS];
};

/**
 * arena_config_init() - the usual: one NP, one SP
 * @c: filled
 * @length: bytes of the region that have memory
 *
 * 512 B network and 4096 B storage buffers; a fifth of the region is the NPs'
 * part, 4 GiB of 20, the rest the SPs'. Change what you like before
 * arena_layout_make(); @np_bytes and @sp_bytes of 0 mean those shares.
 */
void arena_config_init(struct arena_config *c, uint64_t length);

/**
 * arena_layout_make() - lay a region out
 * @l: filled
 * @c: how
 *
 * Return: 0; -EINVAL if a member of @c is out of its bounds; -ENOSPC if the
 * region is too small for it; -E2BIG if it needs more than ARENA_MAX_GROUPS.
 */
int arena_layout_make(struct arena_layout *l, const struct arena_config *c);

/** arena_layout_write() - put the layout at the region's start */
void arena_layout_write(void *region, const struct arena_layout *l);

/**
 * arena_layout_read() - copy the layout once and check the copy
 * @region: attached region
 * @length: bytes of it that have memory
 * @out: the copy
 *
 * Return: 0, -EPROTO if it is not a sound layout of this version, -ERANGE if it
 * does not fit @length or its groups overlap.
 */
int arena_layout_read(const void *region, uint64_t length,
		      struct arena_layout *out);

/**
 * arena_layout_find() - a process's group
 * @l: checked layout
 * @role: the process
 * @use: what for
 * @nth: 0 for the first such group, and so on
 *
 * Return: the group's number, or -ENOENT.
 */
int arena_layout_find(const struct arena_layout *l, uint32_t role,
		      enum arena_use use, uint32_t nth);

/**
 * arena_layout_has() - is (group, index, count) a run of existing buffers?
 *
 * False for count 0. Nothing else checks what a peer names.
 */
bool arena_layout_has(const struct arena_layout *l, uint32_t group,
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

#ifdef __cplusplus
}
#endif
#endif /* ARENA_LAYOUT_H */
