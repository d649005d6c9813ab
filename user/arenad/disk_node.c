// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "disk_node.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "topology.h"

/* A device may be made of others, which may be made of others, so many times. */
#define MOST_LAYERS	8

static int find_above(const char *path, unsigned int layers);

/* Read the file numa_node in a folder, which has -1 where there are no nodes. */
static int read_node(const char *folder)
{
	int node = TOPOLOGY_NO_NODE;
	char path[PATH_MAX];
	FILE *f;

	if (snprintf(path, sizeof(path), "%s/numa_node", folder) >= (int)sizeof(path))
		return node;
	f = fopen(path, "re");
	if (!f)
		return node;
	if (fscanf(f, "%d", &node) != 1 || node < 0)
		node = TOPOLOGY_NO_NODE;
	fclose(f);
	return node;
}

/* The node of what @link leads to. */
static int follow(const char *link, unsigned int layers)
{
	char path[PATH_MAX];

	return layers && realpath(link, path) ? find_above(path, layers - 1) : TOPOLOGY_NO_NODE;
}

/* The first node that is known of the links in @folder whose names begin with @prefix. */
static int find_in(const char *folder, const char *prefix, unsigned int layers)
{
	int node = TOPOLOGY_NO_NODE;
	DIR *entries = opendir(folder);
	struct dirent *entry;

	while (node == TOPOLOGY_NO_NODE && entries && (entry = readdir(entries))) {
		char link[PATH_MAX];

		if (entry->d_type == DT_LNK && !strncmp(entry->d_name, prefix, strlen(prefix)) &&
		    snprintf(link, sizeof(link), "%s/%s", folder, entry->d_name) <
		    (int)sizeof(link))
			node = follow(link, layers);
	}
	if (entries)
		closedir(entries);
	return node;
}

/* A folder knows its node, or that of what it is made of. */
static int find_at(const char *folder, unsigned int layers)
{
	char slaves[PATH_MAX + sizeof("/slaves")];
	int node = read_node(folder);

	if (node != TOPOLOGY_NO_NODE)
		return node;
	snprintf(slaves, sizeof(slaves), "%s/slaves", folder);
	node = find_in(slaves, "", layers);
	/* The controllers of a subsystem whose namespaces have several paths. */
	return node != TOPOLOGY_NO_NODE ? node : find_in(folder, "nvme", layers);
}

/* Look in a folder of devices and all folders above. */
static int find_above(const char *path, unsigned int layers)
{
	int node = TOPOLOGY_NO_NODE;
	char folder[PATH_MAX];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	while (node == TOPOLOGY_NO_NODE && (slash = strrchr(folder, '/')) && slash != folder) {
		node = find_at(folder, layers);
		*slash = '\0';
	}
	return node;
}

int disk_node_of_device(const char *sys, bool is_block, unsigned int major, unsigned int minor)
{
	char link[PATH_MAX];

	if (snprintf(link, sizeof(link), "%s/dev/%s/%u:%u", sys, is_block ? "block" : "char",
		     major, minor) >= (int)sizeof(link))
		return TOPOLOGY_NO_NODE;
	return follow(link, MOST_LAYERS);
}

int disk_node_find(const char *path)
{
	bool is_device;
	struct stat st;
	dev_t device;

	if (stat(path, &st))
		return TOPOLOGY_NO_NODE;
	is_device = S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode);
	device = is_device ? st.st_rdev : st.st_dev;
	return disk_node_of_device("/sys", !S_ISCHR(st.st_mode), major(device), minor(device));
}
