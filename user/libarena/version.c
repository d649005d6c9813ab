// SPDX-License-Identifier: LGPL-2.1-or-later
#include <arena/arena.h>

const char *arena_version(void)
{
#ifdef ARENA_DEBUG
	return MSHAREARENA_VERSION " (debug)";
#else
	return MSHAREARENA_VERSION;
#endif
}
