/* SPDX-License-Identifier: MIT */
/*
 * The measures of a sandbox, each in a file of its own. This header must not know their order.
 *
 * Each of these functions returns 0, bits of enum sandbox_measure for what the machine does not
 * have, or -errno.
 */
#ifndef SANDBOX_MEASURES_H
#define SANDBOX_MEASURES_H

#include "sandbox.h"

/*
 * A sanitizer reads files, starts threads and traces its own process when it reports. Builds with
 * one are for tests only, and their sandbox leaves that to them.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_FOR_SANITIZER	1
#else
#define SANDBOX_FOR_SANITIZER	0
#endif

/**
 * sandbox_result() - log what became of a measure
 * @p: says whether a measure may be missing
 * @name: the measure
 * @measure: its bit of enum sandbox_measure; 0 if no machine is without it
 * @ret: 0 or -errno
 *
 * Return: 0; @measure if this machine does not have it; or -errno, also for a measure that is
 * missing and required.
 */
int sandbox_result(const struct sandbox_profile *p, const char *name,
		   unsigned int measure, int ret);

/** sandbox_namespaces() - no network, no IPC objects, no files */
int sandbox_namespaces(const struct sandbox_profile *p);

/** sandbox_privileges() - no_new_privs, no capability */
int sandbox_privileges(const struct sandbox_profile *p);

/** sandbox_limits() - no core file, no tracer, no more files and memory; needs /proc */
int sandbox_limits(const struct sandbox_profile *p);

/** sandbox_landlock() - no paths but those of @p, no TCP, no signals */
int sandbox_landlock(const struct sandbox_profile *p);

/** sandbox_rings() - rings that are opened later can do nothing; needs no_new_privs */
int sandbox_rings(const struct sandbox_profile *p);

#endif /* SANDBOX_MEASURES_H */
