/* SPDX-License-Identifier: MIT */
/*
 * The processes that an earlier arenad of the region has left: whether they can be adopted, and how
 * they are ended. This header must not know how their descriptors are taken.
 */
#ifndef ARENAD_EARLIER_H
#define ARENAD_EARLIER_H

#include "command.h"

struct arenad_options;
struct runtime;
struct state;

/**
 * earlier_find() - look what an earlier arenad has left, and end it if that is wanted
 * @r: folder, with the lock
 * @o: command line; with --replace processes are ended
 * @shape: the options that count
 * @c: command, as it was given
 * @out: what is to be adopted, to be freed with free(); NULL if everything is to be made anew
 *
 * Processes are ended, too, if clients were never told that they may come. It logs what it finds,
 * and its errors.
 *
 * Return: 0; -EBUSY if there are processes that cannot be adopted; -EPROTO if they are of another
 * version; -EINVAL if their options are others; another -errno.
 */
int earlier_find(const struct runtime *r, const struct arenad_options *o, const char *shape,
		 const struct command *c, struct state **out);

/**
 * earlier_check() - could this program adopt the processes, whose arenad may still run?
 *
 * Nothing is changed. It logs the reason if it could not.
 *
 * Return: as earlier_find(); -ENOENT if there is nothing.
 */
int earlier_check(const struct runtime *r, const char *shape);

#endif /* ARENAD_EARLIER_H */
