// SPDX-License-Identifier: MIT
#include "log_options.h"

const char *const log_format_words[] = {
	[LOG_FORMAT_TEXT] = "text",
	[LOG_FORMAT_JSON] = "json",
	NULL,
};

const struct option_rule log_rules[] = {
	{ .name = "log-format", .kind = OPTION_WORD, .words = log_format_words,
	  .argument = "FORMAT",
	  .help = "what the lines of the log are: text, or objects of JSON for programs that "
		  "collect them (json) (text)" },
	{ .name = NULL },
};
