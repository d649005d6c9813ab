/* SPDX-License-Identifier: MIT */
/*
 * The options on which everything that the processes share depends: the region, its parts, channels
 * and sockets. An arenad with others cannot adopt the processes. This header must not know how they
 * are adopted.
 */
#ifndef ARENAD_SHAPE_H
#define ARENAD_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

struct arenad_options;

/**
 * shape_text() - write those options, a line each
 *
 * Return: to be freed with free(); NULL if there is no memory.
 */
char *shape_text(const struct arenad_options *o);

/** shape_has_line() - has a text this line of @length bytes? */
bool shape_has_line(const char *text, const char *line, size_t length);

/**
 * shape_agrees() - are two such texts the same?
 *
 * Each difference is logged.
 */
bool shape_agrees(const char *running, const char *wanted);

#endif /* ARENAD_SHAPE_H */
