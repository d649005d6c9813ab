// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The part of libmshare's interface that both backends share: names, checks of arguments,
 * locking.
 */
#define _GNU_SOURCE
#include "region.h"

#include <common/copy_struct.h>
#include <common/clock.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_CLAIM	(1ULL << 62)

/* @size: bytes of its buffer, including the terminating NUL */
static bool name_is_valid(const char *name, size_t size)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t len = strlen(name);

	return len && len < size && name[0] != '.' && strspn(name, allowed) == len;
}

static bool region_name_is_valid(const char *name)
{
	return name_is_valid(name, MSHAREARENA_NAME_SIZE);
}

/* 0; -EINVAL if it is not a range of whole pages; -ERANGE if it passes the end. */
static int check_range(const struct mshare *m, uint64_t offset, uint64_t length)
{
	if (!length || (offset | length) & (m->page_size - 1))
		return -EINVAL;
	return offset > m->length || length > m->length - offset ? -ERANGE : 0;
}

/* Memory can be added through the view rw only. */
static bool may_fill(const struct mshare *m)
{
	return !m->readonly && !strcmp(m->view, "rw");
}

static struct mshare *region_new(const char *name, const char *view,
				 const struct mshare_ops *ops, bool readonly)
{
	struct mshare *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	pthread_mutex_init(&m->lock, NULL);
	m->ops = ops;
	m->fd = -1;
	m->readonly = readonly;
	memcpy(m->name, name, strlen(name) + 1);
	memcpy(m->view, view, strlen(view) + 1);
	return m;
}

static void region_free(struct mshare *m)
{
	pthread_mutex_destroy(&m->lock);
	free(m);
}

int mshare_process_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd >= 0)
		return fd;
	/* These errors mean that the number is not that of a process. */
	return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
}

bool mshare_process_ended(int pidfd)
{
	struct pollfd death = { .fd = pidfd, .events = POLLIN };

	return poll(&death, 1, 0) > 0;
}

/* A region or view without a name has no node, and so no permissions. */
static bool mode_is_valid(mode_t mode, unsigned int flags)
{
	return flags & MSHARE_UNNAMED ? !mode : !(mode & ~0666U);
}

/*
 * Replace an owner that the caller did not set by -1, which the backends take for the caller.
 * Return false if there is an owner without the flag that makes it valid.
 */
static bool set_owner(unsigned int flags, uid_t *uid, gid_t *gid)
{
	if (flags & ~(MSHARE_SET_UID | MSHARE_SET_GID | MSHARE_UNNAMED))
		return false;
	if ((!(flags & MSHARE_SET_UID) && *uid) || (!(flags & MSHARE_SET_GID) && *gid))
		return false;
	if (!(flags & MSHARE_SET_UID))
		*uid = (uid_t)-1;
	if (!(flags & MSHARE_SET_GID))
		*gid = (gid_t)-1;
	return true;
}

static const struct mshare_ops *ops_of_backend(enum mshare_backend backend)
{
	if (backend == MSHARE_BACKEND_BEST)
		backend = mshare_default_backend();
	if (backend == MSHARE_BACKEND_MODULE)
		return &mshare_device_ops;
	return backend == MSHARE_BACKEND_MEMFD ? &mshare_memfd_ops : NULL;
}

int mshare_create(const char *name, const struct mshare_options *options,
		  struct mshare **out)
{
	const struct mshare_ops *ops;
	struct mshare_options o;
	struct mshare *m;
	int ret;

	ret = copy_struct(&o, sizeof(o), options);
	if (ret)
		return ret;
	ops = ops_of_backend(o.backend);
	if (!region_name_is_valid(name) || !o.page_size || !o.length || !ops ||
	    o.length % o.page_size || o.addr % MSHAREARENA_WINDOW_SIZE ||
	    o.length > MSHAREARENA_WINDOW_SIZE || !mode_is_valid(o.mode, o.flags) ||
	    !set_owner(o.flags, &o.uid, &o.gid))
		return -EINVAL;

	m = region_new(name, "rw", ops, false);
	if (!m)
		return -ENOMEM;
	ret = ops->create(m, &o);
	if (ret) {
		region_free(m);
		return ret;
	}
	*out = m;
	return 0;
}

