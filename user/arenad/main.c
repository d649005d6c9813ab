// SPDX-License-Identifier: MIT
/*
 * arenad: make a region, run the processes that work in it, remove it.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <common/start.h>
#include <errno.h>
#include <linux/close_range.h>
#include <listen/socket.h>
#include <string.h>
#include <unistd.h>

#include "cpus.h"
#include "options.h"
#include "preflight.h"
#include "region.h"
#include "reload.h"
#include "supervise.h"

/* What can be wrong for reasons of its own is tried before the region is made. */
static int prepare(const struct arenad_options *o, struct reload *reload, struct cpus_of *cpus,
		   struct listen_set *sockets)
{
	int ret = arenad_preflight(o);

	if (!ret)
		ret = cpus_plan(o, cpus);
	if (!ret)
		ret = reload_open(reload, o);
	return ret ? ret : listen_open(&o->listen, sockets);
}

static int run(const struct arenad_options *o, struct reload *reload)
{
	static struct arena_layout layout;
	struct listen_set sockets;
	struct cpus_of cpus;
	struct mshare *region;
	int status;

	if (prepare(o, reload, &cpus, &sockets))
		return ARENAD_EXIT_ERROR;
	if (arenad_region_open(o, &cpus, &layout, &region)) {
		listen_close(&sockets);
		return ARENAD_EXIT_ERROR;
	}
	status = arenad_supervise(o, &cpus, &layout, &sockets, reload);
	listen_close(&sockets);
	arenad_region_close(o, region);
	return status;
}

/*
 * arenad may inherit open files from the program that started it. They are not for the processes
 * that arenad starts. They stay open here, as sockets to listen on may be among them.
 */
static void keep_descriptors(void)
{
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC))
		log_warn("cannot keep open files from other processes: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	struct reload reload = { .bundle = -1 };
	struct arenad_options options;
	int status;

	start_program("arenad");
	keep_descriptors();
	/* From now on signals wait until arenad_supervise() reads them. */
	arenad_supervise_hold_signals();
	arenad_options_parse(&options, argc, argv);
	if (options.verbose)
		log_init("arenad", LOG_LEVEL_DEBUG);
	status = run(&options, &reload);
	reload_close(&reload);
	return status;
}
