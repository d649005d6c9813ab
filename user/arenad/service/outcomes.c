// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "outcomes.h"

#include <arenad/outcome.h>
#include <common/utf8.h>
#include <string.h>

/* An array of the options that stay as they were. */
static int outcomes_kept(const struct outcome *o, struct sd_json_variant **out)
{
	const char *needs = o->needs_restart ? "restart" : "upgrade";
	int ret = sd_json_variant_new_array(out, NULL, 0);

	for (unsigned int i = 0; i < o->kept.n && ret >= 0; i++) {
		const struct outcome_line *l = &o->kept.line[i];

		ret = sd_json_variant_append_arraybo(
			out,
			SD_JSON_BUILD_PAIR_STRING("option", l->what),
			SD_JSON_BUILD_PAIR_CONDITION(!!l->export, "export",
						     SD_JSON_BUILD_STRING(l->export)),
			SD_JSON_BUILD_PAIR_STRING("needs", needs));
	}
	return ret < 0 ? ret : 0;
}

static int add_changes(const struct outcome_list *list, struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);

	for (unsigned int i = 0; i < list->n && ret >= 0; i++)
		ret = sd_json_variant_append_arraybo(
			out,
			SD_JSON_BUILD_PAIR_STRING("export", list->line[i].export),
			SD_JSON_BUILD_PAIR_STRING("change", list->line[i].what));
	return ret < 0 ? ret : 0;
}

static int add_places(const struct outcome_list *list, struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);

	for (unsigned int i = 0; i < list->n && ret >= 0; i++) {
		const struct outcome_line *l = &list->line[i];

		ret = sd_json_variant_append_arraybo(
			out,
			SD_JSON_BUILD_PAIR_STRING("export", l->export),
			SD_JSON_BUILD_PAIR_CONDITION(!!l->what, "file",
						     SD_JSON_BUILD_STRING(l->what)),
			SD_JSON_BUILD_PAIR_CONDITION(!!l->line, "line",
						     SD_JSON_BUILD_UNSIGNED(l->line)));
	}
	return ret < 0 ? ret : 0;
}

int outcomes_show(const struct outcome *o, struct sd_json_variant **out)
{
	struct sd_json_variant *changes = NULL, *kept = NULL, *places = NULL;
	int ret = add_changes(&o->changed, &changes);

	if (!ret)
		ret = outcomes_kept(o, &kept);
	if (!ret)
		ret = add_places(&o->places, &places);
	if (!ret)
		ret = sd_json_buildo(
			out,
			SD_JSON_BUILD_PAIR_BOOLEAN("hasFiles", o->has_files),
			SD_JSON_BUILD_PAIR_VARIANT("changes", changes),
			SD_JSON_BUILD_PAIR_VARIANT("kept", kept),
			SD_JSON_BUILD_PAIR_VARIANT("places", places));
	sd_json_variant_unref(changes);
	sd_json_variant_unref(kept);
	sd_json_variant_unref(places);
	return ret < 0 ? ret : 0;
}

int outcomes_last(const struct outcome_last *last, struct sd_json_variant **out)
{
	const char *text = last->error.text;
	struct sd_json_variant *kept = NULL;
	char reason[LOG_CATCH_SIZE];
	int ret = outcomes_kept(&last->outcome, &kept);

	/* It may have the name of a file, which need not be UTF-8. */
	utf8_show(reason, sizeof(reason), text, strlen(text));
	if (!ret)
		ret = sd_json_buildo(
			out,
			SD_JSON_BUILD_PAIR_BOOLEAN("isSuccessful", last->is_successful),
			SD_JSON_BUILD_PAIR_INTEGER("successUSec", last->success_us),
			SD_JSON_BUILD_PAIR_CONDITION(*text, "reason",
						     SD_JSON_BUILD_STRING(reason)),
			SD_JSON_BUILD_PAIR_VARIANT("kept", kept));
	sd_json_variant_unref(kept);
	return ret < 0 ? ret : 0;
}
