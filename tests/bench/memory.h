/* SPDX-License-Identifier: MIT */
/*
 * The kinds of shared memory that are compared: how each is made, populated, and mapped by a
 * process.
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mount.h>

#include "uapi/util.h"

enum memory_type {
	REGION,			/* a region of the module */
	SHMEM,			/* a memfd */
	SHMEM_HUGE,		/* a file on a tmpfs with huge=always */
	HUGETLB,
};

struct kind {
	const char *name;
	enum memory_type type;
	unsigned long page;
	/*
	 * Where it is mapped, counted from a boundary of 1 GiB. On one, the kernel
	 * shares the PMD pages of hugetlb memory between processes, a whole GiB
	 * each; elsewhere it can't.
	 */
	unsigned long off_boundary;
};

static const struct kind kinds[] = {
	{ "region-1G", REGION, SZ_1G, 0 },
	{ "region-2M", REGION, SZ_2M, 0 },
	{ "region-4K", REGION, SZ_4K, 0 },
	{ "shmem-4K", SHMEM, SZ_4K, 0 },
	{ "shmem-2M", SHMEM_HUGE, SZ_2M, 0 },
	{ "hugetlb-2M", HUGETLB, SZ_2M, 0 },
	{ "hugetlb-2M-off", HUGETLB, SZ_2M, SZ_2M },
	{ "hugetlb-1G", HUGETLB, SZ_1G, 0 },
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))

/* Memory of one kind. Each process maps it by itself, at the same address. */
struct memory {
	const struct kind *kind;
	unsigned long size;
	char *addr;
	int fd;
};

#define REGION_NAME	"bench"

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		bail("%s: %s", path, strerror(errno));
	close(fd);
}

/* Drop caches and compact memory, so that earlier measurements do not scatter free pages. */
static inline void tidy_memory(void)
{
	write_file("/proc/sys/vm/drop_caches", "3\n");
	write_file("/proc/sys/vm/compact_memory", "1\n");
}

/* NULL if this machine and this module have the kind, or the reason why not. */
static inline const char *kind_missing(const struct kind *k)
{
	struct msharearena_info info = { .size = sizeof(info) };

	if (k->page == SZ_1G && hugepages(SZ_1G, "nr_hugepages") < 1)
		return "no 1 GiB page is reserved on this machine";
	if (k->type != REGION)
		return NULL;
	if (ctl(MSHAREARENA_GET_INFO, &info))
		return "the module does not answer GET_INFO";
	return info.page_sizes & k->page ? NULL : "the module has no regions of this page size";
}

/* Reserve pages for memory of this size, or release them (0); false if there are too few. */
static inline bool reserve(const struct kind *k, unsigned long size)
{
	long n = (long)(size / k->page);
	char text[32];

	if (k->page == SZ_1G)
		return hugepages(SZ_1G, "free_hugepages") >= n;
	if (k->page == SZ_4K || k->type == SHMEM_HUGE)
		return true;
	snprintf(text, sizeof(text), "%ld\n", n);
	write_file("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", text);
	return hugepages(SZ_2M, "free_hugepages") >= n;
}

/*
 * An aligned address that is free here, and therefore in each child. As the kernel would, it
 * chooses one beside the libraries, with which the memory shares the upper page tables.
 */
static inline char *free_address(const struct kind *k, unsigned long size)
{
	unsigned long length = size + 2 * SZ_1G;
	char *p = mmap(NULL, length, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		bail("no free addresses: %s", strerror(errno));
	munmap(p, length);
	p += SZ_1G - (uintptr_t)p % SZ_1G;
	return p + k->off_boundary;
}

static inline void create_region(struct memory *m)
{
	unsigned long page = m->kind->page;
	int ret;
	char *p;

	region_unlink(REGION_NAME);
	ret = region_create(REGION_NAME, page, m->size);
	if (ret)
		bail("create a region of %s: %s", m->kind->name, strerror(-ret));
	m->fd = view_open(REGION_NAME, "rw", O_RDWR);
	if (m->fd < 0)
		bail("open the region: %s", strerror(-m->fd));
	if (page == SZ_4K)
		p = mmap(NULL, m->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else
		p = donor(page, m->size);
	if (!p || p == MAP_FAILED)
		bail("memory for %s: %s", m->kind->name, strerror(errno));
	if (page == SZ_4K)
		madvise(p, m->size, MADV_NOHUGEPAGE);
	ret = view_export(m->fd, p, m->size, 0);
	if (ret)
		bail("export to %s: %s", m->kind->name, strerror(-ret));
	munmap(p, m->size);
	m->addr = (char *)(uintptr_t)view_region(m->fd).addr;
}

/* The file outlives the mount's name. */
static inline int open_huge_tmpfs(void)
{
	char dir[] = "/tmp/bench-XXXXXX", path[64];
	int fd;

	if (!mkdtemp(dir) || mount("bench", dir, "tmpfs", 0, "huge=always,size=100%"))
		bail("mount a tmpfs with huge=always: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/memory", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		bail("%s: %s", path, strerror(errno));
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return fd;
}

static inline void create_file(struct memory *m)
{
	const struct kind *k = m->kind;
	unsigned int flags = MFD_CLOEXEC;

	if (k->type == HUGETLB)
		flags |= MFD_HUGETLB | (k->page == SZ_1G ? MFD_HUGE_1GB : MFD_HUGE_2MB);
	m->fd = k->type == SHMEM_HUGE ? open_huge_tmpfs() : memfd_create("bench", flags);
	if (m->fd < 0 || ftruncate(m->fd, (off_t)m->size))
		bail("memory for %s: %s", k->name, strerror(errno));
	m->addr = free_address(k, m->size);
}

/* Make memory of this kind, for which pages are reserved. Only a region is populated. */
static inline struct memory memory_create(const struct kind *k, unsigned long size)
{
	struct memory m = { .kind = k, .size = size, .fd = -1 };

	if (k->type == REGION)
		create_region(&m);
	else
		create_file(&m);
	return m;
}

static inline void memory_destroy(struct memory *m)
{
	if (m->kind->type == REGION)
		region_unlink(REGION_NAME);
	close(m->fd);
	reserve(m->kind, 0);
}

static inline char *memory_map(const struct memory *m, bool populate)
{
	char *p;

	if (m->kind->type == REGION)
		return attach(m->fd, PROT_READ | PROT_WRITE);
	p = mmap(m->addr, m->size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED_NOREPLACE | (populate ? MAP_POPULATE : 0), m->fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static inline int memory_unmap(const struct memory *m)
{
	return munmap(m->addr, m->kind->type == REGION ? MSHAREARENA_WINDOW_SIZE : m->size);
}

/* Access each page once. */
static inline void memory_touch(const struct memory *m, bool store)
{
	volatile char *p = m->addr, *end = m->addr + m->size;

	if (store)
		for (; p < end; p += m->kind->page)
			*p = 1;
	else
		for (; p < end; p += m->kind->page)
			(void)*p;
}

/* Bytes of page tables that the region reports; 0 for other memory. */
static inline long memory_table_bytes(const struct memory *m)
{
	return m->kind->type == REGION ? (long)view_region(m->fd).table_bytes : 0;
}

#endif /* BENCH_MEMORY_H */
