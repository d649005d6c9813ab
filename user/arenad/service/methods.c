// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "methods.h"

#include <arenad/crew.h>
#include <arenad/keep.h>
#include <arenad/options.h>
#include <arenad/peers.h>
#include <common/log.h>
#include <common/utf8.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "drops.h"
#include "interface.h"
#include "numbers.h"
#include "outcomes.h"
#include "report.h"

static bool is_kept(const struct keep *k)
{
	return k->is_ready && k->keeper.pidfd >= 0;
}

/* Return: NULL if no files are read, or their name is no text. */
static const char *config_of(const struct arenad_options *o)
{
	const char *path = o->config ? o->config : ARENAD_CONFIG;

	return strcmp(path, "none") != 0 && utf8_is_valid(path) ? path : NULL;
}

static int list_free_sps(const struct crew *c, struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);
	uint32_t usable = crew_usable(c);

	for (unsigned int sp = 0; sp < PROTO_MAX_SPS && ret >= 0; sp++)
		if (usable >> sp & 1)
			ret = sd_json_variant_append_arrayb(out, SD_JSON_BUILD_UNSIGNED(sp));
	return ret < 0 ? ret : 0;
}

static int get_status(struct sd_varlink *link, struct sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	const struct crew *c = caller->crew;
	struct sd_json_variant *processes = NULL, *dropped = NULL, *free_sps = NULL, *last = NULL;
	const char *config = config_of(c->options);
	int ret = report_processes(c, &processes);

	(void)parameters;
	(void)flags;
	if (!ret)
		ret = list_free_sps(c, &free_sps);
	/* An arenad that has adopted a filter, and may not use BPF, tells all else. */
	if (!ret && drops_count(c->peers, &dropped))
		dropped = sd_json_variant_unref(dropped);
	if (!ret)
		ret = outcomes_last(c->last, &last);
	if (!ret)
		ret = sd_varlink_replybo(
			link,
			SD_JSON_BUILD_PAIR_STRING("version", MSHAREARENA_VERSION),
			SD_JSON_BUILD_PAIR_INTEGER("pid", getpid()),
			SD_JSON_BUILD_PAIR_STRING("instance", caller->instance),
			SD_JSON_BUILD_PAIR_STRING("region", c->options->region),
			SD_JSON_BUILD_PAIR_CONDITION(!!config, "config",
						     SD_JSON_BUILD_STRING(config)),
			SD_JSON_BUILD_PAIR_BOOLEAN("isKept", is_kept(c->keep)),
			SD_JSON_BUILD_PAIR_BOOLEAN("isReplacing", crew_is_replacing(c)),
			SD_JSON_BUILD_PAIR_VARIANT("freeSps", free_sps),
			SD_JSON_BUILD_PAIR_CONDITION(!!dropped, "droppedPackets",
						     SD_JSON_BUILD_VARIANT(dropped)),
			SD_JSON_BUILD_PAIR_VARIANT("lastReload", last),
			SD_JSON_BUILD_PAIR_VARIANT("processes", processes));
	sd_json_variant_unref(free_sps);
	sd_json_variant_unref(last);
	sd_json_variant_unref(dropped);
	sd_json_variant_unref(processes);
	return ret;
}

static int get_region(struct sd_varlink *link, struct sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	struct sd_json_variant *region = NULL;
	int ret = report_region(caller->crew, &region);

	(void)parameters;
	(void)flags;
	if (!ret)
		ret = sd_varlink_reply(link, region);
	sd_json_variant_unref(region);
	return ret;
}

/* Answer with an array. */
static int reply_array(struct sd_varlink *link, const char *name, int ret,
		       struct sd_json_variant *array)
{
	if (!ret)
		ret = sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT(name, array));
	sd_json_variant_unref(array);
	return ret;
}

static int list_exports(struct sd_varlink *link, struct sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	struct sd_json_variant *array = NULL;
	int ret = report_exports(caller->crew, &array);

	(void)parameters;
	(void)flags;
	return reply_array(link, "exports", ret, array);
}

static int list_channels(struct sd_varlink *link, struct sd_json_variant *parameters,
			 sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	struct sd_json_variant *array = NULL;
	int ret = report_channels(caller->crew, &array);

	(void)parameters;
	(void)flags;
	return reply_array(link, "channels", ret, array);
}

static int get_counters(struct sd_varlink *link, struct sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	struct sd_json_variant *array = NULL;
	int ret = numbers_counters(caller->crew, &array);

	(void)parameters;
	(void)flags;
	return reply_array(link, "processes", ret, array);
}

