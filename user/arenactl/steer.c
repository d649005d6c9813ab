// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <common/clock.h>
#include <common/log.h>
#include <inttypes.h>
#include <poll.h>
#include <query/call.h>
#include <query/json.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

enum query_status command_reload(const struct arenactl_options *o)
{
	struct sd_varlink *link;
	enum query_status ret = call_open(&o->target, false, &link);

	if (!ret)
		ret = call_method(link, "Reload", NULL, false, NULL);
	sd_varlink_close_unref(link);
	return ret ? ret : say(o, "arenad has read its files again");
}

/* A connection ends with the program at its other end, so there is another one for each look. */
static bool look(const struct arenactl_options *o, const char *before, struct sd_varlink **link,
		 struct sd_json_variant **status)
{
	if (!call_open(&o->target, true, link) &&
	    !call_method(*link, "GetStatus", NULL, true, status) &&
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

enum query_status command_upgrade(const struct arenactl_options *o)
{
	int64_t deadline = clock_deadline(o->target.timeout_seconds * 1000LL);
	char instance[INSTANCE_SIZE] = "";
	struct sd_json_variant *status;
	struct sd_varlink *link;
	enum query_status ret = call_open(&o->target, false, &link);

	if (!ret)
		ret = call_method(link, "GetStatus", NULL, false, &status);
	if (!ret)
		snprintf(instance, sizeof(instance), "%s", json_text(status, "instance"));
	if (!ret)
		ret = call_method(link, "Upgrade", NULL, false, NULL);
	sd_varlink_close_unref(link);
	return ret ? ret : await_other(o, instance, deadline);
}

/* The answer says how its processes have ended. What arenad itself leaves is to be gone, too. */
static enum query_status await_end(const struct arenactl_options *o, int pidfd, int64_t deadline)
{
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };

	if (poll(&fd, 1, clock_left_ms(deadline)) > 0)
		return say(o, "arenad has ended, with all of its processes");
	log_error("arenad has not ended within %u s", o->target.timeout_seconds);
	return QUERY_FAILED;
}

enum query_status command_stop(const struct arenactl_options *o)
{
	int64_t deadline = clock_deadline(o->target.timeout_seconds * 1000LL);
	struct sd_varlink *link;
	enum query_status ret = call_open(&o->target, false, &link);
	int pidfd = ret ? -1 : sd_varlink_get_peer_pidfd(link);

	if (!ret && pidfd < 0) {
		log_error("cannot find the process of arenad: %s", strerror(-pidfd));
		ret = QUERY_FAILED;
	}
	if (!ret)
		ret = call_method(link, "Stop", NULL, false, NULL);
	if (!ret)
		ret = await_end(o, pidfd, deadline);
	sd_varlink_close_unref(link);
	return ret;
}
