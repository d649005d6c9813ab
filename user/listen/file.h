/* SPDX-License-Identifier: MIT */
/*
 * The file of a UNIX socket. It is there only as long as somebody listens: what an earlier process
 * left behind is replaced, and the file is removed at the end. This header must not know of
 * options.
 */
#ifndef LISTEN_FILE_H
#define LISTEN_FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

/**
 * struct listen_file - the file of a UNIX socket that this process has made
 * @is_there: the other members are valid
 * @path: where it is
 * @folder: the folder of @path
 * @device: the file system
 * @inode: the file, so that another one of this name is left alone
 */
struct listen_file {
	bool is_there;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t device;
	ino_t inode;
};

/**
 * struct listen_access - who may connect to a UNIX socket
 * @mode: permissions
 * @uid: owner, or -1
 * @gid: group, or -1
 */
struct listen_access {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/**
 * listen_file_open() - bind a UNIX socket to a path and listen
 * @fd: the socket
 * @address: its path
 * @access: who may connect, from the first moment on
 * @backlog: for listen(2)
 * @file: filled
 *
 * A socket at the path on which nobody listens is replaced. Processes that come by this function
 * do it one after the other: they hold a lock on the folder meanwhile.
 *
 * Return: 0; -EADDRINUSE if somebody listens there; -EEXIST if the path is something else than a
 * socket; -EBUSY if the folder stays locked; or another -errno. Nothing is left behind then.
 */
int listen_file_open(int fd, const struct sockaddr_un *address,
		     const struct listen_access *access, int backlog, struct listen_file *file);

/**
 * listen_file_remove() - remove the file, if it still is the one that was made
 *
 * It is to be called while the socket still listens, since nobody replaces the file then.
 */
void listen_file_remove(struct listen_file *file);

#endif /* LISTEN_FILE_H */
