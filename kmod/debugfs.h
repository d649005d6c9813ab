/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/kernel/debug/msharearena/ADDRESS/, readable by root only. */
#ifndef _MSHA_DEBUGFS_H
#define _MSHA_DEBUGFS_H

struct msha_region;

/** msha_debugfs_add() - create a region's directory; failure is harmless */
void msha_debugfs_add(struct msha_region *r);
/** msha_debugfs_del() - remove a region's directory; waits for readers */
void msha_debugfs_del(struct msha_region *r);

void msha_debugfs_init(void);
void msha_debugfs_exit(void);

#endif /* _MSHA_DEBUGFS_H */
