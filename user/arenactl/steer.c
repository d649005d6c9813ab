// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <common/clock.h>
#include <common/log.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <query/call.h>
#include <query/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "commands.h"

/* How often it is looked whether another arenad answers. */
#define LOOK_MS		100

#define INSTANCE_SIZE	64

static enum query_status say(const struct arenactl_options *o, const char *text)
{
	/* It fails at the end of the program if nobody can read it. */
	puts(o->json ? "{}" : text);
	return QUERY_OK;
}

/* A connection ends with the program at its other end, so there is another one for each look. */
static bool look(const struct arenactl_options *o, const char *before, struct sd_varlink **link,
		 struct sd_json_variant **status)
{
	if (!call_open_now(&o->target, link) &&
	    !call_to_read(&o->target, link, "GetStatus", true, status) &&
	    strcmp(json_text(*status, "instance"), before) != 0 &&
	    !json_true(*status, "isReplacing"))
		return true;
	*link = sd_varlink_close_unref(*link);
	return false;
}

static enum query_status report(const struct arenactl_options *o, struct sd_json_variant *status)
{
	struct sd_json_variant *processes = sd_json_variant_by_key(status, "processes");
	size_t n = sd_json_variant_elements(processes), old = 0;

	for (size_t i = 0; i < n; i++)
		old += !json_number(sd_json_variant_by_index(processes, i), "restarts");
	if (o->json)
		json_print(status);
	else
		printf("arenad %s runs, and has replaced %zu of %zu processes\n",
		       json_text(status, "version"), n - old, n);
	if (!old)
		return QUERY_OK;
	log_error("%zu of %zu processes were not replaced; the log of arenad says why", old, n);
	return QUERY_FAILED;
}

static enum query_status await_other(const struct arenactl_options *o, const char *before,
				     int64_t deadline)
{
	struct sd_json_variant *status;
	enum query_status ret;
	struct sd_varlink *link;

	while (!look(o, before, &link, &status)) {
		if (!clock_left_ms(deadline)) {
			log_error("not all is replaced within %u s; it goes on, see the log",
				  o->target.timeout_seconds);
			return QUERY_FAILED;
		}
		clock_sleep_ms(LOOK_MS);
	}
	ret = report(o, status);
	sd_varlink_close_unref(link);
	return ret;
}

/*
 * The connection ends without an answer when another upgrade was under way already. A program is
 * found by its path when it is executed, so the next arenad is at least as new as the one that was
 * installed when this command was given.
 */
static enum query_status await_next(const struct arenactl_options *o)
{
	struct sd_varlink *link;
	enum query_status ret = call_open(&o->target, false, &link);

	if (!ret)
		log_info("another upgrade was under way already: waiting for its end");
	sd_varlink_close_unref(link);
	return ret;
}

enum query_status command_upgrade(const struct arenactl_options *o)
{
	int64_t deadline = clock_deadline(o->target.timeout_seconds * 1000LL);
	char instance[INSTANCE_SIZE] = "";
	struct sd_json_variant *reply;
	bool is_cut_off = false;
	struct sd_varlink *link;
	enum query_status ret = call_open(&o->target, false, &link);

	if (!ret)
		ret = call_once(&o->target, link, "GetStatus", &is_cut_off, &reply);
	if (!ret)
		snprintf(instance, sizeof(instance), "%s", json_text(reply, "instance"));
	if (!ret)
		ret = call_once(&o->target, link, "Upgrade", &is_cut_off, &reply);
	sd_varlink_close_unref(link);
	if (is_cut_off)
		ret = await_next(o);
	return ret ? ret : await_other(o, instance, deadline);
}

/* The answer says how its processes have ended. What arenad itself leaves is to be gone, too. */
static enum query_status await_end(const struct arenactl_options *o, int pidfd, int64_t deadline)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	if (poll(&fd, 1, clock_left_ms(deadline)) > 0)
		return say(o, "arenad has ended, with all of its processes");
	log_error("arenad has not ended within %u s; it may yet: look again, or give a longer "
		  "--timeout", o->target.timeout_seconds);
	return QUERY_FAILED;
}

