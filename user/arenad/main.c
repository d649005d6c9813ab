// SPDX-License-Identifier: MIT
/*
 * arenad: make a region, run the processes that work in it, remove it.
 */
#include <common/log.h>
#include <common/start.h>
#include <listen/socket.h>

#include "options.h"
#include "preflight.h"
#include "region.h"
#include "supervise.h"

int main(int argc, char **argv)
{
	struct arenad_options options;
	struct listen_set sockets;
	struct mshare *region;
	int status;

	start_program("arenad");
	/* From now on signals wait until arenad_supervise() reads them. */
	arenad_supervise_hold_signals();
	arenad_options_parse(&options, argc, argv);
	if (options.verbose)
		log_init("arenad", LOG_LEVEL_DEBUG);
	if (arenad_preflight(&options))
		return ARENAD_EXIT_ERROR;
	if (listen_open(&options.listen, &sockets))
		return ARENAD_EXIT_ERROR;
	if (arenad_region_open(&options, &region)) {
		listen_close(&sockets);
		return ARENAD_EXIT_ERROR;
	}
	status = arenad_supervise(&options, &sockets);
	listen_close(&sockets);
	arenad_region_close(&options, region);
	return status;
}