static const struct mshare_ops *ops_of_name(const char *name)
{
	return mshare_memfd_known(name) ? &mshare_memfd_ops : &mshare_device_ops;
}

int mshare_open_view(const char *name, const char *view, bool readonly,
		     struct mshare **out)
{
	struct mshare *m;
	int ret;

	if (!region_name_is_valid(name) || !name_is_valid(view, MSHARE_VIEW_SIZE))
		return -EINVAL;
	m = region_new(name, view, ops_of_name(name), readonly);
	if (!m)
		return -ENOMEM;
	ret = m->ops->open(m);
	if (ret) {
		region_free(m);
		return ret;
	}
	*out = m;
	return 0;
}

int mshare_open(const char *name, bool readonly, struct mshare **out)
{
	return mshare_open_view(name, readonly ? "ro" : "rw", readonly, out);
}

int mshare_open_fd(int fd, struct mshare **out)
{
	int mode = fcntl(fd, F_GETFL), ret;
	struct mshare *m;

	if (mode < 0)
		return -errno;
	m = region_new("", "", &mshare_device_ops, (mode & O_ACCMODE) == O_RDONLY);
	if (!m)
		return -ENOMEM;
	m->fd = fd;
	ret = m->ops->open_fd(m);
	if (ret) {
		region_free(m);
		return ret;
	}
	*out = m;
	return 0;
}

int mshare_fd(const struct mshare *m)
{
	return m->ops->open_fd ? m->fd : -EOPNOTSUPP;
}

int mshare_unlink(const char *name)
{
	if (!region_name_is_valid(name))
		return -EINVAL;
	return ops_of_name(name)->unlink(name);
}

int mshare_unlink_region(struct mshare *m)
{
	return m->ops->unlink_region(m);
}

/* @v is our copy, whose owner is set. */
static bool view_is_valid(const char *view, struct mshare_view *v)
{
	if (!name_is_valid(view, MSHARE_VIEW_SIZE) || !mode_is_valid(v->mode, v->flags) ||
	    !set_owner(v->flags, &v->uid, &v->gid) || !v->n_ranges ||
	    v->n_ranges > MSHAREARENA_MAX_RANGES)
		return false;
	for (size_t i = 0; i < v->n_ranges; i++)
		if (v->ranges[i].prot != PROT_READ &&
		    v->ranges[i].prot != (PROT_READ | PROT_WRITE))
			return false;
	return true;
}

static bool view_is_writable(const struct mshare_view *v)
{
	for (size_t i = 0; i < v->n_ranges; i++)
		if (v->ranges[i].prot & PROT_WRITE)
			return true;
	return false;
}

int mshare_make_view(struct mshare *m, const char *view, const struct mshare_view *options,
		     struct mshare **out)
{
	struct mshare_view v;
	struct mshare *made;
	int ret;

	ret = copy_struct(&v, sizeof(v), options);
	if (ret)
		return ret;
	if (!view_is_valid(view, &v))
		return -EINVAL;
	if (!may_fill(m))
		return -EACCES;
	made = region_new(m->name, view, m->ops, !view_is_writable(&v));
	if (!made)
		return -ENOMEM;
	ret = m->ops->add_view(m, &v, made);
	if (ret) {
		region_free(made);
		return ret;
	}
	*out = made;
	return 0;
}

int mshare_add_view(const char *name, const char *view, const struct mshare_view *options)
{
	struct mshare *m, *made;
	struct mshare_view v;
	int ret;

	ret = copy_struct(&v, sizeof(v), options);
	if (ret)
		return ret;
	if (!region_name_is_valid(name) || !view_is_valid(view, &v) || v.flags & MSHARE_UNNAMED)
		return -EINVAL;
	ret = mshare_open(name, false, &m);
	if (ret)
		return ret;
	ret = mshare_make_view(m, view, options, &made);
	if (!ret)
		mshare_leave(made);
	mshare_leave(m);
	return ret;
}

void mshare_leave(struct mshare *m)
{
	m->ops->close(m);
	region_free(m);
}

void mshare_close(struct mshare *m)
{
	if (!m)
		return;
	mshare_detach(m);
	mshare_leave(m);
}