/* @ret is that of the call which made the array, which is used up. */
static int reply_histograms(struct sd_varlink *link, int ret, struct sd_json_variant *array)
{
	struct sd_json_variant *bounds = NULL;

	if (!ret)
		ret = numbers_bounds(&bounds);
	if (!ret)
		ret = sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("boundsNSec", bounds),
					 SD_JSON_BUILD_PAIR_VARIANT("processes", array));
	sd_json_variant_unref(bounds);
	sd_json_variant_unref(array);
	return ret;
}

static int get_latencies(struct sd_varlink *link, struct sd_json_variant *parameters,
			 sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	struct sd_json_variant *array = NULL;
	int ret = numbers_latencies(caller->crew, &array);

	(void)parameters;
	(void)flags;
	return reply_histograms(link, ret, array);
}

static int get_stages(struct sd_varlink *link, struct sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	struct sd_json_variant *array = NULL;
	int ret = numbers_stages(caller->crew, &array);

	(void)parameters;
	(void)flags;
	return reply_histograms(link, ret, array);
}

static int list_clients(struct sd_varlink *link, struct sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	struct sd_json_variant *array = NULL;
	int ret = numbers_clients(caller->crew, &array);

	(void)parameters;
	(void)flags;
	return reply_array(link, "processes", ret, array);
}

static int list_groups(struct sd_varlink *link, struct sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	struct sd_json_variant *array = NULL;
	int ret = numbers_groups(caller->crew, &array);

	(void)parameters;
	(void)flags;
	return reply_array(link, "processes", ret, array);
}

static void log_caller(struct sd_varlink *link, const char *what)
{
	uid_t uid = (uid_t)-1;
	pid_t pid = 0;

	sd_varlink_get_peer_uid(link, &uid);
	sd_varlink_get_peer_pid(link, &pid);
	log_limited(LOG_LEVEL_INFO, "process %d of user %u asks to %s", (int)pid, uid, what);
}

/* Return: 0, and @value is that of a parameter from 0 to UINT32_MAX; or what answers the call. */
static int take_number(struct sd_varlink *link, struct sd_json_variant *parameters,
		       const char *name, uint32_t *value)
{
	struct sd_json_variant *v = sd_json_variant_by_key(parameters, name);

	if (!sd_json_variant_is_unsigned(v) || sd_json_variant_unsigned(v) > UINT32_MAX) {
		sd_varlink_error_invalid_parameter_name(link, name);
		return -EINVAL;
	}
	*value = (uint32_t)sd_json_variant_unsigned(v);
	return 0;
}

static const char *why_not_killed(int err)
{
	switch (err) {
	case -EAGAIN:
		return "the network process takes no messages";
	case -EBUSY:
		return "the network process is being replaced: list the clients again in a moment";
	default:
		return "there is no such network process, or it does not run";
	}
}

static int kill_client(struct sd_varlink *link, struct sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	uint32_t np, connection;
	int ret;

	(void)flags;
	if (take_number(link, parameters, "np", &np) ||
	    take_number(link, parameters, "connection", &connection))
		return 0;
	log_caller(link, "close the connection of a client");
	ret = crew_kill_client(caller->crew, np, connection);
	if (!ret)
		return sd_varlink_reply(link, NULL);
	return sd_varlink_errorbo(
		link, SERVICE_ERROR_FAILED,
		SD_JSON_BUILD_PAIR_STRING("reason", why_not_killed(ret)));
}

static int drain_export(struct sd_varlink *link, struct sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	struct sd_json_variant *name = sd_json_variant_by_key(parameters, "name");
	struct sd_json_variant *is_drained = sd_json_variant_by_key(parameters, "isDrained");

	(void)flags;
	if (!sd_json_variant_is_string(name))
		return sd_varlink_error_invalid_parameter_name(link, "name");
	if (!sd_json_variant_is_boolean(is_drained))
		return sd_varlink_error_invalid_parameter_name(link, "isDrained");
	log_caller(link, "drain an export, or to end that");
	if (!crew_drain(caller->crew, sd_json_variant_string(name),
			sd_json_variant_boolean(is_drained)))
		return sd_varlink_reply(link, NULL);
	return sd_varlink_errorbo(
		link, SERVICE_ERROR_FAILED,
		SD_JSON_BUILD_PAIR_STRING("reason", "there is no such export"));
}

