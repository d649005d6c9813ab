/* SPDX-License-Identifier: GPL-2.0 */
/* An open view: what the interface calls a region's fd. */
#ifndef _MSHA_FILE_H
#define _MSHA_FILE_H

#include <linux/fs.h>

struct msha_view;

/* file->private_data is the view; the file holds a reference on its region. */
extern const struct file_operations msha_file_ops;

/**
 * msha_file_new() - open a view without its node
 * @v: view
 * @writable: for writing as well as for reading
 *
 * Return: the file, or ERR_PTR.
 */
struct file *msha_file_new(struct msha_view *v, bool writable);

/** msha_file_is_writable() - a view with a writable range, open for writing? */
bool msha_file_is_writable(const struct file *file);

#endif /* _MSHA_FILE_H */
