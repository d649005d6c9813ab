/* SPDX-License-Identifier: MIT */
/*
 * The user that a process runs as. This header must not know what the process is.
 */
#ifndef SANDBOX_USER_H
#define SANDBOX_USER_H

#include <sys/types.h>

/**
 * struct user - a user
 * @name: as it was given; NULL for the user that starts it
 * @uid: valid with a name
 * @gid: its group; valid with a name
 */
struct user {
	const char *name;
	uid_t uid;
	gid_t gid;
};

/** user_find() - look a user up by name, which is not copied; 0 or -ENOENT */
int user_find(const char *name, struct user *u);

/**
 * user_become() - become the user, for good and with its groups; nothing if it has no name
 *
 * It logs its errors.
 *
 * Return: 0 or -errno.
 */
int user_become(const struct user *u);

#endif /* SANDBOX_USER_H */
