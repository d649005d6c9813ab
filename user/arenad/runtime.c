// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "runtime.h"

#include <common/log.h>
#include <common/runtime_path.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "own_fd.h"

#define FOLDER_MODE	0700
#define FILE_MODE	0600
#define OTHERS_MAY_WRITE	0022
/* How often a file is locked that its last owner has removed at that moment. */
#define LOCK_TRIES	10

/* What lies there is believed, so nobody else may have put it there. */
static int check_folder(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid() || st.st_mode & OTHERS_MAY_WRITE)
		return -EPERM;
	return 0;
}

static int open_folder(const char *path)
{
	int fd, ret;

	if (mkdir(path, FOLDER_MODE) && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = check_folder(fd);
	if (!ret)
		return own_fd(fd);
	close(fd);
	return ret;
}

static int log_folder_error(const char *path, int err)
{
	if (err == -EPERM)
		log_error("folder %s belongs to another user, or other users may write to it: "
			  "nothing in it can be believed; --runtime-dir names another one", path);
	else
		log_error("cannot use folder %s: %s; --runtime-dir names another one", path,
			  strerror(-err));
	return err;
}

/*
 * A lock of fcntl(2), which no process that is forked inherits, and which stays when this process
 * executes another program. It would end with the first descriptor of the file that is closed.
 */
static int lock_file(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &lock) ? -errno : 0;
}

static int log_lock_error(const struct runtime *r, int fd, int err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (err != -EAGAIN && err != -EACCES) {
		log_error("cannot lock a file in %s: %s", r->path, log_reason(-err));
		return err;
	}
	if (fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK)
		lock.l_pid = 0;
	log_error("another arenad (process %d) runs region %s; end it first (arenactl stop), or "
		  "replace it (arenactl upgrade)", (int)lock.l_pid, r->region);
	return -EBUSY;
}

static int open_lock(const struct runtime *r, const char *name)
{
	int fd = openat(r->folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

	return own_fd(fd < 0 ? -errno : fd);
}

/* Is the file that was locked still the one of that name? */
static bool is_named(const struct runtime *r, const char *name, int fd)
{
	struct stat own, named;

	return !fstat(fd, &own) && !fstatat(r->folder, name, &named, AT_SYMLINK_NOFOLLOW) &&
	       own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

static int take_lock(struct runtime *r)
{
	char name[RUNTIME_NAME_SIZE];

	runtime_file(r, RUNTIME_PATH_LOCK, name);
	for (int i = 0; i < LOCK_TRIES; i++) {
		int fd = open_lock(r, name), ret = fd < 0 ? fd : lock_file(fd);

		if (!ret && is_named(r, name, fd)) {
			r->lock = fd;
			return 0;
		}
		if (ret)
			log_lock_error(r, fd, ret);
		if (fd >= 0)
			close(fd);
		if (ret)
			return ret == -EAGAIN || ret == -EACCES ? -EBUSY : ret;
	}
	return -EBUSY;
}

int runtime_look(struct runtime *r, const char *wanted, const char *region)
{
	int ret;

	*r = (struct runtime){ .folder = -1, .lock = -1, .region = region };
	ret = runtime_path(wanted, r->path);
	if (!ret)
		ret = open_folder(r->path);
	if (ret < 0)
		return log_folder_error(r->path, ret);
	r->folder = ret;
	return 0;
}

int runtime_open(struct runtime *r, const char *wanted, const char *region, int lock)
{
	int ret = runtime_look(r, wanted, region);

	r->lock = lock;
	return ret || lock >= 0 ? ret : take_lock(r);
}

void runtime_file(const struct runtime *r, const char *ending, char *name)
{
	snprintf(name, RUNTIME_NAME_SIZE, "%s%s", r->region, ending);
}

void runtime_close(struct runtime *r)
{
	char name[RUNTIME_NAME_SIZE];

	if (r->lock >= 0) {
		runtime_file(r, RUNTIME_PATH_LOCK, name);
		unlinkat(r->folder, name, 0);
		close(r->lock);
	}
	if (r->folder >= 0)
		close(r->folder);
	r->lock = -1;
	r->folder = -1;
}
