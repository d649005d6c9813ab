/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libarena: buffers that cannot be misused.
 *
 * A struct arena is one process's part in a region: the role it plays, and in
 * private memory what becomes of each buffer:
 *
 *	own groups:	FREE -> OWNED -> IN_IO -> OWNED -> LENT -> FREE
 *	a peer's:	       BORROWED -> IN_IO -> BORROWED -> returned
 *
 * IN_IO: the kernel works on it, once for each operation, from before that is
 * submitted until its last completion has come, also if it is cancelled. LENT: a
 * peer has it. LOST: a peer that had it died. A buffer is named by a handle, which goes
 * stale when the buffer is freed, handed over or given back; only a handle that
 * is good gives a pointer, and only while the pointer may be used.
 *
 * Misuse is refused with an error (NULL from accessors); in a library built
 * with ARENA_DEBUG it ends the process with the story of the buffer. What a peer
 * says wrongly is never misuse: it is -EPROTO, always.
 *
 * One thread uses a struct arena; nothing here locks, and nothing but
 * arena_open(), arena_close() and arena_reclaim() makes a system call.
 */
#ifndef ARENA_ARENA_H
#define ARENA_ARENA_H

#include <mshare.h>
#include <stddef.h>
#include <stdint.h>

#include <arena/layout.h>
#include <arena/extent.h>
#include <arena/ref.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct arena;

/**
 * struct arena_buf - a handle: a run of buffers of one group, during one life
 * @index: first buffer
 * @generation: of its life; never 0, so that a zeroed handle is none
 * @group: the group
 * @count: buffers
 *
 * To be copied freely, and compared with nothing: members are the library's.
 */
struct arena_buf {
	uint32_t index;
	uint32_t generation;
	uint16_t group;
	uint16_t count;
};

/* Where a call was made, for the story. */
#define ARENA_STRINGIFY_(x)	#x
#define ARENA_STRINGIFY(x)	ARENA_STRINGIFY_(x)
#define ARENA_SITE		(__FILE__ ":" ARENA_STRINGIFY(__LINE__))

/**
 * arena_open() - take a role in a region
 * @m: region, open; it is attached if it is not yet, and must outlive the arena
 * @role: ARENA_ROLE(class, number)
 * @out: the arena, to be closed with arena_close()
 *
 * Return: 0; -ENOENT if the layout has no such role; -EPROTO, -ERANGE as
 * arena_layout_read(); or an error of mshare_attach(3).
 */
int arena_open(struct mshare *m, uint32_t role, struct arena **out);

/**
 * arena_close() - end it; NULL is allowed
 *
 * Return: 0, or -EBUSY if the kernel still works on a buffer: close rings first.
 */
int arena_close(struct arena *a);

/** arena_layout() - the private, checked copy of the layout */
const struct arena_layout *arena_layout(const struct arena *a);
/** arena_base() - where the region is attached */
void *arena_base(const struct arena *a);
/** arena_role() - the role taken */
uint32_t arena_role(const struct arena *a);

/**
 * arena_get() - FREE -> OWNED: a run of @count consecutive buffers of a group
 * @a: arena
 * @group: one of our own, not for control
 * @count: 1 to 65535
 * @out: the handle
 *
 * O(1), in private memory only.
 *
 * Return: 0; -ENOSPC if no such run was found, as arena_pool_get() says; -EINVAL
 * if the group could never hold it, or is none; -EACCES if it is not ours, or is for
 * control.
 */
#define arena_get(a, group, count, out) \
	arena_get_at(a, group, count, out, ARENA_SITE)
int arena_get_at(struct arena *a, uint32_t group, uint32_t count,
		 struct arena_buf *out, const char *site);

/**
 * arena_get_for() - the same, from any of our groups with this use
 * @use: 1 to ARENA_MAX_USE
 *
 * Goes on with the group that served last; tries each other once. -EACCES if
 * none of ours has this use.
 */
#define arena_get_for(a, use, count, out) \
	arena_get_for_at(a, use, count, out, ARENA_SITE)
int arena_get_for_at(struct arena *a, uint32_t use, uint32_t count,
		     struct arena_buf *out, const char *site);

/**
 * arena_put() - OWNED -> FREE
 *
 * Return: 0; -ESTALE if the handle is of an earlier life (double free, too);
 * -EBUSY if the buffer is IN_IO; -EPERM if it is LENT or LOST; -EACCES if it is not
 * of our own groups; -EINVAL if it never was a handle.
 * The same errors, for the same reasons, from all calls with a handle.
 */
#define arena_put(a, b) arena_put_at(a, b, ARENA_SITE)
int arena_put_at(struct arena *a, struct arena_buf b, const char *site);

/**
 * arena_ptr() - a pointer to write through, while the buffer is OWNED
 *
 * Return: the address of the run, or NULL. Do not keep it: ask again after each
 * call that changes the buffer's state.
 */
#define arena_ptr(a, b) arena_ptr_at(a, b, ARENA_SITE)
void *arena_ptr_at(struct arena *a, struct arena_buf b, const char *site);

/**
 * arena_ptr_const() - a pointer to read through, while OWNED or BORROWED
 *
 * What is BORROWED can change under a reader if the peer breaks the protocol: read
 * structures with arena_receive() or arena_snapshot(), once.
 */
#define arena_ptr_const(a, b) arena_ptr_const_at(a, b, ARENA_SITE)
const void *arena_ptr_const_at(struct arena *a, struct arena_buf b, const char *site);

/** arena_size() - bytes of the run, whatever its state; 0 if it is no handle */
size_t arena_size(const struct arena *a, struct arena_buf b);
/** arena_state() - what becomes of the buffer, never misuse */
enum arena_state arena_state(const struct arena *a, struct arena_buf b);

