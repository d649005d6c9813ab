/* SPDX-License-Identifier: MIT */
/*
 * What tells a disk from another one that has its path: a device that goes away and comes back is
 * the same one, and another device in its place must not be served as if it were. This header must
 * not know how disks are opened.
 */
#ifndef COMMON_DISK_IDENTITY_H
#define COMMON_DISK_IDENTITY_H

#include <stdbool.h>

#define DISK_IDENTITY_SIZE	192

/**
 * disk_identity() - identify what lies at a path now
 * @path: path
 * @text: filled with what sysfs says of a device: its WWID, UUID, name or serial number, or else
 *	its size. Of a file it says only that it is one, as a file with the same name is the same
 *	disk
 *
 * Return: 0; -ENOTBLK if it is neither a device nor a regular file, -ENODATA if nothing is known of
 * it, or another -errno: @text is empty then.
 */
int disk_identity(const char *path, char text[DISK_IDENTITY_SIZE]);

/**
 * disk_identity_is_same() - are two identities those of one disk?
 * @before: what was found first
 * @now: what was found later; a disk of which only the size is known may have grown
 */
bool disk_identity_is_same(const char *before, const char *now);

#endif /* COMMON_DISK_IDENTITY_H */
