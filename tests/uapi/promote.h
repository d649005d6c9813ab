/* SPDX-License-Identifier: MIT */
/* Helpers for tests of promotion: how a region's memory is mapped, and waiting for it. */
#ifndef UAPI_PROMOTE_H
#define UAPI_PROMOTE_H

#include "views.h"

/* How the table that processes attach now, and its twin, map one GiB of a view. */
struct gib {
	char mapped[16];
	char twin[16];
};

/* Read this from debugfs; false if there is no such line. */
static inline bool gib_of(const char *region, const char *view, int number, struct gib *g)
{
	const char *path = debugfs_path(region_addr(region), "tables");
	char line[160], name[40];
	bool found = false;
	FILE *f;
	int n;

	f = fopen(path, "re");
	if (!f)
		bail("%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%39s %d %15s %15s", name, &n, g->mapped, g->twin) == 4 &&
			!strcmp(name, view) && n == number;
	fclose(f);
	return found;
}

/* True if both twins map this GiB by a leaf of 1 GiB. */
static inline bool gib_whole(const char *region, const char *view, int number)
{
	struct gib g;

	return gib_of(region, view, number, &g) && !strcmp(g.mapped, "1G") &&
	       !strcmp(g.twin, "1G");
}

static inline bool gib_demoted(const char *region, const char *view, int number)
{
	struct gib g;

	return gib_of(region, view, number, &g) && (!strcmp(g.mapped, "1G-as-2M") ||
						    !strcmp(g.twin, "1G-as-2M"));
}

/* Wait until all demoted leaves are promoted, which takes a while under emulation and load. */
static inline bool all_promoted(int fd)
{
	for (int ms = 0; ms < 120000; ms += 5) {
		struct msharearena_region r = view_region(fd);

		if (r.promotions == r.demotions)
			return true;
		usleep(5000);
	}
	return false;
}

#endif /* UAPI_PROMOTE_H */
