/* SPDX-License-Identifier: GPL-2.0 */
/* All limits of the module, with their units. msharearena(4) explains them. */
#ifndef _MSHA_LIMITS_H
#define _MSHA_LIMITS_H

#include <linux/pgtable.h>

/*
 * A window is the range that one P4D entry maps. The windows below 2^47 belong
 * to user space with both 4- and 5-level paging. The module chooses windows
 * from FIRST to LAST, which are above the shadow memory of address sanitizers
 * and below the executables, libraries and stacks that the kernel maps.
 */
enum msha_windows {
	MSHA_WINDOW_COUNT = 256,	/* windows in 2^47 bytes */
	MSHA_WINDOW_FIRST = 64,		/* 0x200000000000 */
	MSHA_WINDOW_LAST = 159,		/* 0x4f8000000000 */
};

#define MSHA_WINDOW_SIZE	P4D_SIZE
#define MSHA_WINDOW_MASK	P4D_MASK

/*
 * Of the MSHA_MAX_* places in a region, the last MSHA_OWN_* are reserved for its
 * owner and CAP_SYS_RESOURCE, so that other users cannot exhaust them.
 */
enum msha_limits {
	MSHA_MAX_MINORS = 1 << 20,	/* device nodes, one a view */
	MSHA_MAX_VIEWS = 64,		/* views of one region */
	MSHA_MAX_CHUNKS = 65536,	/* exports to one region */
	MSHA_OWN_CHUNKS = 4096,
	MSHA_MAX_ATTACHMENTS = 4096,	/* attachments of one region */
	MSHA_OWN_ATTACHMENTS = 1024,
	MSHA_USER_ATTACHMENTS = 2048,	/* attachments of one user */
	MSHA_MAX_RINGS = 1024,		/* rings that wait in one region */
	MSHA_OWN_RINGS = 256,
	MSHA_USER_RINGS = 512,		/* rings of one user that wait */
	MSHA_ATTACHMENT_RINGS = 256,	/* rings of one attachment that wait */
	MSHA_RING_COPIES = 16,		/* waiting copies of one ring */
	MSHA_PIN_BATCH = 512,		/* 4 KiB pages pinned in one call */
	MSHA_PIN_LOOKS = 64,		/* attempts to read stable counters */
	MSHA_RETRY_FIRST_MS = 50,	/* first pause before a retry */
	MSHA_RETRY_LAST_MS = 500,	/* longest pause, reached by doubling */
};

#endif /* _MSHA_LIMITS_H */
