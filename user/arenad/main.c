// SPDX-License-Identifier: MIT
/*
 * arenad: make a region, run the processes that work in it, remove it.
 */
#include <common/log.h>

#include "options.h"
#include "region.h"
#include "supervise.h"

int main(int argc, char **argv)
{
	struct arenad_options options;
	struct mshare *region;
	int status;

	log_init("arenad", LOG_LEVEL_INFO);
	status = arenad_options_parse(&options, argc, argv);
	if (status >= 0)
		return status;
	if (options.verbose)
		log_init("arenad", LOG_LEVEL_DEBUG);
	arenad_supervise_hold_signals();
	if (arenad_region_open(&options, &region))
		return ARENAD_EXIT_ERROR;
	status = arenad_supervise(&options);
	arenad_region_close(&options, region);
	return status;
}
