// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "ask.h"

#include <common/log.h>
#include <inttypes.h>
#include <query/call.h>
#include <query/json.h>
#include <query/openmetrics.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"

#define SECOND_US	1000000LL

void hold_signals(sigset_t *set)
{
	struct sigaction on_hangup;

	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	/* As nohup(1) has it; it could be taken nevertheless. */
	if (!sigaction(SIGHUP, NULL, &on_hangup) && on_hangup.sa_handler != SIG_IGN)
		sigaddset(set, SIGHUP);
	sigprocmask(SIG_BLOCK, set, NULL);
}

enum query_status ask(const struct arenactl_options *o, const char *method,
		      void (*show)(struct sd_json_variant *reply))
{
	struct sd_json_variant *reply = NULL;
	struct sd_varlink *link = NULL;
	enum query_status ret = call_open(&o->target, false, &link);

	if (!ret)
		ret = call_to_read(&o->target, &link, method, false, &reply);
	if (!ret && o->json)
		json_print(reply);
	else if (!ret)
		show(reply);
	sd_varlink_close_unref(link);
	return ret;
}

enum query_status ask_to(const struct arenactl_options *o, const char *method, int err,
			 struct sd_json_variant *parameters)
{
	struct sd_varlink *link = NULL;
	enum query_status ret;

	if (err < 0) {
		log_error("cannot ask: %s", log_reason(-err));
		return QUERY_FAILED;
	}
	ret = call_open_to_change(&o->target, false, &link);
	if (!ret)
		ret = call_method(&o->target, link, method, parameters, false, NULL);
	sd_varlink_close_unref(link);
	sd_json_variant_unref(parameters);
	return ret;
}

static void show_age(int64_t since_us)
{
	int64_t s = time(NULL) - since_us / SECOND_US;

	printf("  %3" PRId64 "d %02d:%02d:%02d", s / 86400, (int)(s / 3600 % 24),
	       (int)(s / 60 % 60), (int)(s % 60));
}

static void show_process(struct sd_json_variant *p)
{
	printf("%s %-3" PRId64 " %-9s", json_text(p, "role"), json_number(p, "number"),
	       json_text(p, "state"));
	if (json_has(p, "pid")) {
		printf("%8" PRId64, json_number(p, "pid"));
		show_age(json_number(p, "sinceUSec"));
	} else {
		printf("%8s  %13s", "-", "-");
	}
	printf("  %10.2f  %8" PRId64 "\n", (double)json_number(p, "cpuUSec") / SECOND_US,
	       json_number(p, "restarts"));
}

/* An arenad of an earlier version tells nothing of it. */
static void show_last_reload(struct sd_json_variant *last)
{
	if (!json_has(last, "isSuccessful") || json_true(last, "isSuccessful"))
		return;
	if (json_has(last, "reason"))
		printf("\nwarning: the last reload has failed: %s\n", json_text(last, "reason"));
	else
		printf("\nwarning: not all that the files say is in use: "
		       "'arenactl reload --dry-run' says what is not\n");
}

static void show_status(struct sd_json_variant *reply)
{
	struct sd_json_variant *processes = sd_json_variant_by_key(reply, "processes");

	printf("region %s: arenad %s, process %" PRId64 "%s%s\n\n", json_text(reply, "region"),
	       json_text(reply, "version"), json_number(reply, "pid"),
	       json_true(reply, "isKept") ? "" : "; no other arenad could adopt the processes now",
	       json_true(reply, "isReplacing") ? "; processes are being replaced" : "");
	printf("%-6s %-9s%8s  %13s  %10s  %8s\n", "ROLE", "STATE", "PID", "RUNS FOR", "CPU S",
	       "RESTARTS");
	for (size_t i = 0; i < sd_json_variant_elements(processes); i++)
		show_process(sd_json_variant_by_index(processes, i));
	show_last_reload(sd_json_variant_by_key(reply, "lastReload"));
}

enum query_status command_status(const struct arenactl_options *o)
{
	return ask(o, "GetStatus", show_status);
}

