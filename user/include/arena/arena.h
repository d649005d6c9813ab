/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Buffers, and which process may use them.
 *
 * A struct arena is one process's part in a region: its role, and its private record of
 * the state of every buffer. The unit is an extent: consecutive buffers of one group,
 * obtained and freed together. The states of an extent:
 *
 *	of our own groups:	FREE, OWNED, IN_IO, LENT, LOST
 *	of a peer's groups:	BORROWED, IN_IO
 *
 * message.h draws how they follow each other. OWNED: the process reads and writes it.
 * IN_IO: the kernel works on it, from before an operation is submitted until its last
 * completion has arrived, also if it is cancelled. LENT: a peer has it. LOST: a peer
 * that had it has died. BORROWED: a peer has lent it to us, and we read it.
 *
 * A process names an extent by a handle. The handle goes stale when the extent is
 * freed or returned. Only a valid handle gives a pointer, and only while the
 * pointer may be used.
 *
 * A call that misuses a buffer fails with an error, or with NULL where it returns a
 * pointer. A library built with ARENA_DEBUG ends the process instead and reports what
 * happened to the buffer before; see places.h. A wrong ref from a peer is no misuse:
 * calls with it always return -EPROTO.
 *
 * One thread uses a struct arena: the one that opened it. Nothing here takes locks. In
 * another thread, and in a child after fork(2), calls return -ECHILD, NULL or
 * ARENA_STALE; that check costs no system call. Only the calls that open and close an
 * arena and arena_reclaim() make system calls.
 *
 * This header knows nothing of channels and rings.
 */
#ifndef ARENA_ARENA_H
#define ARENA_ARENA_H

#include <mshare.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arena/layout.h>
#include <arena/open.h>
#include <arena/extent.h>
#include <arena/ref.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

struct arena;

/**
 * struct arena_buf - a handle: names an extent during one of its lives
 * @index: first buffer
 * @generation: number of the life; never 0, so a zeroed handle is no handle
 * @group: the group
 * @count: buffers
 *
 * Handles may be copied. They mean nothing to another process: struct arena_ref does.
 */
struct arena_buf {
	uint32_t index;
	uint32_t generation;
	uint16_t group;
	uint16_t count;
};

/** arena_layout() - the private, checked copy of the layout */
const struct arena_layout *arena_layout(const struct arena *a);
/** arena_base() - where the region is attached */
void *arena_base(const struct arena *a);
/** arena_role() - the role taken */
uint32_t arena_role(const struct arena *a);

/**
 * arena_get() - FREE -> OWNED: an extent of consecutive buffers of one group
 * @a: arena
 * @group: one of our own groups, and not a control group
 * @count: buffers, 1 to 65535
 * @out: filled with the handle
 *
 * O(1), in private memory only.
 *
 * Return: 0; -ENOSPC if no such extent was found now; -EINVAL if there is no such group
 * or it could never hold so many; -EACCES if the group is not ours, or is a control
 * group. An extent of more than 63 buffers may not be found although it is free, if the
 * longest free extent of the group exceeds @count by less than 1/32.
 */
int arena_get(struct arena *a, uint32_t group, uint32_t count, struct arena_buf *out);

/**
 * arena_get_for() - the same, from any of our groups that has this use
 * @a: arena
 * @use: of the groups, 1 to ARENA_MAX_USE
 * @count: buffers, 1 to 65535
 * @out: filled with the handle
 *
 * The group that served the last call is tried first, then each other once.
 *
 * Return: as arena_get(); -EACCES if none of our groups has this use.
 */
int arena_get_for(struct arena *a, uint32_t use, uint32_t count, struct arena_buf *out);

/**
 * arena_put() - OWNED -> FREE
 * @a: arena
 * @b: handle; it is stale afterwards
 *
 * Return: 0; -ESTALE if the handle is of an earlier life, as after a double free;
 * -EBUSY if the extent is IN_IO; -EPERM if it is LENT or LOST; -EACCES if the group is
 * not ours; -EINVAL if this never was a handle. All calls that take a handle return
 * these errors for the same reasons.
 */
int arena_put(struct arena *a, struct arena_buf b);

/**
 * arena_ptr() - the address of an extent that is OWNED, to read and to write
 * @a: arena
 * @b: handle
 *
 * The pointer may be used until the next call that changes the extent's state. Do not
 * keep it: ask again.
 *
 * Return: the address, or NULL if the extent is in any other state.
 */
void *arena_ptr(struct arena *a, struct arena_buf b);

/**
 * arena_ptr_const() - the address of an extent that is OWNED or BORROWED, to read
 * @a: arena
 * @b: handle
 *
 * A peer that breaks the protocol can write to an extent while we have it BORROWED. Read
 * structures out of it once, with arena_receive() or arena_snapshot().
 *
 * Return: the address, or NULL if the extent is in any other state.
 */
const void *arena_ptr_const(struct arena *a, struct arena_buf b);

