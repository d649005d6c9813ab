/* SPDX-License-Identifier: MIT */
/*
 * The options on which everything that the processes share depends: the region, its parts, channels
 * and sockets. An arenad with others cannot adopt the processes. This header must not know how they
 * are adopted.
 */
#ifndef ARENAD_SHAPE_H
#define ARENAD_SHAPE_H

#include <stdbool.h>

struct arenad_options;

/**
 * shape_text() - write those options, a line each
 *
 * Return: to be freed with free(); NULL if there is no memory.
 */
char *shape_text(const struct arenad_options *o);

/* Bytes of the names of options, with which a line of the log is not too long. */
#define SHAPE_NAMES_SIZE	800

/**
 * shape_name_changes() - name the options that differ between two texts of such lines
 * @before: a text
 * @now: another one
 * @names: set to the names, with a blank between them, unless the texts are the same
 *
 * Return: are they others?
 */
bool shape_name_changes(const char *before, const char *now, char names[SHAPE_NAMES_SIZE]);

/**
 * shape_agrees() - are two such texts the same?
 *
 * Each difference is logged.
 */
bool shape_agrees(const char *running, const char *wanted);

#endif /* ARENAD_SHAPE_H */