static void show_messages(struct sd_json_variant *channel, const char *key)
{
	if (json_has(channel, key))
		printf(" %12" PRId64, json_number(channel, key));
	else
		printf(" %12s", "-");
}

static void show_channels(struct sd_json_variant *reply)
{
	struct sd_json_variant *channels = sd_json_variant_by_key(reply, "channels");

	printf("%-4s %-4s %10s %12s %12s  %s\n", "NP", "SP", "EPOCH", "REQUESTS", "REPLIES",
	       "STATE");
	for (size_t i = 0; i < sd_json_variant_elements(channels); i++) {
		struct sd_json_variant *c = sd_json_variant_by_index(channels, i);

		printf("%-4" PRId64 " %-4" PRId64 " %10" PRId64, json_number(c, "np"),
		       json_number(c, "sp"), json_number(c, "epoch"));
		show_messages(c, "requestMessages");
		show_messages(c, "replyMessages");
		printf("  %s\n",
		       json_true(c, "isOwed") ? "one takes no messages" :
		       json_true(c, "bothRun") ? "both run" : "one is dead");
	}
}

enum query_status command_channels(const struct arenactl_options *o)
{
	return ask(o, "ListChannels", show_channels);
}

static void show_group(const char *process, struct sd_json_variant *g)
{
	printf("%-6s %-8s %7" PRId64 " %10" PRId64 " %10" PRId64 " %10" PRId64 " %10" PRId64
	       " %10" PRId64 "\n", process, json_text(g, "use"), json_number(g, "bufferBytes"),
	       json_number(g, "free"), json_number(g, "owned"), json_number(g, "inIo"),
	       json_number(g, "lent"), json_number(g, "lost"));
}

static void show_groups(struct sd_json_variant *reply)
{
	struct sd_json_variant *processes = sd_json_variant_by_key(reply, "processes");

	printf("%-6s %-8s %7s %10s %10s %10s %10s %10s\n", "ROLE", "USE", "BYTES", "FREE", "OWNED",
	       "IN IO", "LENT", "LOST");
	for (size_t i = 0; i < sd_json_variant_elements(processes); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(processes, i);
		struct sd_json_variant *groups = sd_json_variant_by_key(p, "groups");
		char process[32];

		snprintf(process, sizeof(process), "%s %" PRId64, json_text(p, "role"),
			 json_number(p, "number"));
		if (json_has(p, "absent"))
			log_warn("nothing is known of the buffers of %s: %s; ask again when it "
				 "runs", process, json_text(p, "absent"));
		for (size_t k = 0; k < sd_json_variant_elements(groups); k++)
			show_group(process, sd_json_variant_by_index(groups, k));
	}
}

enum query_status command_groups(const struct arenactl_options *o)
{
	return ask(o, "ListGroups", show_groups);
}

/* Counters that are 0 are left out. */
static void show_each_counter(struct sd_json_variant *counters)
{
	/* Names and values take turns. */
	for (size_t i = 0; i + 1 < sd_json_variant_elements(counters); i += 2) {
		struct sd_json_variant *name = sd_json_variant_by_index(counters, i),
				       *value = sd_json_variant_by_index(counters, i + 1);

		if (sd_json_variant_is_integer(value) && sd_json_variant_integer(value))
			printf("  %-20s %16" PRId64 "\n", sd_json_variant_string(name),
			       sd_json_variant_integer(value));
	}
}

static void show_counters(struct sd_json_variant *reply)
{
	struct sd_json_variant *processes = sd_json_variant_by_key(reply, "processes");

	for (size_t i = 0; i < sd_json_variant_elements(processes); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(processes, i);

		printf("%s %" PRId64 "\n", json_text(p, "role"), json_number(p, "number"));
		if (json_has(p, "counters"))
			show_each_counter(sd_json_variant_by_key(p, "counters"));
		else
			printf("  nothing is known: %s\n", json_text(p, "absent"));
	}
}

enum query_status command_counters(const struct arenactl_options *o)
{
	return ask(o, "GetCounters", show_counters);
}

enum query_status command_metrics(const struct arenactl_options *o)
{
	return openmetrics_write(stdout, &o->target, false, NULL);
}
