/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Owners: the thread that opened an object, which alone may use it. A call finds out without a
 * system call whether it runs in that thread, in another one, or in a child of fork(2).
 *
 * This header must not know the objects.
 */
#ifndef ARENA_OWNER_H
#define ARENA_OWNER_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* The fork guard: the number of this process, and 0 in a child that has none yet. */
extern uint32_t *owner_process;

/*
 * The number of the process, then that of the thread, or 0 in a thread that has opened nothing.
 * With this model a shared object, too, needs no call to find the variable.
 */
extern __thread uint64_t owner_thread __attribute__((tls_model("initial-exec")));

/**
 * owner_begin() - the owner of an object that this thread opens
 * @owner: filled; never 0
 *
 * Return: 0 or -ENOMEM.
 */
int owner_begin(uint64_t *owner);

/**
 * owner_check() - 0 for the thread that opened it; -ECHILD for others and after fork(2)
 * @owner: from owner_begin()
 *
 * A child of fork(2) has its parent's @owner_thread, but not its number of the process.
 */
static inline int owner_check(uint64_t owner)
{
	bool is_own = owner == owner_thread &&
		      owner >> 32 == __atomic_load_n(owner_process, __ATOMIC_RELAXED);

	return __builtin_expect(is_own, true) ? 0 : -ECHILD;
}

/** owner_is_parent() - true if this process is a child of the one that opened the object */
static inline bool owner_is_parent(uint64_t owner)
{
	return owner >> 32 != __atomic_load_n(owner_process, __ATOMIC_RELAXED);
}

#endif /* ARENA_OWNER_H */
