/* SPDX-License-Identifier: GPL-2.0 */
/* Every bound of the module, with its unit. */
#ifndef _MSHA_LIMITS_H
#define _MSHA_LIMITS_H

#include <linux/pgtable.h>
#include <linux/sizes.h>

/*
 * A slot is what one P4D entry maps. The slots below 2^47 are user space with
 * 4- and 5-level paging alike. Those between FIRST and LAST are the ones the
 * module chooses from: above what address sanitizers shadow, below where the
 * kernel puts executables, libraries and stacks.
 */
enum msha_slots {
	MSHA_SLOT_COUNT = 256,		/* slots in 2^47 bytes */
	MSHA_SLOT_FIRST = 64,		/* 0x200000000000 */
	MSHA_SLOT_LAST = 159,		/* 0x4f8000000000 */
};

#define MSHA_SLOT_SIZE		P4D_SIZE
#define MSHA_SLOT_MASK		P4D_MASK

enum msha_limits {
	MSHA_MAX_MINORS = 1 << 20,	/* device nodes, one a view, until unload */
	MSHA_MAX_VIEWS = 64,		/* views of one region */
	MSHA_MAX_RINGS = 256,		/* rings published by one attachment */
	MSHA_PIN_BATCH = 512,		/* 4 KiB pages pinned in one go */
	MSHA_POLL_FIRST_MS = 1,		/* quiesce: between two looks, */
	MSHA_POLL_LAST_MS = 50,		/* doubling up to this */
	MSHA_PROMOTE_RETRY_MS = 50,	/* promotion: after a busy process */
};

#endif /* _MSHA_LIMITS_H */