/*
 * Draining. Signals that would end arenactl are held meanwhile, so that it can have the exports
 * take clients again.
 */

/* An arenad that takes longer for an answer does not answer. */
#define ANSWER_SECONDS	10U

#define CLIENTS_UNKNOWN	(-1)

/* @exports is to be freed. */
static enum query_status list_exports(const struct arenactl_options *o,
				      struct sd_json_variant **exports)
{
	struct sd_json_variant *reply = NULL;
	struct sd_varlink *link = NULL;
	enum query_status ret = call_open(&o->target, false, &link);

	if (!ret)
		ret = call_to_read(&o->target, &link, "ListExports", false, &reply);
	if (!ret)
		*exports = sd_json_variant_ref(sd_json_variant_by_key(reply, "exports"));
	sd_varlink_close_unref(link);
	return ret;
}

/*
 * Have exports take no further clients, or take them again, but for those that an operator had
 * drained before. An error does not keep the others from clients, unless arenad does not answer.
 */
static enum query_status drain_each(const struct arenactl_options *o,
				    struct sd_json_variant *exports, bool is_drained)
{
	struct sd_varlink *link = NULL;
	enum query_status ret = call_open_to_change(&o->target, false, &link), first = ret;

	for (size_t i = 0; i < sd_json_variant_elements(exports); i++) {
		struct sd_json_variant *e = sd_json_variant_by_index(exports, i), *p = NULL;

		if (!link || ret == QUERY_NO_ARENAD || (ret && is_drained))
			break;
		if (json_true(e, "isDrained"))
			continue;
		if (sd_json_buildo(&p, SD_JSON_BUILD_PAIR_STRING("name", json_text(e, "name")),
				   SD_JSON_BUILD_PAIR_BOOLEAN("isDrained", is_drained)) < 0)
			ret = QUERY_FAILED;
		else
			ret = call_method(&o->target, link, "DrainExport", p, false, NULL);
		first = first ?: ret;
		sd_json_variant_unref(p);
	}
	sd_varlink_close_unref(link);
	return first;
}

static void admit_again(const struct arenactl_options *o, struct sd_json_variant *exports)
{
	if (!drain_each(o, exports, false))
		log_info("arenad goes on, and its exports take clients again");
	else
		log_error("an export may still be drained, also in the next arenad; 'arenactl "
			  "exports' shows it, and 'arenactl exports admit NAME' ends it");
}

static bool runs(struct sd_json_variant *status, const char *role, int64_t number)
{
	struct sd_json_variant *all = sd_json_variant_by_key(status, "processes");

	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);

		if (!strcmp(json_text(p, "role"), role) && json_number(p, "number") == number)
			return json_has(p, "pid");
	}
	return false;
}

/* The clients of all NPs. One that runs and tells nothing, as it has just begun, may have any. */
static int64_t sum_up(struct sd_json_variant *status, struct sd_json_variant *counters)
{
	struct sd_json_variant *all = sd_json_variant_by_key(counters, "processes");
	int64_t n = 0;

	for (size_t i = 0; i < sd_json_variant_elements(all); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(all, i);
		struct sd_json_variant *told = sd_json_variant_by_key(p, "counters");

		if (strcmp(json_text(p, "role"), "np") != 0 ||
		    !runs(status, "np", json_number(p, "number")))
			continue;
		if (!json_has(told, "clients"))
			return CLIENTS_UNKNOWN;
		json_grow(&n, json_number(told, "clients"));
	}
	return n;
}

static enum query_status count_clients(const struct arenactl_options *o, int64_t *clients)
{
	struct sd_json_variant *status = NULL, *counters = NULL;
	struct sd_varlink *link = NULL;
	enum query_status ret = call_open(&o->target, false, &link);

