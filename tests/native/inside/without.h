/* SPDX-License-Identifier: MIT */
/*
 * A daemon that goes without some of its defences: $BREAKOUT_OFF names them, with commas between.
 * Calls of the daemon that set such a defence up do nothing. So a test sees what each of the others
 * stops alone, and that an attempt succeeds where nothing stops it.
 *
 * Only a daemon that is started with the library in LD_PRELOAD has these switches. This header must
 * not know what is attempted.
 */
#ifndef INSIDE_WITHOUT_H
#define INSIDE_WITHOUT_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* The headers may be older than the kernel. */
#define SET_MDWE	65

/* In arenad and in programs that are no part of this project all is as it always is. */
static bool is_without(const char *defence)
{
	const char *list = getenv("BREAKOUT_OFF");
	size_t n = strlen(defence);

	if (!list || strncmp(program_invocation_short_name, "arena-", 6))
		return false;
	for (const char *at = list; (at = strstr(at, defence)); at += n)
		if ((at == list || at[-1] == ',') && (at[n] == ',' || !at[n]))
			return true;
	return false;
}

#define REAL(name)	((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int seccomp_load(const scmp_filter_ctx ctx)
{
	return is_without("filter") ? 0 : REAL(seccomp_load)(ctx);
}

int unshare(int flags)
{
	return is_without("namespaces") ? 0 : REAL(unshare)(flags);
}

int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data)
{
	return is_without("namespaces") ? 0 : REAL(mount)(source, target, type, flags, data);
}

int umount2(const char *target, int flags)
{
	return is_without("namespaces") ? 0 : REAL(umount2)(target, flags);
}

/* The library raises a limit that the daemon needs; the sandbox lowers them. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	struct rlimit now;

	if (is_without("limits") && !getrlimit(resource, &now) && limit->rlim_max < now.rlim_max)
		return 0;
	return REAL(setrlimit)(resource, limit);
}

int prctl(int option, ...)
{
	unsigned long a[4];
	va_list ap;

	va_start(ap, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if ((option == PR_SET_DUMPABLE || option == SET_MDWE) && is_without("limits"))
		return 0;
	if ((option == PR_CAPBSET_DROP || option == PR_SET_SECUREBITS) && is_without("privileges"))
		return 0;
	return REAL(prctl)(option, a[0], a[1], a[2], a[3]);
}

static bool is_skipped(long number)
{
	return (number == SYS_landlock_restrict_self && is_without("landlock")) ||
	       (number == SYS_pivot_root && is_without("namespaces")) ||
	       (number == SYS_capset && is_without("privileges"));
}

long syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (is_skipped(number))
		return 0;
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#endif /* INSIDE_WITHOUT_H */
