// SPDX-License-Identifier: MIT
#include <common/log.h>
#include <inttypes.h>
#include <query/call.h>
#include <query/json.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "commands.h"
#include "export_files.h"

/* Only what is served can be drained. */
static const char *state_of(struct sd_json_variant *e)
{
	const char *state = json_text(e, "state");

	return json_true(e, "isDrained") && !strcmp(state, "running") ? "drained" : state;
}

static void show_exports(struct sd_json_variant *reply)
{
	struct sd_json_variant *exports = sd_json_variant_by_key(reply, "exports");

	printf("%-20s %-9s %16s  %-4s %-6s %s\n", "NAME", "STATE", "BYTES", "MODE", "SP", "DISK");
	for (size_t i = 0; i < sd_json_variant_elements(exports); i++) {
		struct sd_json_variant *e = sd_json_variant_by_index(exports, i);
		char text[JSON_SHOWN_SIZE];

		printf("%-20s %-9s ", json_show(text, e, "name"), state_of(e));
		if (json_has(e, "sizeBytes"))
			printf("%16" PRId64, json_number(e, "sizeBytes"));
		else
			printf("%16s", "-");
		printf("  %-4s %-6" PRId64 " %s\n", json_true(e, "readOnly") ? "ro" : "rw",
		       json_number(e, "sp"), json_show(text, e, "disk"));
	}
}

static enum query_status drain(const struct arenactl_options *o)
{
	struct sd_json_variant *parameters = NULL;
	enum query_status ret;
	int err = sd_json_buildo(&parameters,
				 SD_JSON_BUILD_PAIR_STRING("name", o->object),
				 SD_JSON_BUILD_PAIR_BOOLEAN("isDrained",
							    o->verb == ARENACTL_DRAIN));

	ret = ask_to(o, "DrainExport", err, parameters);
	if (!ret && o->json)
		puts("{}");
	return ret;
}

enum query_status command_exports(const struct arenactl_options *o)
{
	switch (o->verb) {
	case ARENACTL_ADD:
		return export_add(o);
	case ARENACTL_REMOVE:
		return export_remove(o);
	case ARENACTL_DRAIN:
	case ARENACTL_ADMIT:
		return drain(o);
	default:
		return ask(o, "ListExports", show_exports);
	}
}
