/* SPDX-License-Identifier: MIT */
/*
 * A copy of all that the options say of exports, which refers to nothing else. In a sealed memfd it
 * goes from arenad to network processes that run. This header must not know how the descriptor is
 * handed over.
 */
#ifndef EXPORTS_COPY_H
#define EXPORTS_COPY_H

#include "options.h"

/**
 * struct export_copy - the exports
 * @text: what @set refers to; NULL if that belongs to somebody else
 * @set: the exports
 */
struct export_copy {
	char *text;
	struct export_set set;
};

/* Bytes of all texts together. */
#define EXPORT_COPY_TEXT_MAX	(1U << 20)

/**
 * export_copy() - copy the exports
 *
 * Return: 0, and @c is to be freed with export_copy_free(); -E2BIG if the texts are too long;
 * -ENOMEM.
 */
int export_copy(struct export_copy *c, const struct export_set *s);

/** export_copy_make() - write the exports to a memfd; return it, or -E2BIG, or another -errno */
int export_copy_make(const struct export_set *s);

/**
 * export_copy_read() - take the exports from a memfd
 * @c: filled, to be freed with export_copy_free(); empty on errors
 * @fd: what export_copy_make() has returned, in another process
 * @n: number of exports, vacant ones among them
 *
 * Return: 0; -EPROTO if these are not so many exports; -ENOMEM; another -errno.
 */
int export_copy_read(struct export_copy *c, int fd, unsigned int n);

/** export_copy_free() - free what the exports refer to */
void export_copy_free(struct export_copy *c);

#endif /* EXPORTS_COPY_H */
