// SPDX-License-Identifier: LGPL-2.1-or-later
#include <mshare.h>

const char *mshare_version(void)
{
	return MSHAREARENA_VERSION;
}
