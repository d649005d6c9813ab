// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include "donor.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <linux/msharearena.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/**
 * struct mapping - a line of /proc/self/maps
 * @start: first address
 * @end: address after the last
 * @perms: as in "rw-p"
 * @device: device of its file, 0 if it has no file
 */
struct mapping {
	uint64_t start;
	uint64_t end;
	char perms[5];
	dev_t device;
};

/**
 * struct kind - a kind of memory of which a region can be made
 * @device: the device that its mappings show
 * @page_size: bytes of a page
 *
 * The kernel has an internal mount for each size of huge pages, on which anonymous
 * huge pages and memfds lie. So the device gives the size, and proves that the memory
 * is not a file on a hugetlbfs that is mounted somewhere. smaps shows the size, too,
 * but reading it walks the page tables, which demotes leaves of attached regions.
 */
struct kind {
	dev_t device;
	uint64_t page_size;
};

enum {
	KIND_4K,
	KIND_2M,
	KIND_1G,
	N_KINDS,
};

/* An empty memfd takes no page. A size that the machine lacks has no device. */
static dev_t huge_device(unsigned int flags)
{
	int fd = memfd_create("mshare-probe", MFD_CLOEXEC | MFD_HUGETLB | flags);
	dev_t device = (dev_t)-1;
	struct stat st;

	if (fd < 0)
		return device;
	if (!fstat(fd, &st))
		device = st.st_dev;
	close(fd);
	return device;
}

static void find_kinds(struct kind kinds[N_KINDS])
{
	kinds[KIND_4K] = (struct kind){ 0, MSHAREARENA_PAGE_4K };
	kinds[KIND_2M] = (struct kind){ huge_device(MFD_HUGE_2MB), MSHAREARENA_PAGE_2M };
	kinds[KIND_1G] = (struct kind){ huge_device(MFD_HUGE_1GB), MSHAREARENA_PAGE_1G };
}

/* The page size of a mapping, or 0 if no region can be made of it. */
static uint64_t page_size_of(const struct kind kinds[N_KINDS], const struct mapping *v)
{
	for (int i = 0; i < N_KINDS; i++)
		if (v->device == kinds[i].device)
			return kinds[i].page_size;
	return 0;
}

static bool next_mapping(FILE *maps, struct mapping *v)
{
	unsigned int major_number, minor_number;
	char *line = NULL;
	size_t size = 0;
	bool good;

	good = getline(&line, &size, maps) > 0 &&
	       sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %x:%x", &v->start, &v->end,
		      v->perms, &major_number, &minor_number) == 5;
	if (good)
		v->device = makedev(major_number, minor_number);
	free(line);
	return good;
}

static int add_piece(struct mshare_donor **d, uint64_t start, uint64_t end)
{
	struct mshare_donor *larger;
	size_t n = (*d)->n;

	larger = realloc(*d, sizeof(**d) + (n + 1) * sizeof(larger->piece[0]));
	if (!larger)
		return -ENOMEM;
	larger->piece[n] = (struct mshare_piece){
		.start = (char *)(uintptr_t)start,
		.length = end - start,
	};
	larger->n = n + 1;
	*d = larger;
	return 0;
}

/* Add the part in [addr, end) of a mapping that overlaps the window. */
static int add_mapping(struct mshare_donor **d, const struct kind kinds[N_KINDS],
		       const struct mapping *v, uint64_t addr, uint64_t end)
{
	uint64_t page_size = page_size_of(kinds, v);

	if (v->end > end)
		return -EBUSY;
	if (!page_size || ((*d)->page_size && (*d)->page_size != page_size))
		return -EOPNOTSUPP;
	if (v->perms[1] != 'w')
		return -EACCES;
	if (page_size == MSHAREARENA_PAGE_4K && v->perms[3] != 'p')
		return -EOPNOTSUPP;
	(*d)->page_size = page_size;
	return add_piece(d, v->start > addr ? v->start : addr, v->end);
}

static int find_pieces(struct mshare_donor **d, FILE *maps, uint64_t addr, uint64_t length)
{
	struct kind kinds[N_KINDS];
	struct mapping v;
	int ret = 0;

	find_kinds(kinds);
	while (!ret && next_mapping(maps, &v) && v.start < addr + MSHAREARENA_WINDOW_SIZE)
		if (v.end > addr)
			ret = add_mapping(d, kinds, &v, addr, addr + length);
	if (!ret && !(*d)->n)
		ret = -EFAULT;
	if (!ret && length & ((*d)->page_size - 1))
		ret = -EINVAL;
	return ret;
}

int mshare_donor_find(uint64_t addr, uint64_t length, struct mshare_donor **out)
{
	struct mshare_donor *d = calloc(1, sizeof(*d));
	FILE *maps;
	int ret;

	if (!d)
		return -ENOMEM;
	maps = fopen("/proc/self/maps", "re");
	if (!maps) {
		ret = -errno;
		free(d);
		return ret;
	}
	ret = find_pieces(&d, maps, addr, length);
	fclose(maps);
	if (ret)
		free(d);
	else
		*out = d;
	return ret;
}

/* Reserve addresses for all pieces, so that moving them cannot fail for lack of addresses. */
static int reserve_room(struct mshare_donor *d)
{
	uint64_t mask = d->page_size - 1;
	char *place;

	d->room_length = d->page_size;
	for (size_t i = 0; i < d->n; i++)
		d->room_length += d->piece[i].length;
	d->room = mmap(NULL, d->room_length, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (d->room == MAP_FAILED) {
		d->room = NULL;
		return -errno;
	}
	place = (char *)d->room + (-(uintptr_t)d->room & mask);
	for (size_t i = 0; i < d->n; i++) {
		d->piece[i].aside = place;
		place += d->piece[i].length;
	}
	return 0;
}

/* The pages remain the same, so pins of them stay valid. */
static bool move(char *from, char *to, size_t length)
{
	return mremap(from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED;
}

static void move_back(struct mshare_donor *d, size_t n)
{
	while (n--)
		move(d->piece[n].aside, d->piece[n].start, d->piece[n].length);
}

int mshare_donor_move(struct mshare_donor *d)
{
	int ret = reserve_room(d);

	if (ret)
		return ret;
	for (size_t i = 0; i < d->n; i++) {
		const struct mshare_piece *p = &d->piece[i];

		if (move(p->start, p->aside, p->length))
			continue;
		ret = -errno;
		move_back(d, i);
		return ret;
	}
	return 0;
}

void mshare_donor_move_back(struct mshare_donor *d)
{
	move_back(d, d->n);
}

void mshare_donor_free(struct mshare_donor *d)
{
	if (d->room)
		munmap(d->room, d->room_length);
	free(d);
}
