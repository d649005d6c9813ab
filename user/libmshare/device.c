// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend over the msharearena module: each call is one of its ioctls.
 */
#include "region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

	if (fd < 0)
		return MSHARE_BACKEND_MEMFD;
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
	char path[sizeof(NODE_PATH) + MSHAREARENA_NAME_SIZE];
	struct msharearena_region r;
	int ret;

	snprintf(path, sizeof(path), NODE_PATH, m->name, m->readonly ? "ro" : "rw");
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

static int device_exported(const struct mshare *m, uint64_t *bytes)
{
	struct msharearena_region r;
	int ret = device_region(m, &r);

	if (!ret)
		*bytes = r.exported;
	return ret;
}

/*
 * The donor's mapping is shared, so that a futex in the region has one key in
 * all processes. The mapping reserves its pages, so a short pool shows here as
 * ENOMEM. The pages themselves are allocated by the module when it pins them,
 * never by a touch from here, which could raise SIGBUS where a cpuset or a
 * memory policy forbids the reserved ones.
 */
static int device_donate(struct mshare *m, uint64_t offset, uint64_t length)
{
	int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB |
		    __builtin_ctzll(m->page_size) << MAP_HUGE_SHIFT;
	struct msharearena_export e = {
		.size = sizeof(e),
		.length = length,
		.offset = offset,
	};
	void *donor;
	int ret;

	donor = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (donor == MAP_FAILED)
		return -errno;
	e.addr = (uintptr_t)donor;
	ret = control(m->fd, MSHAREARENA_EXPORT, &e);
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
	.exported = device_exported,
	.populate = device_populate,
	.map = device_map,
	.unmap = device_unmap,
	.publish = device_publish,
	.take = device_take,
};
