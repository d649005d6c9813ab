/* SPDX-License-Identifier: MIT */
/*
 * The processes that an earlier arenad of the region has left: whether they can be adopted, and how
 * they are ended. This header must not know how their descriptors are taken.
 */
#ifndef ARENAD_EARLIER_H
#define ARENAD_EARLIER_H

struct arenad_options;
struct runtime;
struct state;

/**
 * earlier_find() - look what an earlier arenad has left, and end it if that is wanted
 * @r: folder, with the lock
 * @o: the options; with --replace processes are ended
 * @shape: the options that count
 * @given: all options that were given
 * @out: what is to be adopted, to be freed with free(); NULL if everything is to be made anew
 *
 * Processes are ended, too, if clients were never told that they may come. It logs what it finds,
 * and its errors.
 *
 * Return: 0; -EBUSY if there are processes that cannot be adopted; -EPROTO if they are of another
 * version; -EINVAL if their options are others; another -errno.
 */
int earlier_find(const struct runtime *r, const struct arenad_options *o, const char *shape,
		 const char *given, struct state **out);

/**
 * earlier_look() - the state of processes that could be adopted
 *
 * Return: to be freed with free(); NULL if there are none, or no memory.
 */
struct state *earlier_look(const struct runtime *r);

/**
 * earlier_check() - does what an earlier arenad has left, which may still run, fit this program?
 * @r: folder
 * @shape: the options that count
 * @out: the state, to be freed with free(); NULL if it does not fit
 *
 * Nothing is changed. It logs the reason if it does not fit.
 *
 * Return: as earlier_find(); -ENOENT if there is nothing; -EAGAIN if clients were not told yet that
 * they may come; -ESRCH if the keeper has ended.
 */
int earlier_check(const struct runtime *r, const char *shape, struct state **out);

#endif /* ARENAD_EARLIER_H */
