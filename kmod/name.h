/* SPDX-License-Identifier: GPL-2.0 */
/* What a region or a view may be called. */
#ifndef _MSHA_NAME_H
#define _MSHA_NAME_H

#include <linux/types.h>

/**
 * msha_name_ok() - is this a name for a region or a view?
 * @name: a field of a caller's structure
 * @size: bytes of the field
 *
 * Letters, digits, '_', '-' and '.', not beginning with '.', then zeroes, one
 * at least. So a name can be a file's in /dev, sysfs and debugfs, and '!' can
 * join two of them.
 */
bool msha_name_ok(const char *name, size_t size);

#endif /* _MSHA_NAME_H */
