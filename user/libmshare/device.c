// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend over the msharearena module: each call is one of its ioctls. The
 * module never waits for another process; calls that wait do so here.
 */
#include "region.h"

#include <common/clock.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONTROL_PATH	"/dev/msharearena"
#define NODE_PATH	"/dev/mshare/%s/%s"

#define WITHDRAW_TRIES	1000

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT	26
#endif

/* The pause between two looks at pages in use, twice as long each time. */
#define FIRST_PAUSE_NS	1000000L
#define LAST_PAUSE_NS	50000000L

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

/* A command that was interrupted has changed nothing, so it can be repeated. */
static int control(int fd, unsigned long command, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, command, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

static int device_region(const struct mshare *m, struct msharearena_region *r)
{
	*r = (struct msharearena_region){ .size = sizeof(*r) };
	return control(m->fd, MSHAREARENA_GET_REGION, r);
}

/* True if @fd is of the region @m; another region that got its name has another address. */
static bool is_same_region(const struct mshare *m, int fd)
{
	struct mshare other = { .fd = fd };
	struct msharearena_region r;

	return !device_region(&other, &r) && r.addr == m->addr;
}

/* Fill @m in with the module's description of @m->fd. */
static int device_describe(struct mshare *m)
{
	struct msharearena_region r;
	int ret = device_region(m, &r);

	if (ret)
		return ret;
	m->addr = r.addr;
	m->length = r.length;
	m->page_size = r.page_size;
	memcpy(m->name, r.name, sizeof(m->name));
	memcpy(m->view, r.view, sizeof(m->view));
	return 0;
}

static int open_node(const char *name, const char *view, int flags)
{
	char path[sizeof(NODE_PATH) + MSHAREARENA_NAME_SIZE + MSHARE_VIEW_SIZE];
	int fd;

	snprintf(path, sizeof(path), NODE_PATH, name, view);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* By the node, because the descriptor of a region's creator does not lead there. */
static int device_open_again(const struct mshare *m)
{
	int fd = open_node(m->name, m->view, O_RDWR);

	switch (fd) {
	case -ENOENT:
	case -ENXIO:
	case -EACCES:
		return -EOPNOTSUPP;
	default:
		break;
	}
	if (fd < 0 || is_same_region(m, fd))
		return fd;
	close(fd);
	return -EOPNOTSUPP;
}

static int device_open(struct mshare *m)
{
	int ret;

	m->fd = open_node(m->name, m->view, m->readonly ? O_RDONLY : O_RDWR);
	if (m->fd < 0)
		return m->fd;
	ret = device_describe(m);
	if (ret)
		close(m->fd);
	return ret;
}

/*
 * The control device refuses GET_REGION, and so do most other files. A file of
 * another driver may take the number for a command of its own.
 */
static int device_open_fd(struct mshare *m)
{
	int ret = device_describe(m);

	return ret == -ENOTTY || (!ret && !m->page_size) ? -EINVAL : ret;
}

static int unlink_fd(int fd)
{
	struct msharearena_unlink u = { .size = sizeof(u) };

	return control(fd, MSHAREARENA_UNLINK, &u);
}

static int device_unlink_region(struct mshare *m)
{
	return unlink_fd(m->fd);
}

/* Any view will do. A node without a region behind it is about to be removed. */
static int device_unlink(const char *name)
{
	int fd, ret;

	fd = open_node(name, "rw", O_RDONLY);
	if (fd == -EACCES)
		fd = open_node(name, "ro", O_RDONLY);
	if (fd < 0)
		return fd == -ENXIO ? -ENOENT : fd;
	ret = unlink_fd(fd);
	close(fd);
	return ret;
}

static int device_create(struct mshare *m, const struct mshare_options *o)
{
	struct msharearena_create c = {
		.size = sizeof(c),
		.flags = o->flags & MSHARE_UNNAMED ? MSHAREARENA_NO_NODE : 0,
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
	m->fd = control(fd, MSHAREARENA_CREATE, &c);
	close(fd);
	if (m->fd < 0)
		return m->fd;
	ret = device_describe(m);
	if (ret) {
		unlink_fd(m->fd);
		close(m->fd);
	}
	return ret;
}

static void device_close(struct mshare *m)
{
	close(m->fd);
}

static int device_add_view(struct mshare *m, const struct mshare_view *a, struct mshare *v)
{
	struct msharearena_view args = {
		.size = sizeof(args),
		.flags = a->flags & MSHARE_UNNAMED ? MSHAREARENA_NO_NODE : 0,
		.n_ranges = a->n_ranges,
		.uid = a->uid,
		.gid = a->gid,
		.mode = a->mode,
	};
	struct msharearena_range *ranges;
	int ret;

	ranges = calloc(a->n_ranges, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_ranges; i++) {
		ranges[i].offset = a->ranges[i].offset;
		ranges[i].length = a->ranges[i].length;
		ranges[i].prot = MSHAREARENA_PROT_READ;
		if (a->ranges[i].prot & PROT_WRITE)
			ranges[i].prot |= MSHAREARENA_PROT_WRITE;
	}
	args.ranges = (uintptr_t)ranges;
	memcpy(args.view, v->view, strlen(v->view) + 1);
	v->fd = control(m->fd, MSHAREARENA_ADD_VIEW, &args);
	free(ranges);
	if (v->fd < 0)
		return v->fd;
	/* The view has been added and stays, even if it cannot be described. */
	ret = device_describe(v);
	if (ret)
		close(v->fd);
	return ret;
}

static int device_info(const struct mshare *m, struct mshare_info *info)
{
	struct msharearena_region r;
	int ret = device_region(m, &r);

	if (ret)
		return ret;
	info->unlinked = !!(r.status & MSHAREARENA_REGION_UNLINKED);
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
 * The mapping of huge pages is shared, so that a futex in the region has one key in
 * all processes; of small pages the module takes only private ones. The mapping
 * reserves huge pages, so a pool that is too small shows here as ENOMEM. The module
 * allocates the pages when it pins them. Touching them here could raise SIGBUS if a
 * cpuset or a memory policy forbids the reserved pages.
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
	/* The address is right, so a page could not be allocated. */
	return ret == -EFAULT ? -ENOMEM : ret;
}

static int device_populate(struct mshare *m, uint64_t offset, uint64_t length)
{
	uint64_t end = offset + length;

	/* In pieces, so that the page tables of one mapping stay small. */
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

/* Sleep for @pause_ns, but not beyond @deadline; false if that has passed. */
static bool pause_until(int64_t pause_ns, int64_t deadline)
{
	int64_t now = clock_ns();

	if (now >= deadline)
		return false;
	clock_sleep_until(pause_ns < deadline - now ? now + pause_ns : deadline);
	return true;
}

/*
 * Small pages also look busy while they wait in per-CPU batches. A look can ask the
 * CPUs to empty these, which has happened by the next look.
 */
static int device_quiesce(struct mshare *m, uint64_t offset, uint64_t length,
			  int64_t deadline, struct mshare_busy *busy)
{
	struct msharearena_busy q = {
		.size = sizeof(q),
		.offset = offset,
		.length = length,
	};
	int64_t pause = FIRST_PAUSE_NS;

	if (m->page_size == MSHAREARENA_PAGE_4K && !m->readonly)
		q.flags = MSHAREARENA_BUSY_DRAIN;
	for (;;) {
		int ret = control(m->fd, MSHAREARENA_GET_BUSY, &q);

		if (ret)
			return ret;
		busy->bytes = q.busy;
		busy->first = q.first_busy;
		if (!q.busy)
			return 0;
		if (!pause_until(pause, deadline))
			return -EAGAIN;
		pause = 2 * pause < LAST_PAUSE_NS ? 2 * pause : LAST_PAUSE_NS;
	}
}

static int device_map(struct mshare *m, void **addr)
{
	int prot = m->readonly ? PROT_READ : PROT_READ | PROT_WRITE;
	void *p;

	do {
		p = mmap(NULL, MSHAREARENA_WINDOW_SIZE, prot, MAP_SHARED, m->fd, 0);
	} while (p == MAP_FAILED && errno == EINTR);
	if (p == MAP_FAILED)
		return errno == EEXIST ? -EBUSY : -errno;
	*addr = p;
	return 0;
}

/* The module withdraws published rings when the attachment ends. */
static int device_unmap(struct mshare *m)
{
	return munmap(m->attached, MSHAREARENA_WINDOW_SIZE) ? -errno : 0;
}

static int device_publish(struct mshare *m, int ring_fd, pid_t to, uint64_t tag)
{
	struct msharearena_publish p = {
		.size = sizeof(p),
		.ring_fd = ring_fd,
		.to_pidfd = -1,
		.tag = tag,
	};
	int ret;

	if (to) {
		p.to_pidfd = mshare_process_open(to);
		if (p.to_pidfd < 0)
			return p.to_pidfd;
	}
	ret = control(m->fd, MSHAREARENA_PUBLISH, &p);
	if (to)
		close(p.to_pidfd);
	return ret;
}

/*
 * EAGAIN means that a process is taking the ring, which is over in a moment, unless
 * that process has no free descriptor and tries again and again.
 */
static int device_withdraw(struct mshare *m, uint64_t tag)
{
	struct msharearena_withdraw w = { .size = sizeof(w), .tag = tag };
	int ret = -EAGAIN;

	for (int i = 0; i < WITHDRAW_TRIES && ret == -EAGAIN; i++) {
		if (i)
			sched_yield();
		ret = control(m->fd, MSHAREARENA_WITHDRAW, &w);
	}
	return ret;
}

/*
 * A taker wakes when a ring is published for it, and when the publisher ends. Both
 * are edge-triggered, so that rings with other tags, which keep the region's fd
 * readable, do not make it spin. @pidfd may be -1.
 */
static int watch_rings(int region_fd, int pidfd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int fd = epoll_create1(EPOLL_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	if (!epoll_ctl(fd, EPOLL_CTL_ADD, region_fd, &event) &&
	    (pidfd < 0 || !epoll_ctl(fd, EPOLL_CTL_ADD, pidfd, &event)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* The watch begins before the first look, so that no publication is missed. */
static int take_and_wait(int region_fd, struct msharearena_take *t, int64_t deadline)
{
	struct epoll_event event;
	bool ended = false;
	int watch, ms, ret;

	watch = watch_rings(region_fd, t->from_pidfd);
	if (watch < 0)
		return watch;
	for (;;) {
		ret = control(region_fd, MSHAREARENA_TAKE, t);
		if (ret != -EAGAIN)
			break;
		/* The publisher has ended: there will be none. */
		if (ended)
			ret = -ESRCH;
		ms = clock_left_ms(deadline);
		if (ended || !ms)
			break;
		if (epoll_wait(watch, &event, 1, ms) < 0 && errno != EINTR) {
			ret = -errno;
			break;
		}
		ended = t->from_pidfd >= 0 && mshare_process_ended(t->from_pidfd);
	}
	close(watch);
	return ret;
}

static int device_take(struct mshare *m, pid_t from, uint64_t tag, int64_t deadline)
{
	struct msharearena_take t = {
		.size = sizeof(t),
		.from_pidfd = -1,
		.tag = tag,
	};
	int ret;

	if (from) {
		t.from_pidfd = mshare_process_open(from);
		if (t.from_pidfd < 0)
			return t.from_pidfd;
	}
	ret = control(m->fd, MSHAREARENA_TAKE, &t);
	if (ret == -EAGAIN && clock_left_ms(deadline))
		ret = take_and_wait(m->fd, &t, deadline);
	if (from)
		close(t.from_pidfd);
	return ret;
}

const struct mshare_ops mshare_device_ops = {
	.backend = MSHARE_BACKEND_MODULE,
	.create = device_create,
	.open = device_open,
	.open_fd = device_open_fd,
	.unlink = device_unlink,
	.unlink_region = device_unlink_region,
	.close = device_close,
	.add_view = device_add_view,
	.open_again = device_open_again,
	.info = device_info,
	.populate = device_populate,
	.export = device_export,
	.quiesce = device_quiesce,
	.map = device_map,
	.unmap = device_unmap,
	.publish = device_publish,
	.withdraw = device_withdraw,
	.take = device_take,
};
