// SPDX-License-Identifier: LGPL-2.1-or-later
#include "why.h"

#include <arena/arena.h>

static __thread const char *last __attribute__((tls_model("initial-exec")));

void why_keep(const char *reason)
{
	last = reason;
}

const char *arena_why(void)
{
	return last;
}
