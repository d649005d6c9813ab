/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Setting up: make a region for an arena or open one, give each role a view of its own, and take
 * a role in it.
 *
 * This header must not know states of buffers, channels or rings. Programs include
 * <arena/arena.h>, which includes it.
 */
#ifndef ARENA_OPEN_H
#define ARENA_OPEN_H

#include <mshare.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <arena/layout.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct arena;

/* Bytes of a region if neither the options nor the configuration give a number. */
#define ARENA_DEFAULT_BYTES	(16U << 20)

/**
 * struct arena_options - how to make or open an arena
 * @size: sizeof(struct arena_options)
 * @role: the role to take, ARENA_ROLE(class, number), or ARENA_NO_ROLE for none
 * @view: arena_open(): the view through which the region is opened; NULL for "rw".
 *	arena_create() needs NULL
 * @layout: arena_open() and arena_open_fd(): the layout, if the program has it from somebody whom
 *	it trusts, see arena_layout_load(); copied; NULL to read it at the start of the region
 * @config: arena_create(): the layout; NULL for two classes of one process each. A length
 *	of 0 in it is @bytes, and an align of 0 the page size
 * @bytes: arena_create(): bytes of the region, a multiple of the page size; 0 for the length
 *	of @config or, if that is 0 too, for ARENA_DEFAULT_BYTES
 * @page_size: arena_create(): 1 GiB, 2 MiB or 4 KiB; 0 for the largest of them that divides
 *	@bytes, has room for the layout and of which the machine has enough
 * @backend: arena_create(): backend of the region; 0 for the best one on this machine
 * @flags: arena_create(): MSHARE_SET_UID and MSHARE_SET_GID
 * @uid: arena_create(): owner of the region, with MSHARE_SET_UID
 * @gid: arena_create(): group of the region, with MSHARE_SET_GID
 * @mode: arena_create(): permission bits of the region's name; 0 for 0600
 *
 * Members that a call does not use must be 0.
 */