/** arena_size() - bytes of the extent, in any state; 0 if the handle is not good */
size_t arena_size(const struct arena *a, struct arena_buf b);
/** arena_state() - state of the extent; ARENA_STALE if the handle is not good */
enum arena_state arena_state(const struct arena *a, struct arena_buf b);

/**
 * arena_io_begin() - OWNED, BORROWED or IN_IO -> IN_IO, for one more operation
 * @a: arena
 * @b: handle
 * @writes: the kernel writes into the extent
 *
 * Rings of the library (ring.h) call this themselves. A program that submits
 * operations in another way calls it before it submits, and arena_io_end() after the
 * last completion.
 *
 * Return: 0; -EACCES if @writes and the extent is BORROWED; else as arena_put().
 */
int arena_io_begin(struct arena *a, struct arena_buf b, bool writes);

/**
 * arena_io_end() - one operation has ended; after the last one OWNED or BORROWED again
 * @a: arena
 * @b: handle
 *
 * Return: 0; -EINVAL if the extent is not IN_IO; else as arena_put().
 */
int arena_io_end(struct arena *a, struct arena_buf b);

/**
 * arena_io_address() - the address of an extent that is IN_IO, for the operation
 * @a: arena
 * @b: handle
 *
 * Return: the address, or NULL if the extent is in any other state.
 */
void *arena_io_address(const struct arena *a, struct arena_buf b);

/**
 * arena_lend() - OWNED -> LENT: a peer may read it
 * @a: arena
 * @b: handle; from now on good only for arena_state(), arena_size() and
 *	arena_unlend()
 * @peer: the peer's role: any of the layout but our own
 * @ref: filled in, to be sent to the peer
 *
 * Return: 0; -EINVAL if there is no such @peer; else as arena_put().
 */
int arena_lend(struct arena *a, struct arena_buf b, uint32_t peer, struct arena_ref *ref);

/**
 * arena_unlend() - LENT or LOST -> OWNED, because the ref could not be sent
 * @a: arena
 * @b: handle
 *
 * Never for a ref that may have been sent, as long as the peer lives. LOST is allowed
 * because the peer's death may be noticed before the send fails, and for a caller that
 * knows that the kernel does nothing for the dead peer any more: see arena_reclaim().
 *
 * Return: 0; -EINVAL if the extent is OWNED; else as arena_put().
 */
int arena_unlend(struct arena *a, struct arena_buf b);

/**
 * arena_regain() - LENT -> OWNED: the peer has returned it
 * @a: arena
 * @peer: role of the peer at the other end of the channel that @ref arrived by
 * @ref: as the peer sent it
 * @out: filled with a handle of the extent
 *
 * Return: 0, or -EPROTO if this peer does not have exactly this extent.
 */
int arena_regain(struct arena *a, uint32_t peer, const struct arena_ref *ref,
		 struct arena_buf *out);

/**
 * arena_borrow() - BORROWED: a peer has lent it to us
 * @a: arena
 * @peer: role of the peer at the other end of the channel that @ref arrived by
 * @ref: as the peer sent it
 * @out: filled with a handle of the extent
 *
 * Everything that the peer wrote before it sent the message is visible.
 *
 * Return: 0; -EPROTO if there is no such extent, if the group is not the peer's, or if
 * we have any of its buffers already; -ENOMEM if there is no memory for the record of
 * the peer's group, which is made when its first extent arrives.
 */
int arena_borrow(struct arena *a, uint32_t peer, const struct arena_ref *ref,
		 struct arena_buf *out);

/**
 * arena_return() - end the use of a BORROWED extent, so that its owner can regain it
 * @a: arena
 * @b: handle; it is stale afterwards
 * @ref: filled in as the peer sent it, to be sent back
 *
 * Return: 0; -EACCES if the group is our own; else as arena_put().
 */
int arena_return(struct arena *a, struct arena_buf b, struct arena_ref *ref);

/**
 * arena_peer_died() - extents that a peer had: LENT -> LOST; those that it lent us are gone
 * @a: arena
 * @peer: its role
 *
 * The kernel may still read or write LOST extents on behalf of the dead process, so
 * they are not free before arena_reclaim(). Handles of BORROWED extents go stale. One
 * that is IN_IO goes stale when its last operation has ended; until then no successor
 * of the peer can lend us any of its buffers.
 *
 * Return: number of buffers that are LOST now, or -ECHILD.
 */
int64_t arena_peer_died(struct arena *a, uint32_t peer);

/**
 * arena_reclaim() - LOST -> FREE, where the kernel no longer uses the memory
 * @a: arena
 * @timeout_ms: how long to wait for the kernel; 0: not at all; -1: without limit
 *
 * A page that is in use keeps all extents that lie on it, which with large pages can be
 * many. Memory that is registered with a ring is in use.
 *
 * A memfd cannot tell which pages are in use. There extents stay LOST, unless the caller
 * knows that the dead process's operations have ended, and calls arena_reclaim_from():
 * a successor that has taken the peer's role knows that, and can say so (arena_open()).
 *
 * Return: number of buffers that are still LOST, or an error of mshare_quiesce(3):
 * -EOPNOTSUPP if any are LOST and the region is a memfd.
 */
