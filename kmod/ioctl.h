/* SPDX-License-Identifier: GPL-2.0 */
/* Dispatch of the ioctl commands, with the checks of their structures. */
#ifndef _MSHA_IOCTL_H
#define _MSHA_IOCTL_H

struct file;

/** msha_ioctl() - unlocked_ioctl of the control device and of views */
long msha_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

#endif /* _MSHA_IOCTL_H */
