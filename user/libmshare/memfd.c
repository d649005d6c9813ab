// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend without the module: a memfd mapped at the same address by every
 * process, each with its own page tables. Nothing keeps the processes apart.
 */
#define _GNU_SOURCE
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "environ.h"
#include "rendezvous.h"

/* Where the module puts its first region too. */
#define DEFAULT_ADDR	0x200000000000ULL

static int page_flags(uint64_t page_size)
{
	switch (page_size) {
	case MSHAREARENA_PAGE_4K:
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

static int memfd_is_sound(const struct mshare_memfd *e)
{
	struct stat st;

	if (fstat(e->fd, &st))
		return -errno;
	if (st.st_size != (off_t)e->length || !e->addr || !e->page_size ||
	    e->addr % MSHAREARENA_SLOT_SIZE)
		return -EINVAL;
	return 0;
}

/* Is there such a view, and can it be had in this mode? */
static int memfd_check_view(const struct mshare *m)
{
	bool writable = true;
	int ret = 0;

	if (!strcmp(m->view, "ro"))
		writable = false;
	else if (strcmp(m->view, "rw") != 0)
		ret = mshare_environ_get_view(m->name, m->view, &writable);
	if (!ret && !writable && !m->readonly)
		ret = -EACCES;
	return ret;
}

static int memfd_open(struct mshare *m)
{
	struct mshare_memfd e;
	int rings_fd, ret;

	ret = mshare_environ_get(m->name, &e);
	if (!ret)
		ret = memfd_is_sound(&e);
	if (!ret)
		ret = memfd_check_view(m);
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
	struct mshare_memfd e;
	int ret;

	ret = mshare_environ_get(name, &e);
	if (!ret)
		ret = mshare_environ_remove(name);
	if (ret)
		return ret;
	close(e.fd);
	close(e.rings_fd);
	return 0;
}

static int memfd_create_region(struct mshare *m, const struct mshare_options *o)
{
	struct mshare_memfd e = {
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
	ret = mshare_environ_put(m->name, &e);
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

static int memfd_info(const struct mshare *m, struct mshare_info *info)
{
	struct stat st;

	if (fstat(m->fd, &st))
		return -errno;
	info->exported = (uint64_t)st.st_blocks * 512;
	info->unlinked = !mshare_memfd_known(m->name);
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

/*
 * By the kernel, which says EFAULT where a copy of ours would end by a signal.
 * hugetlbfs has no write(2), so it goes into a mapping.
 */
static int copy_checked(char *to, char *from, uint64_t length)
{
	while (length) {
		struct iovec local = { to, length }, remote = { from, length };
		ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

		if (n <= 0)
			return n ? -errno : -EFAULT;
		to += n;
		from += n;
		length -= n;
	}
	return 0;
}

static int memfd_export(struct mshare *m, void *addr, uint64_t length, uint64_t offset)
{
	void *to;
	int ret;

	ret = memfd_populate(m, offset, length);
	if (ret)
		return ret;
	to = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, (off_t)offset);
	if (to == MAP_FAILED)
		return -errno;
	ret = copy_checked(to, addr, length);
	munmap(to, length);
	return ret;
}

/* A range of a view, not before @from; the errors are the module's. */
static int memfd_check_range(const struct mshare_memfd *e, const struct mshare_range *r,
			     uint64_t from)
{
	if (!r->length || (r->offset | r->length) & (e->page_size - 1) || r->offset < from)
		return -EINVAL;
	return r->offset > e->length || r->length > e->length - r->offset ? -ERANGE : 0;
}

static int memfd_add_view(const char *name, const char *view, const struct mshare_view *v)
{
	bool writable = false, known;
	struct mshare_memfd e;
	uint64_t from = 0;
	int ret;

	ret = mshare_environ_get(name, &e);
	for (size_t i = 0; i < v->n_ranges && !ret; i++) {
		const struct mshare_range *r = &v->ranges[i];

		ret = memfd_check_range(&e, r, from);
		from = r->offset + r->length;
		if (r->prot & PROT_WRITE)
			writable = true;
	}
	if (ret)
		return ret;
	if (!strcmp(view, "rw") || !strcmp(view, "ro") ||
	    !mshare_environ_get_view(name, view, &known))
		return -EEXIST;
	return mshare_environ_put_view(name, view, writable);
}

static int memfd_map(struct mshare *m, void **addr)
{
	int prot = m->readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	struct mshare_info info = { 0 };
	void *p;
	int ret;

	ret = memfd_info(m, &info);
	if (ret)
		return ret;
	if (!info.exported)
		return -ENXIO;
	p = mmap((void *)(uintptr_t)m->addr, m->length, prot,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, m->fd, 0);
	if (p == MAP_FAILED)
		return errno == EEXIST ? -EBUSY : -errno;
	/* As the module does: a child attaches by itself. */
	if (madvise(p, m->length, MADV_DONTFORK)) {
		ret = -errno;
		munmap(p, m->length);
		return ret;
	}
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
	.add_view = memfd_add_view,
	.info = memfd_info,
	.populate = memfd_populate,
	.export = memfd_export,
	.map = memfd_map,
	.unmap = memfd_unmap,
	.publish = memfd_publish,
	.take = memfd_take,
};
