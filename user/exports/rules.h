/* SPDX-License-Identifier: MIT */
/*
 * The rules of all exports in one sealed memfd, by which they go from arenad to network processes
 * that run. This header must not know how the descriptor is handed over.
 */
#ifndef EXPORTS_RULES_H
#define EXPORTS_RULES_H

#include <proto/layout.h>

#include "access.h"
#include "options.h"

/**
 * struct rules - the rules of all exports
 * @text: what the rules refer to; NULL if that belongs to somebody else
 * @access: by the number of the export
 */
struct rules {
	char *text;
	struct access access[PROTO_MAX_SPS];
};

/* Bytes of all rules together. */
#define RULES_TEXT_MAX	(1U << 20)

/** rules_refer() - have the rules of @s, as long as @s has them */
void rules_refer(struct rules *r, const struct export_set *s);

/**
 * rules_copy() - copy the rules of @s
 *
 * Return: 0, and @r is to be freed with rules_free(); -E2BIG if they are too long; -EPROTO if one
 * is none; -ENOMEM.
 */
int rules_copy(struct rules *r, const struct export_set *s);

/** rules_make() - write the rules of @s to a memfd; return it, or -E2BIG, or another -errno */
int rules_make(const struct export_set *s);

/**
 * rules_read() - take rules from a memfd
 * @r: filled, to be freed with rules_free(); empty on errors
 * @fd: what rules_make() has returned, in another process
 * @n: number of exports
 *
 * Return: 0; -EPROTO if these are no rules of so many exports; -ENOMEM; another -errno.
 */
int rules_read(struct rules *r, int fd, unsigned int n);

/** rules_free() - free what the rules refer to */
void rules_free(struct rules *r);

#endif /* EXPORTS_RULES_H */