struct arena_options {
	size_t size;
	uint32_t role;
	enum mshare_backend backend;
	const char *view;
	const struct arena_layout *layout;
	const struct arena_config *config;
	uint64_t bytes;
	uint64_t page_size;
	unsigned int flags;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/**
 * arena_create() - make a region with its layout, and take a role in it
 * @name: the name by which other processes open it; NULL for a region without a name, which
 *	only children of fork(2) can use
 * @options: how; NULL for the role ARENA_ROLE(0, 0) of the default layout
 * @out: the arena, to be closed with arena_close()
 *
 * All of the region gets memory.
 *
 * Return: 0; -EEXIST if there is a region of this name; -EINVAL if a member of @options or
 * of its configuration is out of its bounds; -E2BIG if one is not 0 that this library does
 * not know; -ENOENT if the layout does not have the role; -ENOSPC if the layout does not fit
 * @bytes; -ENOMEM if there is not enough memory; or an error of mshare_create(3),
 * mshare_populate(3) or mshare_attach(3). There is no region then.
 */
int arena_create(const char *name, const struct arena_options *options, struct arena **out);

/**
 * arena_open() - open a region by its name, and take a role in it
 * @name: name of a region that arena_create() made
 * @options: the role, and the view
 * @out: the arena, to be closed with arena_close()
 *
 * A role belongs to one arena at a time, which claims it until it is closed (mshare_claim(3); the
 * numbers are those of roles). When a process dies, the kernel ends the claim as soon as the last
 * operation on a ring of the arena has ended, unless a child of fork(2) has not closed its copy of
 * the arena. So the process that takes the role next knows that nothing is read from the buffers of
 * its groups, or written to them, for its predecessor. With the module, processes exclude each
 * other if they open the region through the same view. A region without a name has no claims, so
 * the program that starts the processes has to give them different roles.
 *
 * Return: 0; -EBUSY if another arena has the role; -ENOENT if there is no such region or view, or
 * if the layout does not have the role; -EPROTO, -ERANGE as arena_layout_read(); -EINVAL if a
 * member of @options is set that only arena_create() uses; -E2BIG if one is set that this library
 * does not know; or an error of mshare_open_view(3) or mshare_attach(3).
 */
int arena_open(const char *name, const struct arena_options *options, struct arena **out);

/**
 * arena_open_fd() - open a region by a descriptor, and take a role in it
 * @fd: as mshare_open_fd(3) takes it; if the call succeeds the arena closes it
 * @options: the role
 * @out: the arena, to be closed with arena_close()
 *
 * Return: as arena_open(); -EBADF, or -EINVAL too if @fd is not a view of the module's.
 */
int arena_open_fd(int fd, const struct arena_options *options, struct arena **out);

/**
 * arena_open_region() - take a role in a region that the program has open
 * @m: region, which is attached if necessary; it still belongs to the caller, and must outlive
 *	the arena
 * @role: ARENA_ROLE(class, number), or ARENA_NO_ROLE
 * @out: the arena, to be closed with arena_close()
 *
 * A child of fork(2) takes its role by this call, in the arena_region() of the parent's arena.
 *
 * Return: 0; -EBUSY if another arena has the role, see arena_open(); -EACCES if @m is open for
 * reading only; -ENOENT if the layout does not have the role; -EPROTO, -ERANGE as
 * arena_layout_read(); -ENOMEM; or an error of mshare_attach(3).
 */
int arena_open_region(struct mshare *m, uint32_t role, struct arena **out);

/**
 * arena_close() - end an arena; NULL is allowed
 * @a: arena
 *
 * Closes the region if the arena opened it, and removes its name if this process made it.
 * Close channels and rings before. A child of fork(2) gives its copy of the arena up.
 *
 * Return: 0; -EBUSY if the kernel still works on a buffer, or -ECHILD for another thread
 * than the one that opened it: nothing has changed then.
 */
int arena_close(struct arena *a);

/**
 * struct arena_view_options - how to make the view of a role
 * @size: sizeof(struct arena_view_options)
 * @name: name of the view; NULL for a view without a name, to which only descriptors and
 *	fork(2) lead
 * @flags: MSHARE_SET_UID and MSHARE_SET_GID
 * @uid: owner of the name, with MSHARE_SET_UID
 * @gid: group of the name, with MSHARE_SET_GID
 * @mode: permission bits of the name; 0 for 0600
 *
 * Without a name, @flags, @uid, @gid and @mode must be 0.
 */
struct arena_view_options {
	size_t size;
	const char *name;
	unsigned int flags;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

/**
 * arena_make_view() - make the view of a role: what its process can write, and what it can read
 * @m: region, opened for writing through its view rw
 * @l: checked layout of the region
 * @role: the role
 * @options: name and permissions; NULL for a view without a name
 * @out: the region through this view, to be closed with mshare_close()
 *
 * Through the view a process can write the groups of @role, its control group included, and
 * nothing else. It can read the layout and the groups of all processes of other classes, which
 * are those that it can have channels with. It finds no memory where the groups of other
 * processes of its own class are. So a process can do with the view everything that its role
 * does, over every transport, and each page of the region can be written through the view of one
 * role at most.
 *
 * This needs a layout in which each page has one writer, which is so if arena_config.align was
 * the region's page size or a multiple of it. The layout itself lies on pages that no view can
 * write, unless it shares a page with the groups of the first process: see there.
 *
 * A memfd knows the names of views and protects nothing.
 *
 * Return: 0; -ENOENT if the layout does not have the role; -EINVAL if a page of the region has
 * two writers, or if a member of @options is out of its bounds; -E2BIG if one is set that this
 * library does not know; or an error of mshare_make_view(3).
 */
int arena_make_view(struct mshare *m, const struct arena_layout *l, uint32_t role,
		    const struct arena_view_options *options, struct mshare **out);

/** arena_region() - the region of an arena; it still belongs to the arena if that opened it */
struct mshare *arena_region(const struct arena *a);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_OPEN_H */
