// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "reload.h"

#include <common/log.h>
#include <query/json.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"

enum query_status reload_ask(const struct arenactl_options *o, bool is_trial, bool is_quiet,
			     struct sd_json_variant **reply)
{
	struct sd_json_variant *parameters = NULL;
	struct sd_varlink *link = NULL;
	enum query_status ret = QUERY_OK;

	*reply = NULL;
	/* An arenad of an earlier version knows no parameter. */
	if (is_trial && sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_BOOLEAN("dryRun", true)) < 0)
		return QUERY_FAILED;
	ret = call_open_to_change(&o->target, is_quiet, &link);
	if (!ret)
		ret = call_method(&o->target, link, "Reload", parameters, is_quiet, reply);
	*reply = ret ? NULL : sd_json_variant_ref(*reply);
	sd_json_variant_unref(parameters);
	sd_varlink_close_unref(link);
	return ret;
}

static void warn_of_kept(struct sd_json_variant *kept)
{
	const char *remedy = strcmp(json_text(kept, "needs"), "upgrade") != 0 ?
			     "stopping arenad and starting it" : "'arenactl upgrade'";

	char name[JSON_SHOWN_SIZE];

	if (json_has(kept, "export"))
		log_warn("--%s of export '%s' has changed, and stays as it was; %s puts it in use",
			 json_text(kept, "option"), json_show(name, kept, "export"), remedy);
	else
		log_warn("--%s has changed, and stays as it was; %s puts it in use",
			 json_text(kept, "option"), remedy);
}

size_t reload_warn_of_kept(struct sd_json_variant *reply)
{
	struct sd_json_variant *kept = sd_json_variant_by_key(reply, "kept");
	size_t n = sd_json_variant_elements(kept);

	for (size_t i = 0; i < n; i++)
		warn_of_kept(sd_json_variant_by_index(kept, i));
	return n;
}

static const char *text_of(const char *change)
{
	static const char *const texts[][2] = {
		{ "limit", "its limits are others" },
		{ "rules", "the rules of who may use it are others" },
		{ "description", "what clients are told of it is something else" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!strcmp(change, texts[i][0]))
			return texts[i][1];
	return change;
}

static void show(const struct arenactl_options *o, struct sd_json_variant *reply)
{
	struct sd_json_variant *changes = sd_json_variant_by_key(reply, "changes");

	for (size_t i = 0; i < sd_json_variant_elements(changes); i++) {
		struct sd_json_variant *c = sd_json_variant_by_index(changes, i);
		char name[JSON_SHOWN_SIZE];

		printf("export %s: %s\n", json_show(name, c, "export"),
		       text_of(json_text(c, "change")));
	}
	/* An arenad of an earlier version tells nothing. */
	if (json_has(reply, "hasFiles") && !json_true(reply, "hasFiles"))
		puts("arenad has no file of options, and its command line says all");
	else if (o->dry_run)
		puts("nothing was changed, as this was only a trial");
	else
		puts("arenad has read its files again");
}

enum query_status command_reload(const struct arenactl_options *o)
{
	struct sd_json_variant *reply;
	enum query_status ret = reload_ask(o, o->dry_run, false, &reply);

	if (ret)
		return ret;
	if (o->json)
		json_print(reply);
	else
		show(o, reply);
	if (reload_warn_of_kept(reply)) {
		log_error("not all that the files say %s in use; the lines before say what is not",
			  o->dry_run ? "would be" : "is");
		ret = QUERY_FAILED;
	}
	sd_json_variant_unref(reply);
	return ret;
}
