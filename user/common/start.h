/* SPDX-License-Identifier: MIT */
/*
 * The first steps of every program. This header must not know options, the arena, or the
 * purpose of the program.
 */
#ifndef COMMON_START_H
#define COMMON_START_H

#include <stdbool.h>

/**
 * start_program() - make standard streams and signals safe; the first call of main()
 * @name: of the program, for its log; not copied
 *
 * Where descriptor 0, 1 or 2 is closed, /dev/null is opened there, so that no file that
 * is opened later gets that number and is written to as if it were the log. A write to
 * a pipe without a reader is an error and no longer the end of the process. Output that
 * cannot be written to standard output makes the exit status 1.
 *
 * Ends the process with status 1 if that cannot be done.
 */
void start_program(const char *name);

/**
 * start_tool() - start_program() for a program whose output somebody reads in a pipe
 * @name: of the program, for its log; not copied
 *
 * If the reader has read enough, and has gone, the program does its work nevertheless, and then
 * dies by SIGPIPE without a message, as other tools do.
 */
void start_tool(const char *name);

/** start_stop_is_pending() - has SIGTERM or SIGINT come while the program has them blocked? */
bool start_stop_is_pending(void);

#endif /* COMMON_START_H */
