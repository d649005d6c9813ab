// SPDX-License-Identifier: MIT
/*
 * Goal: the file of a UNIX socket replaces one on which nobody listens, and nothing else; it has
 * its permissions from the first moment on, and only it is removed at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <listen/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static const struct listen_access all = { .mode = 0640, .uid = (uid_t)-1, .gid = (gid_t)-1 };

static struct sockaddr_un at(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	strcpy(un.sun_path, path);
	return un;
}

static int make(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static bool can_connect(const char *path)
{
	const struct sockaddr_un un = at(path);
	int fd = make();
	bool can = !connect(fd, (const struct sockaddr *)&un, sizeof(un));

	close(fd);
	return can;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_mode;
}

static void test_life(void)
{
	const struct sockaddr_un un = at("s");
	struct listen_file file, second;
	mode_t old = umask(0777);
	int fd = make(), other = make();

	is(listen_file_open(fd, &un, &all, 1, &file), 0, "a UNIX socket is bound to a new path");
	umask(old);
	is(mode_of("s"), S_IFSOCK | 0640, "the file has the permissions that were asked for");
	ok(can_connect("s"), "a client can connect to the new socket");
	is(listen_file_open(other, &un, &all, 1, &second), -EADDRINUSE,
	   "a socket on which somebody listens is not replaced");
	for (int i = 0; i < 10 && can_connect("s"); i++)
		;
	ok(!can_connect("s"), "a client cannot connect when the backlog is full");
	is(listen_file_open(other, &un, &all, 1, &second), -EADDRINUSE,
	   "a socket whose backlog is full is not replaced");
	ok(mode_of("s"), "a refusal leaves the file of the other socket there");
	close(fd);
	is(listen_file_open(other, &un, &all, 1, &second), 0,
	   "a socket on which nobody listens any more is replaced");
	listen_file_remove(&file);
	ok(can_connect("s"), "the process whose file was replaced does not remove the new one");
	listen_file_remove(&second);
	is(mode_of("s"), 0, "the file is gone after it was removed");
	listen_file_remove(&second);
	close(other);
}

static void test_strangers(void)
{
	const struct sockaddr_un un = at("f"), link = at("l"), nowhere = at("none/s");
	struct listen_file file;
	int fd = make();

	close(open("f", O_CREAT | O_WRONLY, 0600));
	is(listen_file_open(fd, &un, &all, 1, &file), -EEXIST, "a regular file is not replaced");
	ok(S_ISREG(mode_of("f")), "the regular file is still there");
	ok(!symlink("target", "l"), "a symbolic link can be made");
	is(listen_file_open(fd, &link, &all, 1, &file), -EEXIST, "a symbolic link is not replaced");
	is(mode_of("target"), 0, "nothing is made where the symbolic link leads");
	is(listen_file_open(fd, &nowhere, &all, 1, &file), -ENOENT,
	   "a folder that does not exist is refused");
	close(fd);
}

static void test_lock(void)
{
	const struct sockaddr_un un = at("locked");
	int lock = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = make();
	struct listen_file file;

	ok(!flock(lock, LOCK_EX), "the folder can be locked");
	is(listen_file_open(fd, &un, &all, 1, &file), -EBUSY,
	   "a folder that stays locked by another process is refused in time");
	close(lock);
	is(listen_file_open(fd, &un, &all, 1, &file), 0, "the folder can be used after that");
	listen_file_remove(&file);
	close(fd);
}

static void test_owner(void)
{
	const struct listen_access access = { .mode = 0660, .uid = 1, .gid = 2 };
	const struct sockaddr_un un = at("owned");
	struct listen_file file;
	struct stat st;
	int fd = make();

	if (geteuid()) {
		skip("only root can give files away");
		return;
	}
	ok(!listen_file_open(fd, &un, &access, 1, &file) && !lstat("owned", &st) &&
	   st.st_uid == 1 && st.st_gid == 2, "a UNIX socket's file gets its owner and its group");
	listen_file_remove(&file);
	close(fd);
}

int main(void)
{
	char folder[] = "/tmp/listen-XXXXXX";

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	test_life();
	test_strangers();
	test_lock();
	test_owner();
	unlink("f");
	unlink("l");
	ok(!chdir("/") && !rmdir(folder), "no file is left in the folder");
	return done_testing();
}
