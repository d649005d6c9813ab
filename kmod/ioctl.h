/* SPDX-License-Identifier: GPL-2.0 */
/* The commands, from user memory to the nouns. */
#ifndef _MSHA_IOCTL_H
#define _MSHA_IOCTL_H

struct file;

/** msha_ioctl() - file_operations.unlocked_ioctl of both kinds of file */
long msha_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* _MSHA_IOCTL_H */