/**
 * arena_io_begin() - OWNED, BORROWED or IN_IO -> IN_IO, for one more operation
 * @a: arena
 * @b: buffer
 * @writes: the kernel writes into it; refused with -EACCES if it is BORROWED
 * @site: where
 *
 * For whoever submits operations: libarena's own ring does, see ring.h.
 * arena_io_end() for each is called when it has completed for good.
 */
#define arena_io_begin(a, b, writes) arena_io_begin_at(a, b, writes, ARENA_SITE)
int arena_io_begin_at(struct arena *a, struct arena_buf b, int writes, const char *site);

/**
 * arena_io_end() - one operation has completed; after the last, as before the first
 *
 * -EINVAL, too, if it is not IN_IO.
 */
#define arena_io_end(a, b) arena_io_end_at(a, b, ARENA_SITE)
int arena_io_end_at(struct arena *a, struct arena_buf b, const char *site);

/**
 * arena_io_address() - where a IN_IO run lies: for the operation it is lent to
 *
 * Return: the address, or NULL if it is not IN_IO.
 */
void *arena_io_address(const struct arena *a, struct arena_buf b);

/**
 * arena_lend() - OWNED -> LENT to a peer
 * @a: arena
 * @b: buffer; the handle is of no more use to us but for arena_state()
 * @peer: role of the peer: any other of the layout, else -EINVAL
 * @ref: filled in: what the peer calls the buffer by, to be sent to it. Until it is
 *	sent nobody has the buffer, and arena_unlend() takes it back.
 */
#define arena_lend(a, b, peer, ref) arena_lend_at(a, b, peer, ref, ARENA_SITE)
int arena_lend_at(struct arena *a, struct arena_buf b, uint32_t peer,
		  struct arena_ref *ref, const char *site);

/**
 * arena_unlend() - LENT -> OWNED, if the message could not be sent
 *
 * LOST -> OWNED, too: the peer's end may be noticed first. -EINVAL if it is OWNED.
 */
#define arena_unlend(a, b) arena_unlend_at(a, b, ARENA_SITE)
int arena_unlend_at(struct arena *a, struct arena_buf b, const char *site);

/**
 * arena_regain() - LENT -> OWNED, on the peer's word
 * @a: arena
 * @peer: who says so, as the channel knows, not as the message says
 * @ref: as the peer sent it
 * @out: the handle again
 *
 * Return: 0, or -EPROTO if this peer does not have exactly this run.
 */
int arena_regain(struct arena *a, uint32_t peer, const struct arena_ref *ref,
		 struct arena_buf *out);

/**
 * arena_borrow() - a run that a peer has handed to us: BORROWED
 * @a: arena
 * @peer: who, as the channel knows
 * @ref: as the peer sent it
 * @out: the handle
 *
 * Everything the peer wrote before it sent the message is visible now.
 *
 * Return: 0; -EPROTO if there is no such run, if it is not one of this peer's, or if
 * we have any of it already; -ENOMEM if it is the first of its group, for which there
 * has to be a table.
 */
int arena_borrow(struct arena *a, uint32_t peer, const struct arena_ref *ref,
		 struct arena_buf *out);

/**
 * arena_return() - BORROWED -> the peer's again
 * @a: arena
 * @b: buffer; not while it is IN_IO
 * @ref: filled in: as the peer sent it, to be sent back
 *
 * -EACCES if it is of our own groups.
 */
#define arena_return(a, b, ref) arena_return_at(a, b, ref, ARENA_SITE)
int arena_return_at(struct arena *a, struct arena_buf b, struct arena_ref *ref,
		    const char *site);

/**
 * arena_peer_died() - what a peer had is LOST, what we had of it is not ours
 * @a: arena
 * @peer: its role
 *
 * What the kernel still does for the dead peer may read or write the LOST buffers:
 * they are not free before arena_reclaim(). Handles of what was BORROWED go
 * stale, those that are IN_IO when the last operation is done: until then no
 * successor of the peer can hand them to us.
 *
 * Return: how many buffers are LOST now.
 */
uint32_t arena_peer_died(struct arena *a, uint32_t peer);

/**
 * arena_reclaim() - LOST -> FREE, where the kernel has let go of the memory
 * @a: arena
 * @timeout_ms: how long to wait for it, as mshare_quiesce(3)
 *
 * A page in use keeps all that lies on it: with large pages that may be much, and
 * what is registered with a ring is in use until it no longer is. The
 * memfd backend cannot tell: -EOPNOTSUPP, if any is LOST, and they stay so.
 *
 * Return: how many buffers are LOST still, or -errno of mshare_quiesce(3).
 */
int64_t arena_reclaim(struct arena *a, int timeout_ms);

/**
 * arena_reset_group() - all of a group's buffers FREE, and all its handles stale
 *
 * Return: 0; -EBUSY if any is IN_IO, LENT or LOST: nothing has changed then;
 * -EACCES if the group is not ours. O(runs).
 */
#define arena_reset_group(a, group) arena_reset_group_at(a, group, ARENA_SITE)
int arena_reset_group_at(struct arena *a, uint32_t group, const char *site);

/** arena_usage() - count them; -EACCES if the group is not ours */
int arena_usage(const struct arena *a, uint32_t group, struct arena_usage *out);

/**
 * arena_version() - the version of the library that the program runs with
 *
 * Return: a constant text such as "0.1.0", and "0.1.0 (debug)" of the library that ends
 * a process that misuses a buffer.
 */
const char *arena_version(void);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_ARENA_H */
