/* SPDX-License-Identifier: MIT */
/*
 * The command lines of the processes that arenad runs.
 */
#ifndef ARENAD_PROGRAM_H
#define ARENAD_PROGRAM_H

#include "child.h"

struct arenad_options;

/**
 * struct program - what a process needs to know to become its program
 * @options: arenad's command line
 * @id: SP: which one
 * @ready_fd: NP: where to say that it is ready
 */
struct program {
	const struct arenad_options *options;
	unsigned int id;
	int ready_fd;
};

/* Bytes of the path of a program, with its NUL. */
#define PROGRAM_PATH_SIZE	4096

/** program_path() - where program @name is, into PROGRAM_PATH_SIZE bytes; 0 or -errno */
int program_path(const struct arenad_options *o, const char *name, char *path);

/** program_exec_np() - become arena-np; @context is a struct program */
void program_exec_np(const struct child_pids *pids, void *context);

/** program_exec_sp() - become arena-sp; @context is a struct program */
void program_exec_sp(const struct child_pids *pids, void *context);

#endif /* ARENAD_PROGRAM_H */
