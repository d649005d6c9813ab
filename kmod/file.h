/* SPDX-License-Identifier: GPL-2.0 */
/* Files: an open view, which the interface calls a region's descriptor. */
#ifndef _MSHA_FILE_H
#define _MSHA_FILE_H

#include <linux/fs.h>

struct msha_view;

/* file->private_data is the view; the file holds a reference on its region. */
extern const struct file_operations msha_file_ops;

/**
 * msha_file_new() - open a view without using its node
 * @v: view
 * @writable: open it for writing as well as for reading
 *
 * Return: the file, or an ERR_PTR.
 */
struct file *msha_file_new(struct msha_view *v, bool writable);

/**
 * msha_file_is_writable() - true if the file was opened for writing and its
 * view has a writable range
 */
bool msha_file_is_writable(const struct file *file);

#endif /* _MSHA_FILE_H */