int mshare_info(const struct mshare *m, struct mshare_info *info)
{
	struct mshare_info known = {
		.backend = m->ops->backend,
		.addr = m->addr,
		.length = m->length,
		.page_size = m->page_size,
	};
	int ret;

	memcpy(known.view, m->view, sizeof(known.view));
	ret = m->ops->info(m, &known);
	return ret ? ret : fill_struct(info, &known, sizeof(known));
}

int mshare_populate(struct mshare *m, uint64_t offset, uint64_t length)
{
	if (!may_fill(m))
		return -EACCES;
	if (check_range(m, offset, length))
		return -EINVAL;
	return m->ops->populate(m, offset, length);
}

int mshare_export(struct mshare *m, void *addr, uint64_t length, uint64_t offset)
{
	int ret;

	if (!may_fill(m))
		return -EACCES;
	if ((uintptr_t)addr & (m->page_size - 1))
		return -EINVAL;
	ret = check_range(m, offset, length);
	return ret ? ret : m->ops->export(m, addr, length, offset);
}

static bool is_attached(const struct mshare *m)
{
	return m->attached && m->process == getpid();
}

int mshare_attach(struct mshare *m, void **addr)
{
	int ret = 0;

	pthread_mutex_lock(&m->lock);
	if (!is_attached(m)) {
		ret = m->ops->map(m, &m->attached);
		if (!ret)
			m->process = getpid();
	}
	if (!ret)
		*addr = m->attached;
	pthread_mutex_unlock(&m->lock);
	return ret;
}

int mshare_detach(struct mshare *m)
{
	int ret = 0;

	pthread_mutex_lock(&m->lock);
	if (is_attached(m))
		ret = m->ops->unmap(m);
	if (!ret)
		m->attached = NULL;
	pthread_mutex_unlock(&m->lock);
	return ret;
}

int mshare_publish_ring(struct mshare *m, int ring_fd, pid_t to, uint64_t tag)
{
	int ret = -ENOTCONN;

	if (m->readonly)
		return -EACCES;
	pthread_mutex_lock(&m->lock);
	if (is_attached(m))
		ret = m->ops->publish(m, ring_fd, to, tag);
	pthread_mutex_unlock(&m->lock);
	return ret;
}

int mshare_withdraw_ring(struct mshare *m, uint64_t tag)
{
	int ret = -ENOTCONN;

	if (m->readonly)
		return -EACCES;
	pthread_mutex_lock(&m->lock);
	if (is_attached(m))
		ret = m->ops->withdraw(m, tag);
	pthread_mutex_unlock(&m->lock);
	return ret;
}

int mshare_take_ring(struct mshare *m, pid_t from, uint64_t tag, int timeout_ms)
{
	int ret;

	if (m->readonly)
		return -EACCES;
	ret = m->ops->take(m, from, tag, clock_deadline(timeout_ms));
	return ret == -EAGAIN && timeout_ms ? -ETIMEDOUT : ret;
}

int mshare_claim(struct mshare *m, uint64_t number)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
			      .l_start = (off_t)number, .l_len = 1 };
	int fd, ret;

	if (m->readonly)
		return -EACCES;
	if (number > MAX_CLAIM)
		return -EINVAL;
	/* Locks of one open file description do not exclude each other, and @m's is shared. */
	fd = m->ops->open_again(m);
	if (fd < 0 || !fcntl(fd, F_OFD_SETLK, &lock))
		return fd;
	ret = errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	close(fd);
	return ret;
}

void mshare_unclaim(int claim)
{
	struct flock all = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	fcntl(claim, F_OFD_SETLK, &all);
	close(claim);
}

int mshare_quiesce(struct mshare *m, uint64_t offset, uint64_t length, int timeout_ms,
		   struct mshare_busy *busy)
{
	struct mshare_busy found = { 0 };
	int ret;

	ret = check_range(m, offset, length);
	if (ret)
		return ret;
	if (!m->ops->quiesce)
		return -EOPNOTSUPP;
	ret = busy ? fill_struct(busy, &found, sizeof(found)) : 0;
	if (ret)
		return ret;
	ret = m->ops->quiesce(m, offset, length, clock_deadline(timeout_ms), &found);
	if (busy)
		fill_struct(busy, &found, sizeof(found));
	return ret == -EAGAIN && timeout_ms ? -ETIMEDOUT : ret;
}
