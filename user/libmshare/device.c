// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend over the msharearena module: each call is one of its ioctls.
 */
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONTROL_PATH	"/dev/msharearena"
#define NODE_PATH	"/dev/mshare/%s/%s"

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif

static int open_control(void)
{
	int fd = open(CONTROL_PATH, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

enum mshare_backend mshare_default_backend(void)
{
	int fd = open_control();

	if (fd == -ENOENT || fd == -ENXIO || fd == -ENODEV)
		return MSHARE_BACKEND_MEMFD;
	if (fd >= 0)
		close(fd);
	return MSHARE_BACKEND_MODULE;
}

/* An interrupted command has changed nothing: try it again. */
static int control(int fd, unsigned long command, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, command, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

static int device_region(const struct mshare *m, struct msharearena_region *r)
{
	*r = (struct msharearena_region){ .size = sizeof(*r) };
	return control(m->fd, MSHAREARENA_GET_REGION, r);
}

static int device_open(struct mshare *m)
{
	char path[sizeof(NODE_PATH) + MSHAREARENA_NAME_SIZE + MSHARE_VIEW_SIZE];
	struct msharearena_region r;
	int ret;

	snprintf(path, sizeof(path), NODE_PATH, m->name, m->view);
	m->fd = open(path, (m->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (m->fd < 0)
		return -errno;
	ret = device_region(m, &r);
	if (ret) {
		close(m->fd);
		return ret;
	}
	m->addr = r.addr;
	m->length = r.length;
	m->page_size = r.page_size;
	return 0;
}

static int device_unlink(const char *name)
{
	struct msharearena_unlink u = { .size = sizeof(u) };
	int fd, ret;

	fd = open_control();
	if (fd < 0)
		return fd;
	memcpy(u.name, name, strlen(name) + 1);
	ret = control(fd, MSHAREARENA_UNLINK, &u);
	close(fd);
	return ret;
}

static int device_create(struct mshare *m, const struct mshare_options *o)
{
	struct msharearena_create c = {
		.size = sizeof(c),
		.addr = o->addr,
		.length = o->length,
		.page_size = o->page_size,
		.uid = o->uid,
		.gid = o->gid,
		.mode = o->mode,
	};
	int fd, ret;

	fd = open_control();
	if (fd < 0)
		return fd;
	memcpy(c.name, m->name, strlen(m->name) + 1);
	ret = control(fd, MSHAREARENA_CREATE, &c);
	close(fd);
	if (ret)
		return ret;
	ret = device_open(m);
	if (ret)
		device_unlink(m->name);
	return ret;
}

static void device_close(struct mshare *m)
{
	close(m->fd);
}

static int device_add_view(const char *name, const char *view, const struct mshare_view *v)
{
	struct msharearena_view a = {
		.size = sizeof(a),
		.n_ranges = v->n_ranges,
		.uid = v->uid,
		.gid = v->gid,
		.mode = v->mode,
	};
	struct msharearena_range *ranges;
	int fd, ret;

	ranges = calloc(v->n_ranges, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < v->n_ranges; i++) {
		ranges[i].offset = v->ranges[i].offset;
		ranges[i].length = v->ranges[i].length;
		ranges[i].prot = MSHAREARENA_PROT_READ;
		if (v->ranges[i].prot & PROT_WRITE)
			ranges[i].prot |= MSHAREARENA_PROT_WRITE;
	}
	a.ranges = (uintptr_t)ranges;
	memcpy(a.name, name, strlen(name) + 1);
	memcpy(a.view, view, strlen(view) + 1);
	fd = open_control();
	ret = fd < 0 ? fd : control(fd, MSHAREARENA_ADD_VIEW, &a);
	if (fd >= 0)
		close(fd);
	free(ranges);
	return ret;
}

static int device_info(const struct mshare *m, struct mshare_info *info)
{
	struct msharearena_region r;
	int ret = device_region(m, &r);

	if (ret)
		return ret;
	info->unlinked = !!(r.flags & MSHAREARENA_REGION_UNLINKED);
	info->exported = r.exported;
	info->attached = r.attached;
	info->demotions = r.demotions;
	info->promotions = r.promotions;
	info->table_bytes = r.table_bytes;
	return 0;
}

static int device_export(struct mshare *m, void *addr, uint64_t length, uint64_t offset)
{
	struct msharearena_export e = {
		.size = sizeof(e),
		.addr = (uintptr_t)addr,
		.length = length,
		.offset = offset,
	};

	return control(m->fd, MSHAREARENA_EXPORT, &e);
}

/*
 * The donor's mapping of huge pages is shared, so that a futex in the region
 * has one key in all processes; for small pages the module takes only private
 * ones. The mapping reserves huge pages, so a short pool shows here as ENOMEM.
 * The pages themselves are allocated by the module when it pins them, never by
 * a touch from here, which could raise SIGBUS where a cpuset or a memory policy
 * forbids the reserved ones.
 */
static int device_donate(struct mshare *m, uint64_t offset, uint64_t length)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *donor;
	int ret;

	if (m->page_size != MSHAREARENA_PAGE_4K)
		flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB |
			__builtin_ctzll(m->page_size) << MAP_HUGE_SHIFT;
	donor = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (donor == MAP_FAILED)
		return -errno;
	ret = device_export(m, donor, length, offset);
	munmap(donor, length);
	/* The address is right, so it is a page that could not be had. */
	return ret == -EFAULT ? -ENOMEM : ret;
}

static int device_populate(struct mshare *m, uint64_t offset, uint64_t length)
{
	uint64_t end = offset + length;

	/* In pieces, so that the tables of one donor mapping stay small. */
	while (offset < end) {
		uint64_t piece = end - offset;
		int ret;

		if (piece > MSHAREARENA_PAGE_1G)
			piece = MSHAREARENA_PAGE_1G;
		ret = device_donate(m, offset, piece);
		if (ret)
			return ret;
		offset += piece;
	}
	return 0;
}

static int device_quiesce(struct mshare *m, uint64_t offset, uint64_t length,
			  const struct timespec *deadline, struct mshare_busy *busy)
{
	struct msharearena_quiesce q = {
		.size = sizeof(q),
		.offset = offset,
		.length = length,
	};
	int ret;

	do {
		q.timeout_ms = deadline ? mshare_ms_left(deadline) : UINT32_MAX;
		ret = ioctl(m->fd, MSHAREARENA_QUIESCE, &q) ? -errno : 0;
	} while (ret == -EINTR);
	busy->bytes = q.busy;
	busy->first = q.first_busy;
	return ret == -ETIMEDOUT ? -EAGAIN : ret;
}

static int device_map(struct mshare *m, void **addr)
{
	int prot = m->readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	void *p;

	do {
		p = mmap(NULL, MSHAREARENA_SLOT_SIZE, prot, MAP_SHARED, m->fd, 0);
	} while (p == MAP_FAILED && errno == EINTR);
	if (p == MAP_FAILED)
		return errno == EEXIST ? -EBUSY : -errno;
	*addr = p;
	return 0;
}

/* The module withdraws what was published when the attachment ends. */
static int device_unmap(struct mshare *m)
{
	return munmap(m->attached, MSHAREARENA_SLOT_SIZE) ? -errno : 0;
}

static int device_publish(struct mshare *m, int ring_fd, pid_t to, uint64_t tag)
{
	struct msharearena_publish p = {
		.size = sizeof(p),
		.ring_fd = ring_fd,
		.to = to,
		.tag = tag,
	};

	return control(m->fd, MSHAREARENA_PUBLISH, &p);
}

static int device_take(struct mshare *m, pid_t from, uint64_t tag,
		       const struct timespec *deadline)
{
	struct msharearena_take t = {
		.size = sizeof(t),
		.from = from,
		.tag = tag,
	};

	for (;;) {
		t.timeout_ms = deadline ? mshare_ms_left(deadline) : UINT32_MAX;
		if (!ioctl(m->fd, MSHAREARENA_TAKE, &t))
			return t.ring_fd;
		if (errno != EINTR)
			return errno == ETIMEDOUT ? -EAGAIN : -errno;
	}
}

const struct mshare_ops mshare_device_ops = {
	.backend = MSHARE_BACKEND_MODULE,
	.create = device_create,
	.open = device_open,
	.unlink = device_unlink,
	.close = device_close,
	.add_view = device_add_view,
	.info = device_info,
	.populate = device_populate,
	.export = device_export,
	.quiesce = device_quiesce,
	.map = device_map,
	.unmap = device_unmap,
	.publish = device_publish,
	.take = device_take,
};
