/* SPDX-License-Identifier: MIT */
/*
 * What a process gives up for good once it has opened everything that it needs: privileges, files,
 * networks, and the system calls that it does not make. This header must not know what the
 * processes do.
 *
 * Each measure that is taken is logged at the verbose level. The order is sandbox_drop(), then the
 * start of threads, then sandbox_filter().
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#define SANDBOX_MAX_FOLDERS	8

/**
 * enum sandbox_mode - the value of --sandbox, an index of sandbox_words
 * @SANDBOX_AUTO: the measures are taken that the machine has
 * @SANDBOX_REQUIRE: all measures are taken, or it is an error
 * @SANDBOX_OFF: none of them is, for a debugger
 */
enum sandbox_mode { SANDBOX_AUTO, SANDBOX_REQUIRE, SANDBOX_OFF };

extern const char *const sandbox_words[];

/**
 * enum sandbox_measure - a bit for each measure that a machine may not have
 * @SANDBOX_NAMESPACES: no network, no IPC objects, an empty file system
 * @SANDBOX_LANDLOCK: no path of the file system
 * @SANDBOX_LANDLOCK_TCP: no TCP port
 * @SANDBOX_LANDLOCK_SCOPES: no signal to other processes, no abstract socket of theirs
 * @SANDBOX_FILTER: no system call that is not on the list
 * @SANDBOX_NO_NEW_CODE: no memory that could be written becomes executable
 * @SANDBOX_PROC: limits that are set by what /proc says, or written there
 */
enum sandbox_measure {
	SANDBOX_NAMESPACES = 1,
	SANDBOX_LANDLOCK = 2,
	SANDBOX_LANDLOCK_TCP = 4,
	SANDBOX_LANDLOCK_SCOPES = 8,
	SANDBOX_FILTER = 16,
	SANDBOX_NO_NEW_CODE = 32,
	SANDBOX_PROC = 64,
};

#define SANDBOX_RULE_ARGUMENTS	2

/**
 * struct sandbox_rule - a system call that is made with some arguments only
 * @call: its name; NULL at the end of a list
 * @n: used entries of @argument
 * @argument: which argument, from 0 on, has to have which value; of several rules for a call one
 *	has to hold
 */
struct sandbox_rule {
	const char *call;
	unsigned int n;
	struct {
		unsigned int index;
		uint64_t value;
	} argument[SANDBOX_RULE_ARGUMENTS];
};

/**
 * struct sandbox_profile - what a process keeps
 * @mode: SANDBOX_AUTO or SANDBOX_REQUIRE
 * @calls: names of the system calls that it makes, besides those of every process; NULL at the end
 * @rules: system calls that it makes with some arguments only, or NULL
 * @ioctl: the only request that it may make by ioctl(2), or 0
 * @memory: bytes of memory that it may map besides what it has mapped; 0 for any number
 * @kept_from: first address of a range in which every mapping stays as it is, so that it counts
 *	among @memory's other mappings for ever
 * @kept_bytes: bytes of that range; 0 for none. In front of it there are as many addresses without
 *	any mapping
 * @file_bytes: length of the longest regular file that it may write, besides its log
 * @oom_score: by how much sooner than the process that started it the kernel ends it when memory
 *	runs out, in the unit of oom_score_adj
 * @n_folders: used entries of @folder
 * @folder: folders in which it may remove files; it may use no other path, but for @read_folder. If
 *	there are any, it may call unlink(2) and lstat(2), and keeps its mounts.
 * @n_read_folders: used entries of @read_folder
 * @read_folder: folders in which it may read files, and call ioctl(2) on devices. If there are any,
 *	it keeps its mounts.
 * @capabilities: a bit for each capability that it keeps. If there are any, it makes no user
 *	namespace, in which they would be worth nothing.
 */
struct sandbox_profile {
	enum sandbox_mode mode;
	const char *const *calls;
	const struct sandbox_rule *rules;
	unsigned long ioctl;
	uint64_t memory;
	uint64_t kept_from;
	uint64_t kept_bytes;
	uint64_t file_bytes;
	int oom_score;
	unsigned int n_folders;
	const char *folder[SANDBOX_MAX_FOLDERS];
	unsigned int n_read_folders;
	const char *read_folder[SANDBOX_MAX_FOLDERS];
	uint64_t capabilities;
};

/**
 * sandbox_drop() - give up privileges and files, in this thread and those that it starts later
 * @p: what is kept
 *
 * The process forbids itself core files, more open files, memory and longer files than it may have,
 * memory that becomes code, and PTRACE_ATTACH by processes of the same user. It leaves the
 * namespaces of the network, of IPC and of mounts for empty ones, drops all capabilities but those
 * that it keeps, sets no_new_privs, enters a Landlock domain without files, TCP ports, and signals
 * or abstract sockets to processes outside. Where the kernel can, it lets rings that are opened
 * later do nothing; nobody asks for that, as the filter forbids to open one. The process must have
 * one thread.
 * Errors are logged.
 *
 * Return: bits of enum sandbox_measure for what the machine does not have, 0 if the mode is
 * SANDBOX_REQUIRE; or -errno, -EOPNOTSUPP if a measure is missing that is required.
 */
int sandbox_drop(const struct sandbox_profile *p);

/**
 * sandbox_filter() - let the kernel kill this process at any other system call than those of @p
 * @p: what is kept
 *
 * The number of the call is logged before. It holds for all threads. io_uring's operations are not
 * system calls. Errors are logged.
 *
 * Return: as sandbox_drop().
 */
int sandbox_filter(const struct sandbox_profile *p);

/** sandbox_log_missing() - warn of the measures that a machine does not have */
void sandbox_log_missing(unsigned int measures);

/**
 * sandbox_drop_bounding() - let no program that is executed later have a capability
 *
 * Return: 0, or -errno, -EPERM without CAP_SETPCAP.
 */
int sandbox_drop_bounding(void);

/** sandbox_has_capability() - is the capability in effect? */
bool sandbox_has_capability(unsigned int capability);

/**
 * sandbox_drop_capability() - give up one capability, for good unless a program is executed
 *
 * Return: 0 or -errno.
 */
int sandbox_drop_capability(unsigned int capability);

#endif /* SANDBOX_SANDBOX_H */
