/* SPDX-License-Identifier: GPL-2.0 */
/* The commands of the two kinds of file, from user memory to the nouns. */
#ifndef _MSHA_IOCTL_H
#define _MSHA_IOCTL_H

struct file;

/** msha_control_ioctl() - file_operations.unlocked_ioctl of the control device */
long msha_control_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
/** msha_view_ioctl() - file_operations.unlocked_ioctl of a view */
long msha_view_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* _MSHA_IOCTL_H */
