/* SPDX-License-Identifier: MIT */
/*
 * Exports that are added and removed by files. This header must not know how arenad reads them.
 */
#ifndef ARENACTL_EXPORT_FILES_H
#define ARENACTL_EXPORT_FILES_H

#include "options.h"

/**
 * export_add() - write a file for an export, and have arenad read all files again
 * @o: the name of the export, its disk, and KEY=VALUE for each other option
 *
 * If arenad refuses it, the file is gone again. Errors are logged.
 */
enum query_status export_add(const struct arenactl_options *o);

/** export_remove() - the contrary, for an export that export_add() has added */
enum query_status export_remove(const struct arenactl_options *o);

#endif /* ARENACTL_EXPORT_FILES_H */
