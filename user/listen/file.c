// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_TRIES	100
#define LOCK_PAUSE_US	20000

/* The folder of a path, which may be relative. */
static void find_folder(const char *path, char *folder)
{
	const char *slash = strrchr(path, '/');

	memcpy(folder, ".", sizeof("."));
	if (slash) {
		size_t length = slash == path ? 1 : (size_t)(slash - path);

		memcpy(folder, path, length);
		folder[length] = '\0';
	}
}

static int open_folder(const char *path)
{
	char folder[sizeof(((struct listen_file *)0)->folder)];
	int fd;

	find_folder(path, folder);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Return: the descriptor that holds the lock, or -errno. */
static int lock_folder(const char *path)
{
	int fd = open_folder(path);

	if (fd < 0)
		return fd;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return fd;
		usleep(LOCK_PAUSE_US);
	}
	close(fd);
	return -EBUSY;
}

/* Does somebody listen there? One whose backlog is full does, too. */
static bool is_listened(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_refused;

	if (fd < 0)
		return true;
	is_refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
		     errno == ECONNREFUSED;
	close(fd);
	return !is_refused;
}

/* Make room for a socket at the path, if what is there is a socket that nobody uses. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	if (is_listened(address))
		return -EADDRINUSE;
	return unlink(address->sun_path) && errno != ENOENT ? -errno : 0;
}

/* The kernel gives the file the permissions of the socket. */
static int bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode)
{
	mode_t old;
	int ret = 0;

	if (fchmod(fd, mode))
		return -errno;
	old = umask(0);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)))
		ret = -errno;
	umask(old);
	return ret;
}

/* By the file itself, as another user of the folder may put something else at the path. */
static int set_owner(int file_fd, const struct listen_access *access)
{
	if (access->uid == (uid_t)-1 && access->gid == (gid_t)-1)
		return 0;
	return fchownat(file_fd, "", access->uid, access->gid, AT_EMPTY_PATH) ? -errno : 0;
}

static int note(struct listen_file *file, const char *path, const struct listen_access *access)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		ret = -errno;
	else if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		ret = -EEXIST;
	if (!ret) {
		file->is_there = true;
		file->device = st.st_dev;
		file->inode = st.st_ino;
		memcpy(file->path, path, strlen(path) + 1);
		find_folder(path, file->folder);
		ret = set_owner(fd, access);
	}
	close(fd);
	return ret;
}

static int bind_and_listen(int fd, const struct sockaddr_un *address,
			   const struct listen_access *access, int backlog,
			   struct listen_file *file)
{
	int ret = remove_stale(address);

	if (!ret)
		ret = bind_with_mode(fd, address, access->mode);
	if (ret)
		return ret;
	ret = note(file, address->sun_path, access);
	if (!ret && listen(fd, backlog))
		ret = -errno;
	if (ret)
		listen_file_remove(file);
	return ret;
}

int listen_file_open(int fd, const struct sockaddr_un *address,
		     const struct listen_access *access, int backlog, struct listen_file *file)
{
	int lock = lock_folder(address->sun_path);
	int ret;

	file->is_there = false;
	if (lock < 0)
		return lock;
	ret = bind_and_listen(fd, address, access, backlog, file);
	close(lock);
	return ret;
}

void listen_file_remove(struct listen_file *file)
{
	struct stat st;

	if (!file->is_there)
		return;
	file->is_there = false;
	if (!lstat(file->path, &st) && st.st_dev == file->device && st.st_ino == file->inode)
		unlink(file->path);
}
