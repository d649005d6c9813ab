// SPDX-License-Identifier: MIT
/*
 * The connections of clients: they are listed, and ended.
 */
#define _GNU_SOURCE
#include <common/clock.h>
#include <common/log.h>
#include <errno.h>
#include <inttypes.h>
#include <query/call.h>
#include <query/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "commands.h"

#define SECOND_US	1000000LL

/* How often it is looked whether a connection has ended. */
#define LOOK_MS		50

static void show_client(int64_t np, struct sd_json_variant *c)
{
	int64_t s = time(NULL) - json_number(c, "sinceUSec") / SECOND_US;
	char name[32], peer[JSON_SHOWN_SIZE], export[JSON_SHOWN_SIZE];

	snprintf(name, sizeof(name), "%" PRId64 "/%" PRId64, np, json_number(c, "connection"));
	printf("%-12s %-24s %-16s %-4s %4" PRId64 "d %02d:%02d:%02d %12" PRId64 " %16" PRId64 "\n",
	       name, json_show(peer, c, "peer"),
	       json_has(c, "export") ? json_show(export, c, "export") : "-",
	       json_true(c, "isTls") ? "yes" : "no", s / 86400, (int)(s / 3600 % 24),
	       (int)(s / 60 % 60), (int)(s % 60), json_number(c, "requests"),
	       json_number(c, "bytes"));
}

static void show(struct sd_json_variant *reply)
{
	struct sd_json_variant *processes = sd_json_variant_by_key(reply, "processes");

	printf("%-12s %-24s %-16s %-4s %14s %12s %16s\n", "CLIENT", "PEER", "EXPORT", "TLS",
	       "CONNECTED", "REQUESTS", "BYTES");
	for (size_t i = 0; i < sd_json_variant_elements(processes); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(processes, i);
		struct sd_json_variant *clients = sd_json_variant_by_key(p, "clients");

		if (json_has(p, "absent"))
			log_warn("nothing is known of the clients of np %" PRId64 ": %s; ask again "
				 "when it runs", json_number(p, "number"), json_text(p, "absent"));
		for (size_t k = 0; k < sd_json_variant_elements(clients); k++)
			show_client(json_number(p, "number"),
				    sd_json_variant_by_index(clients, k));
	}
}

/* Is the connection among those that arenad tells? */
static bool is_there(struct sd_json_variant *reply, const struct arenactl_options *o)
{
	struct sd_json_variant *processes = sd_json_variant_by_key(reply, "processes");
	struct sd_json_variant *p = sd_json_variant_by_index(processes, o->np);
	struct sd_json_variant *clients = sd_json_variant_by_key(p, "clients");

	for (size_t i = 0; i < sd_json_variant_elements(clients); i++)
		if (json_number(sd_json_variant_by_index(clients, i), "connection") ==
		    o->connection)
			return true;
	return false;
}

/* A connection of its own for each look, as arenad ends each after a while. */
static enum query_status look(const struct arenactl_options *o, bool *is_found)
{
	struct sd_json_variant *reply = NULL;
	struct sd_varlink *link = NULL;
	enum query_status ret = call_open(&o->target, false, &link);

	if (!ret)
		ret = call_to_read(&o->target, &link, "ListClients", false, &reply);
	*is_found = !ret && is_there(reply, o);
	sd_varlink_close_unref(link);
	return ret;
}

static enum query_status ask_to_kill(const struct arenactl_options *o)
{
	struct sd_json_variant *parameters = NULL;
	int err = sd_json_buildo(&parameters,
				 SD_JSON_BUILD_PAIR_UNSIGNED("np", o->np),
				 SD_JSON_BUILD_PAIR_UNSIGNED("connection", o->connection));

	return ask_to(o, "KillClient", err, parameters);
}

static enum query_status kill_client(const struct arenactl_options *o)
{
	int64_t deadline = clock_deadline(o->target.timeout_seconds * 1000LL);
	bool is_found;
	enum query_status ret = look(o, &is_found);

	if (!ret && !is_found) {
		log_error("there is no client %u/%u; 'arenactl clients' lists them", o->np,
			  o->connection);
		return QUERY_FAILED;
	}
	if (!ret)
		ret = ask_to_kill(o);
	while (!ret && is_found && clock_left_ms(deadline)) {
		clock_sleep_ms(LOOK_MS);
		ret = look(o, &is_found);
	}
	if (!ret && is_found) {
		log_error("the connection has not ended within %u s: its network process hangs, or "
			  "a disk has not done its requests; try again with a longer --timeout",
			  o->target.timeout_seconds);
		return QUERY_FAILED;
	}
	return ret;
}

enum query_status command_clients(const struct arenactl_options *o)
{
	return o->verb == ARENACTL_KILL ? kill_client(o) : ask(o, "ListClients", show);
}
