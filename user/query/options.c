// SPDX-License-Identifier: MIT
#include "options.h"

#include "call.h"

#define FIELD(name) .field = offsetof(struct query_target, name)

const struct option_rule query_rules[] = {
	{ .name = "region", .kind = OPTION_TEXT, FIELD(region), .argument = "NAME",
	  .help = "region of the arenad that is asked (the only one that runs)" },
	{ .name = "runtime-dir", .kind = OPTION_TEXT, FIELD(runtime_dir), .argument = "DIR",
	  .help = "runtime folder of that arenad (/run/msharearena, or one of an instance)" },
	{ .name = NULL },
};