static int list_peers(struct sd_varlink *link, struct sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata)
{
	const struct service_caller *caller = userdata;
	const struct peers *p = caller->crew->peers;
	struct sd_json_variant *networks = NULL, *dropped = NULL, *refused = NULL;
	int ret = drops_networks(p, &networks);

	(void)parameters;
	(void)flags;
	if (!ret)
		ret = drops_count(p, &dropped);
	if (!ret)
		ret = drops_refused(p, &refused);
	if (!ret)
		ret = sd_varlink_replybo(
			link,
			SD_JSON_BUILD_PAIR_BOOLEAN("isFiltered",
						   peers_filter_is_there(&p->filter)),
			SD_JSON_BUILD_PAIR_VARIANT("networks", networks),
			SD_JSON_BUILD_PAIR_UNSIGNED("connectRate", p->rate),
			SD_JSON_BUILD_PAIR_CONDITION(!!dropped, "droppedPackets",
						     SD_JSON_BUILD_VARIANT(dropped)),
			SD_JSON_BUILD_PAIR_VARIANT("refused", refused));
	sd_json_variant_unref(networks);
	sd_json_variant_unref(dropped);
	sd_json_variant_unref(refused);
	return ret;
}

/* Have the parameter "network" added to, or removed from, the peers. */
static int edit_peers(struct sd_varlink *link, struct sd_json_variant *parameters,
		      const struct service_caller *caller, const char *what,
		      int (*how)(struct peers *p, const char *text, struct option_error *error))
{
	struct sd_json_variant *v = sd_json_variant_by_key(parameters, "network");
	struct option_error error;

	if (!sd_json_variant_is_string(v))
		return sd_varlink_error_invalid_parameter_name(link, "network");
	log_caller(link, what);
	if (!how(caller->crew->peers, sd_json_variant_string(v), &error))
		return sd_varlink_reply(link, NULL);
	return sd_varlink_errorbo(link, SERVICE_ERROR_FAILED,
				  SD_JSON_BUILD_PAIR_STRING("reason", error.text));
}

static int add_peer(struct sd_varlink *link, struct sd_json_variant *parameters,
		    sd_varlink_method_flags_t flags, void *userdata)
{
	(void)flags;
	return edit_peers(link, parameters, userdata, "add a peer", peers_add);
}

static int remove_peer(struct sd_varlink *link, struct sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata)
{
	(void)flags;
	return edit_peers(link, parameters, userdata, "remove a peer", peers_remove);
}

/* What takes long is only noted here, and answered when it is done. */
static int note(struct sd_varlink *link, struct service_caller *caller, enum service_wish wish,
		const char *what)
{
	log_caller(link, what);
	caller->wish = wish;
	caller->is_taken = false;
	return 0;
}

static int reload(struct sd_varlink *link, struct sd_json_variant *parameters,
		  sd_varlink_method_flags_t flags, void *userdata)
{
	struct sd_json_variant *dry_run = sd_json_variant_by_key(parameters, "dryRun");

	(void)flags;
	if (sd_json_variant_is_boolean(dry_run) && sd_json_variant_boolean(dry_run))
		return note(link, userdata, SERVICE_TRY_RELOAD, "know what a reload would do");
	return note(link, userdata, SERVICE_RELOAD, "reload");
}

static int upgrade(struct sd_varlink *link, struct sd_json_variant *parameters,
		   sd_varlink_method_flags_t flags, void *userdata)
{
	(void)parameters;
	(void)flags;
	return note(link, userdata, SERVICE_UPGRADE, "upgrade");
}

static int stop(struct sd_varlink *link, struct sd_json_variant *parameters,
		sd_varlink_method_flags_t flags, void *userdata)
{
	(void)parameters;
	(void)flags;
	return note(link, userdata, SERVICE_STOP, "stop");
}

int methods_bind(struct sd_varlink_server *server)
{
	int ret = sd_varlink_server_add_interface(server, &vl_interface_arenad);

	return ret < 0 ? ret :
	       sd_varlink_server_bind_method_many(server,
						  SERVICE_INTERFACE ".GetStatus", get_status,
						  SERVICE_INTERFACE ".GetRegion", get_region,
						  SERVICE_INTERFACE ".ListExports", list_exports,
						  SERVICE_INTERFACE ".ListChannels", list_channels,
						  SERVICE_INTERFACE ".GetCounters", get_counters,
						  SERVICE_INTERFACE ".GetLatencies", get_latencies,
						  SERVICE_INTERFACE ".GetStages", get_stages,
						  SERVICE_INTERFACE ".ListClients", list_clients,
						  SERVICE_INTERFACE ".ListGroups", list_groups,
						  SERVICE_INTERFACE ".KillClient", kill_client,
						  SERVICE_INTERFACE ".DrainExport", drain_export,
						  SERVICE_INTERFACE ".ListPeers", list_peers,
						  SERVICE_INTERFACE ".AddPeer", add_peer,
						  SERVICE_INTERFACE ".RemovePeer", remove_peer,
						  SERVICE_INTERFACE ".Reload", reload,
						  SERVICE_INTERFACE ".Upgrade", upgrade,
						  SERVICE_INTERFACE ".Stop", stop);
}
