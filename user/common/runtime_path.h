/* SPDX-License-Identifier: MIT */
/*
 * Where the runtime folder of arenad is. This header must not know what is in it.
 */
#ifndef COMMON_RUNTIME_PATH_H
#define COMMON_RUNTIME_PATH_H

/* The folder of root's arenads. */
#define RUNTIME_PATH_SYSTEM	"/run/msharearena"

/* How the name of the file ends there that the arenad of a region has locked while it runs. */
#define RUNTIME_PATH_LOCK	".lock"

/**
 * runtime_path() - choose the folder
 * @wanted: the folder, or NULL for $RUNTIME_DIRECTORY, or, where that is not set either,
 *	RUNTIME_PATH_SYSTEM, and $XDG_RUNTIME_DIR/msharearena for another user than root
 * @path: filled, PATH_MAX bytes
 *
 * Return: 0 or -ENAMETOOLONG.
 */
int runtime_path(const char *wanted, char *path);

#endif /* COMMON_RUNTIME_PATH_H */
