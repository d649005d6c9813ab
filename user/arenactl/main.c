// SPDX-License-Identifier: MIT
/*
 * arenactl: watch and steer arenad by its Varlink service.
 */
#include <common/start.h>

#include "options.h"

int main(int argc, char **argv)
{
	struct arenactl_options options;

	start_tool("arenactl");
	arenactl_options_parse(&options, argc, argv);
	return options.run(&options);
}
