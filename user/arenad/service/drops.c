// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "drops.h"

#include <arenad/peers.h>
#include <common/clock.h>

static const char *const reasons[PEERS_REASONS] = {
	[PEERS_STRANGER] = "stranger", [PEERS_RATE] = "rate",
};

int drops_count(const struct peers *p, struct sd_json_variant **out)
{
	uint64_t packets[PEERS_REASONS];
	int ret;

	if (!peers_filter_is_there(&p->filter))
		return 0;
	ret = peers_filter_dropped(&p->filter, packets);
	if (ret)
		return ret;
	ret = sd_json_buildo(
		out,
		SD_JSON_BUILD_PAIR_UNSIGNED(reasons[PEERS_STRANGER], packets[PEERS_STRANGER]),
		SD_JSON_BUILD_PAIR_UNSIGNED(reasons[PEERS_RATE], packets[PEERS_RATE]));
	return ret < 0 ? ret : 0;
}

int drops_networks(const struct peers *p, struct sd_json_variant **out)
{
	unsigned int n = peers_filter_is_there(&p->filter) ? p->n : 0;
	int ret = sd_json_variant_new_array(out, NULL, 0);

	for (unsigned int i = 0; i < n && ret >= 0; i++) {
		char text[NETWORK_TEXT_SIZE];

		network_format(&p->network[i], text);
		ret = sd_json_variant_append_arrayb(out, SD_JSON_BUILD_STRING(text));
	}
	return ret < 0 ? ret : 0;
}

/* Nanoseconds of CLOCK_BOOTTIME as microseconds since 1970. */
static int64_t since_1970_us(uint64_t boot_ns)
{
	int64_t ago_ns = (int64_t)(clock_boot_ns() - boot_ns);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000LL + (now.tv_nsec - ago_ns) / CLOCK_NS_PER_US;
}

static int add_refused(const struct peers_refused *r, struct sd_json_variant **out)
{
	char text[NETWORK_TEXT_SIZE];

	network_format(&r->source, text);
	return sd_json_variant_append_arraybo(
		out,
		SD_JSON_BUILD_PAIR_STRING("address", text),
		SD_JSON_BUILD_PAIR_UNSIGNED("packets", r->what.packets),
		SD_JSON_BUILD_PAIR_STRING("reason", r->what.reason < PEERS_REASONS ?
					  reasons[r->what.reason] : "stranger"),
		SD_JSON_BUILD_PAIR_INTEGER("lastUSec", since_1970_us(r->what.last_ns)));
}

int drops_refused(const struct peers *p, struct sd_json_variant **out)
{
	static struct peers_refused list[PEERS_REFUSED_MAX];
	int n = peers_filter_is_there(&p->filter) ? peers_filter_refused(&p->filter, list) : 0;
	int ret = sd_json_variant_new_array(out, NULL, 0);

	if (n < 0)
		return n;
	for (int i = 0; i < n && ret >= 0; i++)
		ret = add_refused(&list[i], out);
	return ret < 0 ? ret : 0;
}
