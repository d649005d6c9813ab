/* SPDX-License-Identifier: MIT */
/*
 * arenad reads what a program that it tries writes to its standard error, passes it on to its own
 * log, and keeps the reason for which the program fails. This header must not know of processes.
 */
#ifndef ARENAD_HEAR_H
#define ARENAD_HEAR_H

#include <common/log.h>
#include <stdbool.h>
#include <stddef.h>

/* A longer line is taken for several ones. */
#define HEAR_LINE_SIZE	1024U

/**
 * struct hear - what was heard
 * @fd: where it comes from, without waiting
 * @other: the end for the program; -1 when it has that
 * @n: bytes of a line that is not complete yet
 * @line: the line
 * @errors: how many errors there were
 * @reason: the first error, or else the first line; "" if there was none
 */
struct hear {
	int fd;
	int other;
	size_t n;
	char line[HEAR_LINE_SIZE];
	unsigned int errors;
	char reason[LOG_CATCH_SIZE];
};

/** hear_begin() - make both ends, to be closed with hear_end(); 0 or -errno */
int hear_begin(struct hear *h);

/** hear_as_program() - in the process of the program: write to it */
void hear_as_program(const struct hear *h);

/** hear_as_parent() - the program has its end now */
void hear_as_parent(struct hear *h);

/** hear_take() - log some of what there is; returns false when nothing can come any more */
bool hear_take(struct hear *h);

/** hear_end() - log what there is, and close all */
void hear_end(struct hear *h);

#endif /* ARENAD_HEAR_H */
