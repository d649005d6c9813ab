/* SPDX-License-Identifier: MIT */
/*
 * The NUMA node of a disk. This header must not know who serves the disk.
 */
#ifndef ARENAD_DISK_NODE_H
#define ARENAD_DISK_NODE_H

#include <stdbool.h>

/**
 * disk_node_of_device() - the node of a device
 * @sys: where sysfs is, "/sys"
 * @is_block: it is a block device and not a character device
 * @major: its number
 * @minor: its number
 *
 * It is the node of the controller that is next above the device. A device that is made of others
 * (a partition, dm, md, loop, a namespace of NVMe with several paths) is at the node of the first
 * of them.
 *
 * Return: the node, or TOPOLOGY_NO_NODE if the kernel does not say.
 */
int disk_node_of_device(const char *sys, bool is_block, unsigned int major, unsigned int minor);

/** disk_node_find() - the node of the disk at @path: of a device, or of that which has the file */
int disk_node_find(const char *path);

#endif /* ARENAD_DISK_NODE_H */
