// SPDX-License-Identifier: MIT
/*
 * Goal: the NUMA node of a disk is found for each kind of disk.
 * Method: a tree like that of sysfs, with the links that the kernel has there.
 */
#define _GNU_SOURCE
#include <arenad/disk_node.h>
#include <arenad/topology.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char top[32];

static void fail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Make a folder and all those above it. */
static void folder(const char *name)
{
	char path[PATH_MAX];

	for (const char *end = strchr(name, '/'); ; end = strchr(end + 1, '/')) {
		int length = end ? (int)(end - name) : (int)strlen(name);

		snprintf(path, sizeof(path), "%s/%.*s", top, length, name);
		if (mkdir(path, 0700) && errno != EEXIST)
			fail(path);
		if (!end)
			return;
	}
}

/* Say that a folder is at a node. */
static void at_node(const char *name, int node)
{
	char path[PATH_MAX];
	FILE *f;

	folder(name);
	snprintf(path, sizeof(path), "%s/%s/numa_node", top, name);
	f = fopen(path, "w");
	if (!f || fprintf(f, "%d\n", node) < 0 || fclose(f))
		fail(path);
}

/* Make a link to a folder. */
static void lead(const char *name, const char *to)
{
	char path[PATH_MAX], target[PATH_MAX];

	folder(to);
	snprintf(path, sizeof(path), "%s/%s", top, name);
	snprintf(target, sizeof(target), "%s/%s", top, to);
	if (symlink(target, path))
		fail(path);
}

static void make_devices(void)
{
	folder("dev/block");
	folder("dev/char");
	at_node("devices/pci0/0000:01/nvme/nvme0", 1);
	lead("dev/block/259:0", "devices/pci0/0000:01/nvme/nvme0/nvme0n1");
	lead("dev/block/259:1", "devices/pci0/0000:01/nvme/nvme0/nvme0n1/nvme0n1p1");
	lead("dev/char/240:0", "devices/pci0/0000:01/nvme/nvme0/ng0n1");
	at_node("devices/pci0/0000:02", -1);
	lead("dev/block/8:0", "devices/pci0/0000:02/virtio1/block/vda");
	folder("devices/virtual/block/dm-0/slaves");
	lead("devices/virtual/block/dm-0/slaves/nvme0n1",
	     "devices/pci0/0000:01/nvme/nvme0/nvme0n1");
	lead("dev/block/253:0", "devices/virtual/block/dm-0");
	folder("devices/virtual/block/dm-1/slaves");
	lead("devices/virtual/block/dm-1/slaves/dm-0", "devices/virtual/block/dm-0");
	lead("dev/block/253:1", "devices/virtual/block/dm-1");
	folder("devices/virtual/block/dm-2/slaves");
	lead("devices/virtual/block/dm-2/slaves/dm-2", "devices/virtual/block/dm-2");
	lead("dev/block/253:2", "devices/virtual/block/dm-2");
	lead("dev/block/7:0", "devices/virtual/block/loop0");
	/* A namespace of several paths is below its subsystem, which has links to controllers. */
	lead("dev/block/259:9", "devices/virtual/nvme-subsystem/nvme-subsys1/nvme1n1");
	at_node("devices/pci0/0000:03/nvme/nvme1", 3);
	lead("devices/virtual/nvme-subsystem/nvme-subsys1/nvme1",
	     "devices/pci0/0000:03/nvme/nvme1");
}

static int node(bool is_block, unsigned int major, unsigned int minor)
{
	return disk_node_of_device(top, is_block, major, minor);
}

int main(void)
{
	char command[PATH_MAX];

	strcpy(top, "/tmp/disk-node-XXXXXX");
	if (!mkdtemp(top))
		fail(top);
	make_devices();
	is(node(true, 259, 0), 1, "a namespace is at the node of its controller");
	is(node(true, 259, 1), 1, "a partition is at the node of its disk");
	is(node(false, 240, 0), 1, "the character device of a namespace is at its node");
	is(node(true, 8, 0), TOPOLOGY_NO_NODE, "a disk whose controller is at node -1 has no node");
	is(node(true, 253, 0), 1, "a device of dm is at the node of what it is made of");
	is(node(true, 253, 1), 1, "a device of dm on dm is at the node of the disk below");
	is(node(true, 253, 2), TOPOLOGY_NO_NODE, "a device that is made of itself has no node");
	is(node(true, 7, 0), TOPOLOGY_NO_NODE, "a device without a controller has no node");
	is(node(true, 259, 9), 3, "a namespace of several paths is at the node of a controller");
	is(node(true, 1, 1), TOPOLOGY_NO_NODE, "a device that does not exist has no node");
	is(disk_node_find("/does/not/exist"), TOPOLOGY_NO_NODE, "no file has no node");
	ok(disk_node_find("/proc/self/exe") >= TOPOLOGY_NO_NODE, "a file has a node or none");
	snprintf(command, sizeof(command), "rm -r %s", top);
	return system(command) ? 1 : done_testing();
}
