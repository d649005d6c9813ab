/* SPDX-License-Identifier: MIT */
/*
 * The folder in which an arenad leaves what the next one of the same region has to know, and the
 * lock by which there is one arenad of a region at a time. This header must not know what is left
 * there.
 */
#ifndef ARENAD_RUNTIME_H
#define ARENAD_RUNTIME_H

#include <limits.h>
#include <linux/msharearena.h>

/* NAME.state.new, with its NUL. */
#define RUNTIME_NAME_SIZE	(MSHAREARENA_NAME_SIZE + sizeof(".state.new"))

/**
 * struct runtime - the folder
 * @path: where it is
 * @folder: it, open
 * @lock: the file that is locked, -1 without the lock
 * @region: name of the region, not copied
 */
struct runtime {
	char path[PATH_MAX];
	int folder;
	int lock;
	const char *region;
};

/**
 * runtime_open() - find or make the folder, and take the region's lock
 * @r: filled, to be closed with runtime_close(), also if the call fails
 * @wanted: the folder, or NULL, as for runtime_path()
 * @region: name of the region
 * @lock: the locked file, if this process has executed arenad anew; else -1
 *
 * The folder has to belong to the user, and no other user may write to it. It logs its errors.
 *
 * Return: 0; -EBUSY if another arenad runs; or another -errno.
 */
int runtime_open(struct runtime *r, const char *wanted, const char *region, int lock);

/** runtime_look() - runtime_open() without the lock, to read only */
int runtime_look(struct runtime *r, const char *wanted, const char *region);

/** runtime_file() - write the name of the region's file in the folder, RUNTIME_NAME_SIZE bytes */
void runtime_file(const struct runtime *r, const char *ending, char *name);

/** runtime_close() - leave the folder, let the lock go and remove its file */
void runtime_close(struct runtime *r);

#endif /* ARENAD_RUNTIME_H */
