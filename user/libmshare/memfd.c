// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend without the module: a memfd mapped at the same address by every
 * process, each with its own page tables. Nothing keeps the processes apart.
 *
 * Children learn of a region by the environment variable MSHARE_MEMFD: entries
 * NAME:FD:RINGS_FD:ADDR:LENGTH:PAGE_SIZE, separated by blanks. The two
 * descriptors are inherited, and stay open until mshare_unlink().
 */
#define _GNU_SOURCE
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rendezvous.h"

/* Where the module puts its first region too. */
#define DEFAULT_ADDR	0x200000000000ULL
#define PAGE_4K		4096ULL

/**
 * struct memfd_entry - an entry of the environment variable
 * @fd: the memfd
 * @rings_fd: the memfd of the rendezvous
 * @addr: address of the region
 * @length: bytes
 * @page_size: bytes of a page
 */
struct memfd_entry {
	int fd;
	int rings_fd;
	uint64_t addr;
	uint64_t length;
	uint64_t page_size;
};

/* The entry of @name in @env, and its length up to the next blank. */
static const char *entry_find(const char *env, const char *name, size_t *length)
{
	size_t name_length = strlen(name);

	while (env && *env) {
		*length = strcspn(env, " ");
		if (!strncmp(env, name, name_length) && env[name_length] == ':')
			return env;
		env += *length;
		env += strspn(env, " ");
	}
	return NULL;
}

static int entry_get(const char *name, struct memfd_entry *e)
{
	size_t length;
	const char *text = entry_find(getenv(MSHARE_MEMFD_ENV), name, &length);

	if (!text)
		return -ENOENT;
	if (sscanf(text + strlen(name), ":%d:%d:%" SCNx64 ":%" SCNu64 ":%" SCNu64,
		   &e->fd, &e->rings_fd, &e->addr, &e->length, &e->page_size) != 5)
		return -EINVAL;
	return 0;
}

bool mshare_memfd_known(const char *name)
{
	size_t length;

	return entry_find(getenv(MSHARE_MEMFD_ENV), name, &length);
}

static int entry_put(const char *name, const struct memfd_entry *e)
{
	const char *old = getenv(MSHARE_MEMFD_ENV);
	char *text;
	int ret;

	if (asprintf(&text, "%s%s%s:%d:%d:0x%" PRIx64 ":%" PRIu64 ":%" PRIu64,
		     old ? old : "", old && *old ? " " : "", name, e->fd,
		     e->rings_fd, e->addr, e->length, e->page_size) < 0)
		return -ENOMEM;
	ret = setenv(MSHARE_MEMFD_ENV, text, 1) ? -errno : 0;
	free(text);
	return ret;
}

static int entry_remove(const char *name)
{
	const char *env = getenv(MSHARE_MEMFD_ENV);
	size_t length;
	const char *text = entry_find(env, name, &length);
	const char *rest;
	char *left;
	int ret;

	if (!text)
		return -ENOENT;
	rest = text + length;
	rest += strspn(rest, " ");
	if (asprintf(&left, "%.*s%s", (int)(text - env), env, rest) < 0)
		return -ENOMEM;
	ret = *left ? setenv(MSHARE_MEMFD_ENV, left, 1) : unsetenv(MSHARE_MEMFD_ENV);
	free(left);
	return ret ? -errno : 0;
}

static int page_flags(uint64_t page_size)
{
	switch (page_size) {
	case PAGE_4K:
		return 0;
	case MSHAREARENA_PAGE_2M:
		return MFD_HUGETLB | MFD_HUGE_2MB;
	case MSHAREARENA_PAGE_1G:
		return MFD_HUGETLB | MFD_HUGE_1GB;
	default:
		return -EINVAL;
	}
}

