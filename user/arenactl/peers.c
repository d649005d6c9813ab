// SPDX-License-Identifier: MIT
/*
 * Peers, who alone may connect over TCP, are listed, added and removed.
 */
#define _GNU_SOURCE
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

static void show_networks(struct sd_json_variant *reply)
{
	struct sd_json_variant *networks = sd_json_variant_by_key(reply, "networks");
	size_t n = sd_json_variant_elements(networks);

	if (!n)
		printf("nobody is a peer\n");
	for (size_t i = 0; i < n; i++)
		printf("peer %s\n",
		       sd_json_variant_string(sd_json_variant_by_index(networks, i)));
	if (json_number(reply, "connectRate"))
		printf("an address may begin %" PRId64 " connections a second\n",
		       json_number(reply, "connectRate"));
}

static void show_refused(struct sd_json_variant *reply)
{
	struct sd_json_variant *dropped = sd_json_variant_by_key(reply, "droppedPackets");
	struct sd_json_variant *refused = sd_json_variant_by_key(reply, "refused");
	size_t n = sd_json_variant_elements(refused);

	printf("dropped packets: %" PRId64 " of strangers, %" PRId64 " over the rate\n",
	       json_number(dropped, "stranger"), json_number(dropped, "rate"));
	if (n)
		printf("\n%-40s %-9s %12s %14s\n", "REFUSED", "WHY", "PACKETS", "LAST");
	for (size_t i = 0; i < n; i++) {
		struct sd_json_variant *r = sd_json_variant_by_index(refused, i);
		int64_t s = time(NULL) - json_number(r, "lastUSec") / SECOND_US;

		printf("%-40s %-9s %12" PRId64 " %4" PRId64 "d %02d:%02d:%02d\n",
		       json_text(r, "address"), json_text(r, "reason"), json_number(r, "packets"),
		       s / 86400, (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
	}
}

static void show(struct sd_json_variant *reply)
{
	if (!json_true(reply, "isFiltered")) {
		printf("there is no filter of peers: everybody may connect\n");
		return;
	}
	show_networks(reply);
	show_refused(reply);
}

static enum query_status edit(const struct arenactl_options *o, const char *method)
{
	struct sd_json_variant *parameters = NULL;
	int err = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("network", o->object));
	enum query_status ret = ask_to(o, method, err, parameters);

	if (!ret && o->json)
		puts("{}");
	return ret;
}

enum query_status command_peers(const struct arenactl_options *o)
{
	switch (o->verb) {
	case ARENACTL_ADD:
		return edit(o, "AddPeer");
	case ARENACTL_REMOVE:
		return edit(o, "RemovePeer");
	default:
		return ask(o, "ListPeers", show);
	}
}
