/* SPDX-License-Identifier: MIT */
/*
 * The one disk of a storage process: a block device, or a regular file for
 * development, opened with O_DIRECT.
 */
#ifndef SP_DISK_H
#define SP_DISK_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct sp_disk - an open disk
 * @fd: O_DIRECT; no other process has it open exclusively
 * @bytes: size, a multiple of @block_size
 * @block_size: least unit of I/O, a power of two, 512 to 4096
 * @readonly: must not be written
 */
struct sp_disk {
	int fd;
	uint64_t bytes;
	uint32_t block_size;
	bool readonly;
};

/**
 * sp_disk_open() - open a disk and find out its geometry
 * @d: filled
 * @path: of a block device or a regular file
 * @readonly: do not write it even if that is possible
 *
 * Logs what is wrong.
 *
 * Return: 0 or -errno.
 */
int sp_disk_open(struct sp_disk *d, const char *path, bool readonly);

void sp_disk_close(struct sp_disk *d);

#endif /* SP_DISK_H */
