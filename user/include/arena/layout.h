/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The layout of a region: which bytes belong to which process.
 *
 * A layout is a matrix. Its rows are groups: buffers of one size, which one process writes
 * and every process may read. Its columns are buffers. The process that makes a region
 * writes the layout to the start of it, once, before any other process attaches the region.
 * Each process copies the layout, checks the copy and never looks at the original again, so
 * all processes agree on one layout or refuse it.
 *
 * This header must not know what the processes do, nor what their buffers are for: processes
 * have classes, and the uses of groups are numbers that the application chooses.
 */
#ifndef ARENA_LAYOUT_H
#define ARENA_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

#define ARENA_LAYOUT_MAGIC	0x74756f79616c726dULL
#define ARENA_LAYOUT_VERSION	3

/* A region has at most 512 GiB, which needs fewer groups of the largest size. */
#define ARENA_MAX_GROUPS	2048U
#define ARENA_MAX_CLASSES	4U
/* The limit for each class. */
#define ARENA_MAX_PROCESSES	128U
#define ARENA_MIN_BUFFER	64U
#define ARENA_MAX_BUFFER	(2U << 20)
/* The most bytes that an io_uring can register as one buffer. */
#define ARENA_MAX_GROUP_BYTES	(1ULL << 30)
/* A message carries the index of a buffer in 24 bits. */
#define ARENA_MAX_GROUP_BUFFERS	(1U << 24)
/* A message carries the number of buffers of an extent in 16 bits. */
#define ARENA_MAX_EXTENT	65535U
#define ARENA_MAX_CHANNEL_ENTRIES	65536U

/*
 * A role names a process of the layout: the number'th process of a class, both counted
 * from 0. Channels connect processes of different classes.
 */
#define ARENA_ROLE(class, number)	((uint32_t)(class) << 16 | (uint32_t)(number))
#define ARENA_ROLE_CLASS(role)		((uint32_t)(role) >> 16)
#define ARENA_ROLE_NUMBER(role)		((uint32_t)(role) & 0xffffU)
/* The role of a program that sets a region up and has no buffers and channels there itself. */
#define ARENA_NO_ROLE			UINT32_MAX

/*
 * What a group is for: a number of the application, from 1 to ARENA_MAX_USE, or
 * ARENA_USE_CONTROL. Each process has one control group, in which the library keeps the
 * rings of channels: one buffer for each process of every other class, in the order of
 * their roles.
 */
#define ARENA_USE_CONTROL	0U
#define ARENA_MAX_USE		15U

/* The groups of a process that a configuration can describe. */
#define ARENA_MAX_CONFIG_GROUPS	8U

/**
 * struct arena_group_config - groups that each process of a class has
 * @use: what the groups are for, 1 to ARENA_MAX_USE; 0 ends the list
 * @buffer_size: bytes of a buffer, a power of two from ARENA_MIN_BUFFER to
 *	ARENA_MAX_BUFFER; 0 for 4096
 * @count: buffers of one group. 0, which only the last entry of the list can have, gives
 *	the rest of the process's share, in as many groups as that needs
 */
struct arena_group_config {
	uint32_t use;
	uint32_t buffer_size;
	uint64_t count;
};

/**
 * struct arena_class_config - a class of processes
 * @bytes: the class's share of the region, a multiple of the configuration's align, which
 *	its processes divide. The share of the first class, and of its first process, includes the
 *	layout itself. Classes with 0 divide the rest equally
 * @each: bytes of the share of each process, a multiple of the configuration's align, in place of
 *	an equal one. Processes with 0 divide equally what the others leave of the class's share
 * @processes: number of processes, 1 to ARENA_MAX_PROCESSES; 0 ends the list of classes
 * @parts: the groups are divided among so many peers, up to ARENA_MAX_PROCESSES: each entry of
 *	@group with a count makes so many groups, and the rest is divided into a multiple of so
 *	many groups of one size. 0 means 1
 * @group: the groups of each process besides its control group; if there are none, use 1 of
 *	4096-byte buffers takes the whole share
 */
struct arena_class_config {
	uint64_t bytes;
	uint64_t each[ARENA_MAX_PROCESSES];
	uint32_t processes;
	uint32_t parts;
	struct arena_group_config group[ARENA_MAX_CONFIG_GROUPS];
};

/**
 * struct arena_config - the description from which a layout is made
 * @size: sizeof(struct arena_config)
 * @length: bytes of the region that have memory
 * @align: the part of each process begins at a multiple of it, and so do the groups behind the
 *	layout itself if it is at most 2 MiB; a power of two, at least 4096; 0 for 4096. With the
 *	region's page size, no page has two writers, as views of roles need it
 * @group_bytes: the most bytes of a group that takes the rest of a share; 0 for
 *	ARENA_MAX_GROUP_BYTES
 * @longest_extent: bytes of the longest extent. For each use whose groups take the rest,
 *	each process must get a group that can hold such an extent, or the layout is refused.
 *	An extent has at most ARENA_MAX_EXTENT buffers
 * @channel_entries: messages that can wait in a channel's ring in shared memory, a power of
 *	two up to ARENA_MAX_CHANNEL_ENTRIES; 0 for 1024
 * @reserved: zero
 * @classes: two classes or more; if there are none, two classes of one process each
 */
