// SPDX-License-Identifier: LGPL-2.1-or-later
#include "owner.h"

#include <stddef.h>
#include <sys/mman.h>

#define PAGE	4096

uint32_t *owner_process;
__thread uint64_t owner_thread;

/* The highest number of this process or one that it descends from. */
static uint32_t last_process;

static uint32_t process_number(void)
{
	uint32_t number = __atomic_load_n(owner_process, __ATOMIC_RELAXED), next;

	if (number)
		return number;
	/*
	 * Threads of a child that come here at once agree on one number. It is counted first, so
	 * that a child of fork(2) at any moment gets a higher one.
	 */
	next = __atomic_add_fetch(&last_process, 1, __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n(owner_process, &number, next, false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED) ? next : number;
}

/* Give this thread a number that no other thread has or had, nor has after fork(2). */
static uint64_t renew(void)
{
	static uint32_t last_thread;
	uint32_t thread = __atomic_add_fetch(&last_thread, 1, __ATOMIC_RELAXED);

	owner_thread = (uint64_t)process_number() << 32 | thread;
	return owner_thread;
}

/* Once for the process: memory that is zero in a child. */
static int make_guard(void)
{
	uint32_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0), *none = NULL;

	if (page == MAP_FAILED)
		return -ENOMEM;
	if (madvise(page, PAGE, MADV_WIPEONFORK) ||
	    !__atomic_compare_exchange_n(&owner_process, &none, page, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		munmap(page, PAGE);
	return __atomic_load_n(&owner_process, __ATOMIC_ACQUIRE) ? 0 : -ENOMEM;
}

int owner_begin(uint64_t *owner)
{
	int ret = 0;

	if (!__atomic_load_n(&owner_process, __ATOMIC_ACQUIRE))
		ret = make_guard();
	if (!ret)
		*owner = owner_thread && !owner_check(owner_thread) ? owner_thread : renew();
	return ret;
}