	if (!ret)
		ret = call_to_read(&o->target, &link, "GetStatus", false, &status);
	/* An answer belongs to the connection until the next call. */
	sd_json_variant_ref(status);
	if (!ret)
		ret = call_to_read(&o->target, &link, "GetCounters", false, &counters);
	if (!ret)
		*clients = sum_up(status, counters);
	sd_json_variant_unref(status);
	sd_varlink_close_unref(link);
	return ret;
}

static void log_clients(int64_t clients)
{
	if (clients == CLIENTS_UNKNOWN)
		log_info("a network process does not tell yet how many clients it has");
	else
		log_info("%" PRId64 " clients are connected", clients);
}

static enum query_status await_clients(const struct arenactl_options *o, const sigset_t *signals,
				       int64_t deadline)
{
	const struct timespec pause = clock_to_timespec(LOOK_MS * CLOCK_NS_PER_MS);
	int64_t clients, before = 0;
	enum query_status ret;

	while (!(ret = count_clients(o, &clients)) && clients) {
		if (clients != before)
			log_clients(clients);
		before = clients;
		if (!clock_left_ms(deadline)) {
			log_error("not all clients have left in time; give a longer --timeout, or "
				  "end them by 'arenactl clients kill'");
			return QUERY_FAILED;
		}
		if (sigtimedwait(signals, NULL, &pause) > 0) {
			log_error("stopped before all clients have left; call it again to go on");
			return QUERY_FAILED;
		}
	}
	return ret;
}

/*
 * The answer says how the processes have ended. @signals are held until nothing can be taken back,
 * and @is_sent says whether that is so.
 */
static enum query_status stop(const struct arenactl_options *o, const sigset_t *signals,
			      bool *is_sent)
{
	static const struct timespec no_time;
	int64_t deadline = clock_deadline(o->target.timeout_seconds * 1000LL);
	struct sd_varlink *link;
	enum query_status ret = call_open_to_change(&o->target, false, &link);
	int pidfd = ret ? -1 : sd_varlink_get_peer_pidfd(link);

	if (!ret && pidfd < 0) {
		log_error("cannot find the process of arenad: %s", log_reason(-pidfd));
		ret = QUERY_FAILED;
	}
	if (!ret && signals && sigtimedwait(signals, NULL, &no_time) > 0) {
		log_error("stopped before arenad was asked to stop; call it again to go on");
		ret = QUERY_FAILED;
	}
	*is_sent = !ret;
	if (!ret && signals)
		sigprocmask(SIG_UNBLOCK, signals, NULL);
	if (!ret)
		ret = call_method(&o->target, link, "Stop", NULL, false, NULL);
	if (!ret)
		ret = await_end(o, pidfd, deadline);
	sd_varlink_close_unref(link);
	return ret;
}

static enum query_status drain_and_stop(const struct arenactl_options *o)
{
	int64_t deadline = clock_deadline(o->target.timeout_seconds * 1000LL);
	struct arenactl_options look = *o;
	struct sd_json_variant *exports = NULL;
	bool is_sent = false;
	enum query_status ret;
	sigset_t signals;

	if (look.target.timeout_seconds > ANSWER_SECONDS)
		look.target.timeout_seconds = ANSWER_SECONDS;
	ret = list_exports(&look, &exports);
	if (ret)
		return ret;
	hold_signals(&signals);
	ret = drain_each(&look, exports, true);
	if (!ret)
		ret = await_clients(&look, &signals, deadline);
	if (!ret)
		ret = stop(o, &signals, &is_sent);
	if (ret && !is_sent)
		admit_again(&look, exports);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	sd_json_variant_unref(exports);
	return ret;
}

enum query_status command_stop(const struct arenactl_options *o)
{
	bool is_sent;

	return o->drain ? drain_and_stop(o) : stop(o, NULL, &is_sent);
}