struct arena_config {
	size_t size;
	uint64_t length;
	uint64_t align;
	uint64_t group_bytes;
	uint64_t longest_extent;
	uint32_t channel_entries;
	uint32_t reserved;
	struct arena_class_config classes[ARENA_MAX_CLASSES];
};

/**
 * struct arena_group - a row of the matrix
 * @offset: bytes from the region's start, a multiple of 4096 and of @buffer_size
 * @buffer_size: bytes of a buffer, a power of two
 * @count: buffers; all together at most ARENA_MAX_GROUP_BYTES
 * @role: the process that writes them
 * @use: ARENA_USE_CONTROL, or the application's, 1 to ARENA_MAX_USE
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
 * @channel_entries: of the rings in control groups
 * @reserved: zero
 * @processes: number of processes of each class; 0 after the last class
 * @group: groups by ascending offset, without overlap, all behind the layout itself. The
 *	groups of a process follow each other, the control group first, and processes come
 *	in the order of their roles
 */
struct arena_layout {
	uint64_t magic;
	uint32_t version;
	uint32_t n_groups;
	uint64_t length;
	uint32_t channel_entries;
	uint32_t reserved;
	uint32_t processes[ARENA_MAX_CLASSES];
	struct arena_group group[ARENA_MAX_GROUPS];
};

/**
 * arena_control_bytes() - bytes of a buffer in a control group
 * @entries: entries of a channel's ring
 *
 * A buffer has room for one process's half of a channel's two rings: for each entry a message,
 * and a share of the heads.
 */
static inline uint64_t arena_control_bytes(uint32_t entries)
{
	return entries < 128 ? 4096 : entries * 32ULL;
}

/**
 * arena_layout_make() - make a layout
 * @l: filled with the layout
 * @config: its description
 *
 * Return: 0; -EINVAL if a member of @config, its size included, is out of its bounds;
 * -E2BIG if @config has members that this library does not know, or if it needs more
 * than ARENA_MAX_GROUPS; -ENOSPC if the region is too small for it.
 */
int arena_layout_make(struct arena_layout *l, const struct arena_config *config);

/** arena_layout_write() - put the layout at the region's start */
void arena_layout_write(void *region, const struct arena_layout *l);

/**
 * arena_layout_seal() - put a layout into a memfd that nobody can change
 * @l: layout
 *
 * A program that starts others hands it to them, so that no process of the region can show another
 * one a false layout. See struct arena_options.
 *
 * Return: a descriptor, close-on-exec, that belongs to the caller; or -errno.
 */
int arena_layout_seal(const struct arena_layout *l);

/**
 * arena_layout_load() - read a layout from a memfd, and check it
 * @fd: as of arena_layout_seal(); it stays the caller's
 * @out: the layout
 *
 * Return: 0; -EPROTO if @fd can still be changed, or has no sound layout of this version; -ERANGE
 * if its groups do not fit its own length; or another -errno.
 */
int arena_layout_load(int fd, struct arena_layout *out);

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

/** arena_layout_has_role() - true if the layout has a process with this role */
static inline bool arena_layout_has_role(const struct arena_layout *l, uint32_t role)
{
	return ARENA_ROLE_CLASS(role) < ARENA_MAX_CLASSES &&
	       ARENA_ROLE_NUMBER(role) < l->processes[ARENA_ROLE_CLASS(role)];
}

/**
 * arena_layout_find() - find a group of a process
 * @l: checked layout
 * @role: the process
 * @use: what the group is for
 * @nth: 0 for the first such group, and so on
 *
 * Return: the group's number, or -ENOENT.
 */
int arena_layout_find(const struct arena_layout *l, uint32_t role, uint32_t use, uint32_t nth);

/**
 * arena_layout_has() - true if (group, index, count) names buffers that exist
 *
 * It is false if @count is 0. Use it to check a ref of a peer.
 */
static inline bool arena_layout_has(const struct arena_layout *l, uint32_t group,
				    uint32_t index, uint32_t count)
{
	return group < l->n_groups && count && index < l->group[group].count &&
	       count <= l->group[group].count - index;
}

/**
 * arena_layout_buffer() - address of a buffer
 *
 * The caller has checked (group, index) with arena_layout_has(), or owns the buffer.
 */
static inline void *arena_layout_buffer(void *region,
					const struct arena_layout *l,
					uint32_t group, uint32_t index)
{
	const struct arena_group *g = &l->group[group];

	return (char *)region + g->offset + (uint64_t)index * g->buffer_size;
}

/**
 * arena_layout_control() - address of the control buffer of a channel
 * @region: attached region
 * @l: checked layout
 * @writer: role of the process that writes the buffer
 * @reader: role of its peer on the channel
 *
 * Return: the address, or NULL if there is no such role, or if both are of one class.
 */
void *arena_layout_control(void *region, const struct arena_layout *l, uint32_t writer,
			   uint32_t reader);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_LAYOUT_H */