int64_t arena_reclaim(struct arena *a, int timeout_ms);

/**
 * arena_reclaim_from() - LENT or LOST -> FREE: all that a dead peer had
 * @a: arena
 * @peer: its role
 *
 * Only for a caller that knows that the kernel does nothing for the dead peer any more, as when a
 * successor has taken the role of that peer: see arena_reclaim(). Extents of which the caller still
 * needs the contents are taken back by arena_unlend() before. Extents that the peer has lent us
 * stay BORROWED, see arena_list_borrowed().
 *
 * Return: number of buffers that were freed, or -ECHILD.
 */
int64_t arena_reclaim_from(struct arena *a, uint32_t peer);

/**
 * arena_list_borrowed() - the extents of a peer that this process has, for the peer's successor
 * @a: arena
 * @peer: role of the peer
 * @ref: filled with the refs by which the peer lent them
 * @room: entries of @ref
 *
 * A process that does not call arena_peer_died() goes on to use what a dead peer has lent it, and
 * tells the successor, which calls arena_lend_held(). Extents are listed until arena_return() or,
 * if arena_peer_died() was called, until the last operation on them has ended. O(buffers of the
 * peer's groups / 64).
 *
 * Return: number of extents, also if it is greater than @room; or -ECHILD.
 */
int64_t arena_list_borrowed(const struct arena *a, uint32_t peer, struct arena_ref *ref,
			    uint32_t room);

/**
 * arena_lend_held() - FREE -> LENT: a peer has it since before this process took its role
 * @a: arena
 * @peer: role of the peer at the other end of the channel that @ref arrived by
 * @ref: as the peer sent it, one of those of arena_list_borrowed()
 *
 * For the successor of a process that died, before it uses any buffer. The peer returns the extent
 * as any other. O(extents of the group).
 *
 * Return: 0; -EPROTO if there is no such peer or extent, if the group is not ours, or if any
 * of the buffers is in use.
 */
int arena_lend_held(struct arena *a, uint32_t peer, const struct arena_ref *ref);

/**
 * arena_skip_lives() - let the generations of all extents begin at another number
 * @a: arena, of which no extent was used yet
 * @lives: the first life has this number plus 1
 *
 * For the successor of a process that died: a ref of that process, which some peer still has and
 * did not name to arena_lend_held(), should not be taken for one of this process. Each successor
 * takes another number; they should lie far apart in their low 16 bits.
 *
 * Return: 0 or -ECHILD.
 */
int arena_skip_lives(struct arena *a, uint32_t lives);

/**
 * arena_reset_group() - make all buffers of a group FREE, and all its handles stale
 * @a: arena
 * @group: one of our own
 *
 * O(extents).
 *
 * Return: 0; -EBUSY if any buffer is IN_IO, LENT or LOST, and then nothing has changed;
 * -EACCES if the group is not ours.
 */
int arena_reset_group(struct arena *a, uint32_t group);

/**
 * arena_usage() - count a group's buffers by state
 * @a: arena
 * @group: one of our own
 * @out: filled
 *
 * Return: 0, or -EACCES if the group is not ours.
 */
int arena_usage(const struct arena *a, uint32_t group, struct arena_usage *out);

/**
 * arena_keep_usage() - keep a group's counts where others can see them, as in shared memory
 * @a: arena
 * @group: one of our own
 * @at: where, with its @size set; it gets the counts of now, and each change from then on. It has
 *	to stay until the arena is closed, and nobody else may write to it: the library relies on it
 *
 * It costs nothing later, as the library keeps the counts in any case. Each of them is written
 * whole, but not all of them at once.
 *
 * Return: 0; -EACCES if the group is not ours; -EINVAL if the structure is smaller than that of the
 * library, which was built for a newer program.
 */
int arena_keep_usage(struct arena *a, uint32_t group, struct arena_usage *at);

/**
 * arena_version() - the version of the library that the program runs with
 *
 * Return: a constant text such as "0.1.0", and "0.1.0 (debug)" of the library that ends
 * a process that misuses a buffer.
 */
const char *arena_version(void);

/**
 * arena_why() - why a call of this thread refused what it was given
 *
 * A call keeps a reason when it refuses a member of its options, of a configuration or of an
 * operation as not valid: arena_create(), arena_open(), arena_open_fd(), arena_layout_make(),
 * arena_make_view(), arena_channel_open(), arena_ring_open() and those that begin an operation of a
 * ring. Other errors, and calls that succeed, change nothing.
 *
 * Return: a constant text for people, which begins with the name of the member, such as
 * "wait: is not one of enum arena_wait"; NULL if no call of this thread has kept one.
 */
const char *arena_why(void);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop

#include <arena/places.h>

#endif /* ARENA_ARENA_H */
