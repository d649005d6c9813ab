// SPDX-License-Identifier: MIT
#include "sandbox.h"

#include <common/log.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "measures.h"

const char *const sandbox_words[] = {
	[SANDBOX_AUTO] = "auto",
	[SANDBOX_REQUIRE] = "require",
	[SANDBOX_OFF] = "off",
	NULL,
};

/*
 * ENOSYS: there is no such call; EOPNOTSUPP: it is switched off; EINVAL: it has no such operation.
 * Namespaces may be forbidden (EPERM, EACCES) or used up (ENOSPC, EUSERS).
 */
static bool is_missing(int ret, unsigned int measure)
{
	if (!measure)
		return false;
	if (ret == -ENOSYS || ret == -EOPNOTSUPP || ret == -EINVAL)
		return true;
	return measure == SANDBOX_NAMESPACES && (ret == -EPERM || ret == -EACCES ||
						 ret == -ENOSPC || ret == -EUSERS);
}

int sandbox_result(const struct sandbox_profile *p, const char *name,
		   unsigned int measure, int ret)
{
	if (!ret) {
		log_debug("sandbox: %s: on", name);
		return 0;
	}
	if (is_missing(ret, measure) && p->mode == SANDBOX_AUTO) {
		log_debug("sandbox: %s: not on this machine (%s)", name, strerror(-ret));
		return (int)measure;
	}
	if (is_missing(ret, measure))
		log_error("sandbox: %s: %s; allow it here (the profile of a container, "
			  "user.max_*_namespaces), use a newer kernel, or --sandbox auto", name,
			  strerror(-ret));
	else
		log_error("sandbox: %s: %s", name, log_reason(-ret));
	return ret;
}

int sandbox_drop(const struct sandbox_profile *p)
{
	int (*const measure[])(const struct sandbox_profile *p) = {
		/* The first one looks into /proc, which is gone after the second one. */
		sandbox_limits, sandbox_namespaces, sandbox_privileges, sandbox_landlock,
		sandbox_rings,
	};
	int missing = 0;

	for (size_t i = 0; i < sizeof(measure) / sizeof(measure[0]); i++) {
		int ret = measure[i](p);

		if (ret < 0)
			return ret;
		missing |= ret;
	}
	return missing;
}

void sandbox_log_missing(unsigned int measures)
{
	static const char *const name[] = {
		"namespaces of its own for each process",
		"Landlock",
		"Landlock's rules for TCP",
		"Landlock's rules for signals and abstract sockets",
		"filters of system calls",
		"a rule against memory that becomes code",
		"a /proc for limits of memory",
	};

	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		if (measures & 1U << i)
			log_warn("sandbox: this machine does not have %s, or does not let us use "
				 "them: going on without; a newer kernel has them, or the "
				 "profile of a container has to allow them", name[i]);
}