/* Sealed, so that nobody can shrink it and raise SIGBUS in the others. */
static int memfd_make(const char *name, uint64_t length, uint64_t page_size)
{
	int flags = page_flags(page_size);
	int fd, err;

	if (flags < 0)
		return flags;
	fd = memfd_create(name, MFD_ALLOW_SEALING | flags);
	/* The kernel says ENODEV where it has no such pages. */
	if (fd < 0)
		return errno == ENODEV ? -EOPNOTSUPP : -errno;
	if (ftruncate(fd, (off_t)length) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int memfd_is_sound(const struct memfd_entry *e)
{
	struct stat st;

	if (fstat(e->fd, &st))
		return -errno;
	if (st.st_size != (off_t)e->length || !e->addr || !e->page_size ||
	    e->addr % MSHAREARENA_SLOT_SIZE)
		return -EINVAL;
	return 0;
}

static int memfd_open(struct mshare *m)
{
	struct memfd_entry e;
	int rings_fd, ret;

	ret = entry_get(m->name, &e);
	if (ret)
		return ret;
	ret = memfd_is_sound(&e);
	if (ret)
		return ret;

	m->fd = fcntl(e.fd, F_DUPFD_CLOEXEC, 0);
	if (m->fd < 0)
		return -errno;
	rings_fd = fcntl(e.rings_fd, F_DUPFD_CLOEXEC, 0);
	if (rings_fd < 0) {
		ret = -errno;
		goto close_fd;
	}
	ret = mshare_rendezvous_open(rings_fd, &m->rendezvous);
	if (ret)
		goto close_rings_fd;
	m->addr = e.addr;
	m->length = e.length;
	m->page_size = e.page_size;
	return 0;

close_rings_fd:
	close(rings_fd);
close_fd:
	close(m->fd);
	return ret;
}

static int memfd_unlink(const char *name)
{
	struct memfd_entry e;
	int ret;

	ret = entry_get(name, &e);
	if (!ret)
		ret = entry_remove(name);
	if (ret)
		return ret;
	close(e.fd);
	close(e.rings_fd);
	return 0;
}

static int memfd_create_region(struct mshare *m, const struct mshare_options *o)
{
	struct memfd_entry e = {
		.addr = o->addr ? o->addr : DEFAULT_ADDR,
		.length = o->length,
		.page_size = o->page_size,
	};
	int ret;

	if (mshare_memfd_known(m->name))
		return -EEXIST;
	e.fd = memfd_make(m->name, o->length, o->page_size);
	if (e.fd < 0)
		return e.fd;
	e.rings_fd = mshare_rendezvous_create();
	if (e.rings_fd < 0) {
		ret = e.rings_fd;
		goto close_fd;
	}
	ret = entry_put(m->name, &e);
	if (ret)
		goto close_rings_fd;
	ret = memfd_open(m);
	if (ret)
		memfd_unlink(m->name);
	return ret;

close_rings_fd:
	close(e.rings_fd);
close_fd:
	close(e.fd);
	return ret;
}

static void memfd_close(struct mshare *m)
{
	mshare_rendezvous_close(m->rendezvous);
	close(m->fd);
}

static int memfd_exported(const struct mshare *m, uint64_t *bytes)
{
	struct stat st;

	if (fstat(m->fd, &st))
		return -errno;
	*bytes = (uint64_t)st.st_blocks * 512;
	return 0;
}

static int memfd_populate(struct mshare *m, uint64_t offset, uint64_t length)
{
	int ret;

	do {
		ret = fallocate(m->fd, 0, (off_t)offset, (off_t)length);
	} while (ret && errno == EINTR);
	if (ret)
		return errno == ENOSPC ? -ENOMEM : -errno;
	return 0;
}

static int memfd_map(struct mshare *m, void **addr)
{
	int prot = m->readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	uint64_t exported;
	void *p;
	int ret;

	ret = memfd_exported(m, &exported);
	if (ret)
		return ret;
	if (!exported)
		return -ENXIO;
	p = mmap((void *)(uintptr_t)m->addr, m->length, prot,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, m->fd, 0);
	if (p == MAP_FAILED)
		return errno == EEXIST ? -EBUSY : -errno;
	*addr = p;
	return 0;
}

static int memfd_unmap(struct mshare *m)
{
	mshare_rendezvous_withdraw(m->rendezvous);
	return munmap(m->attached, m->length) ? -errno : 0;
}

static int memfd_publish(struct mshare *m, int ring_fd, pid_t to, uint64_t tag)
{
	return mshare_rendezvous_publish(m->rendezvous, ring_fd, to, tag);
}

static int memfd_take(struct mshare *m, pid_t from, uint64_t tag,
		      const struct timespec *deadline)
{
	return mshare_rendezvous_take(m->rendezvous, from, tag, deadline);
}

const struct mshare_ops mshare_memfd_ops = {
	.backend = MSHARE_BACKEND_MEMFD,
	.create = memfd_create_region,
	.open = memfd_open,
	.unlink = memfd_unlink,
	.close = memfd_close,
	.exported = memfd_exported,
	.populate = memfd_populate,
	.map = memfd_map,
	.unmap = memfd_unmap,
	.publish = memfd_publish,
	.take = memfd_take,
};
