// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend without the module: a memfd that every process maps at the same
 * address, with page tables of its own. Nothing protects processes from each other.
 */
#define _GNU_SOURCE
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "environ.h"
#include "rendezvous.h"

/* The module chooses from the same windows. */
#define FIRST_WINDOW	64
#define WINDOWS		96

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

/* Sealed, so that no process can shrink it and raise SIGBUS in the others. */
static int memfd_make(const char *name, uint64_t length, uint64_t page_size)
{
	int flags = page_flags(page_size);
	int fd, err;

	if (flags < 0)
		return flags;
	fd = memfd_create(name, MFD_ALLOW_SEALING | flags);
	/* ENODEV means that the machine has no such pages. */
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
	    e->addr % MSHAREARENA_WINDOW_SIZE)
		return -EINVAL;
	return 0;
}

/* Random as with the module, so that no program comes to rely on an address. */
static uint64_t choose_addr(void)
{
	unsigned char random = 0;

	/* If the kernel has no random numbers yet, any address will do. */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	return (FIRST_WINDOW + random % WINDOWS) * MSHAREARENA_WINDOW_SIZE;
}

/* Check that the view exists and can be opened in this mode. */
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

/* Open duplicates of the descriptors into @m. */
static int memfd_open_as(struct mshare *m, const struct mshare_memfd *e)
{
	int rings_fd, ret;

	m->fd = fcntl(e->fd, F_DUPFD_CLOEXEC, 0);
	if (m->fd < 0)
		return -errno;
	rings_fd = fcntl(e->rings_fd, F_DUPFD_CLOEXEC, 0);
	if (rings_fd < 0) {
		ret = -errno;
		goto close_fd;
	}
	ret = mshare_rendezvous_open(rings_fd, &m->rendezvous);
	if (ret)
		goto close_rings_fd;
	m->addr = e->addr;
	m->length = e->length;
	m->page_size = e->page_size;
	return 0;

close_rings_fd:
	close(rings_fd);
close_fd:
	close(m->fd);
	return ret;
}

static int memfd_open(struct mshare *m)
{
	struct mshare_memfd e;
	int ret;

	ret = mshare_environ_get(m->name, &e);
	if (!ret)
		ret = memfd_is_sound(&e);
	if (!ret)
		ret = memfd_check_view(m);
	return ret ? ret : memfd_open_as(m, &e);
}

/* True if the name of @m is still its own; another region may have got it. */
static bool memfd_has_name(const struct mshare *m)
{
	struct stat own, named;
	struct mshare_memfd e;

	return !mshare_environ_get(m->name, &e) && !fstat(m->fd, &own) &&
	       !fstat(e.fd, &named) && own.st_dev == named.st_dev && own.st_ino == named.st_ino;
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

static int memfd_unlink_region(struct mshare *m)
{
	return memfd_has_name(m) ? memfd_unlink(m->name) : -ENOENT;
}

/* The descriptors in the environment stay open as long as the name exists. */
static int memfd_create_region(struct mshare *m, const struct mshare_options *o)
{
	struct mshare_memfd e = {
		.addr = o->addr ? o->addr : choose_addr(),
		.length = o->length,
		.page_size = o->page_size,
	};
	int ret;

	if (!(o->flags & MSHARE_UNNAMED) && mshare_memfd_known(m->name))
		return -EEXIST;
	e.fd = memfd_make(m->name, o->length, o->page_size);
	if (e.fd < 0)
		return e.fd;
	e.rings_fd = mshare_rendezvous_create();
	if (e.rings_fd < 0) {
		ret = e.rings_fd;
		goto close_fd;
	}
	ret = memfd_open_as(m, &e);
	if (ret || o->flags & MSHARE_UNNAMED)
		goto close_rings_fd;
	ret = mshare_environ_put(m->name, &e);
	if (!ret)
		return 0;
	mshare_rendezvous_close(m->rendezvous);
	close(m->fd);

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

static int memfd_open_again(const struct mshare *m)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return errno == ENOENT || errno == EACCES ? -EOPNOTSUPP : -errno;
}

static int memfd_info(const struct mshare *m, struct mshare_info *info)
{
	struct stat st;

	if (fstat(m->fd, &st))
		return -errno;
	info->exported = (uint64_t)st.st_blocks * 512;
	info->unlinked = !memfd_has_name(m);
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
 * The kernel copies, because it returns EFAULT where a copy by this process would
 * raise a signal. hugetlbfs has no write(2), so it reads into a mapping.
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

/* Check a range of a view that must not begin before @from, as the module does. */
static int memfd_check_range(const struct mshare *m, const struct mshare_range *r,
			     uint64_t from)
{
	if (!r->length || (r->offset | r->length) & (m->page_size - 1) || r->offset < from)
		return -EINVAL;
	return r->offset > m->length || r->length > m->length - r->offset ? -ERANGE : 0;
}

/* An unnamed view is not in the environment, so it conflicts with no other view. */
static int memfd_name_view(const struct mshare *m, const struct mshare *v, bool unnamed)
{
	bool known;

	if (!unnamed && !memfd_has_name(m))
		return -ENOENT;
	if (!strcmp(v->view, "rw") || !strcmp(v->view, "ro"))
		return -EEXIST;
	if (unnamed)
		return 0;
	if (!mshare_environ_get_view(m->name, v->view, &known))
		return -EEXIST;
	return mshare_environ_put_view(m->name, v->view, !v->readonly);
}

static int memfd_add_view(struct mshare *m, const struct mshare_view *a, struct mshare *v)
{
	struct mshare_memfd e = {
		.fd = m->fd,
		.rings_fd = mshare_rendezvous_fd(m->rendezvous),
		.addr = m->addr,
		.length = m->length,
		.page_size = m->page_size,
	};
	uint64_t from = 0;
	int ret;

	for (size_t i = 0; i < a->n_ranges; i++) {
		const struct mshare_range *r = &a->ranges[i];

		ret = memfd_check_range(m, r, from);
		if (ret)
			return ret;
		from = r->offset + r->length;
	}
	ret = memfd_open_as(v, &e);
	if (ret)
		return ret;
	ret = memfd_name_view(m, v, a->flags & MSHARE_UNNAMED);
	if (ret) {
		mshare_rendezvous_close(v->rendezvous);
		close(v->fd);
	}
	return ret;
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
	/* As with the module, a child has to attach the region itself. */
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
	mshare_rendezvous_withdraw_all(m->rendezvous);
	return munmap(m->attached, m->length) ? -errno : 0;
}

static int memfd_publish(struct mshare *m, int ring_fd, pid_t to, uint64_t tag)
{
	return mshare_rendezvous_publish(m->rendezvous, ring_fd, to, tag);
}

static int memfd_withdraw(struct mshare *m, uint64_t tag)
{
	return mshare_rendezvous_withdraw(m->rendezvous, tag);
}

static int memfd_take(struct mshare *m, pid_t from, uint64_t tag, int64_t deadline)
{
	return mshare_rendezvous_take(m->rendezvous, from, tag, deadline);
}

const struct mshare_ops mshare_memfd_ops = {
	.backend = MSHARE_BACKEND_MEMFD,
	.create = memfd_create_region,
	.open = memfd_open,
	.unlink = memfd_unlink,
	.unlink_region = memfd_unlink_region,
	.close = memfd_close,
	.add_view = memfd_add_view,
	.open_again = memfd_open_again,
	.info = memfd_info,
	.populate = memfd_populate,
	.export = memfd_export,
	.map = memfd_map,
	.unmap = memfd_unmap,
	.publish = memfd_publish,
	.withdraw = memfd_withdraw,
	.take = memfd_take,
};
