// SPDX-License-Identifier: MIT
/*
 * All regions of the module, also those without a name, as the module itself lists them.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/msharearena.h>
#include <query/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <systemd/sd-json.h>
#include <unistd.h>

#include "commands.h"

#define DEVICE	"/dev/msharearena"

static int add(const struct msharearena_region *r, struct sd_json_variant **list)
{
	char addr[32];

	/* JSON's numbers are not for addresses. */
	snprintf(addr, sizeof(addr), "0x%" PRIx64, (uint64_t)r->addr);
	return sd_json_variant_append_arraybo(
		list,
		SD_JSON_BUILD_PAIR_STRING("name", r->name),
		SD_JSON_BUILD_PAIR_BOOLEAN("isUnlinked", r->status & MSHAREARENA_REGION_UNLINKED),
		SD_JSON_BUILD_PAIR_STRING("address", addr),
		SD_JSON_BUILD_PAIR_UNSIGNED("lengthBytes", r->length),
		SD_JSON_BUILD_PAIR_UNSIGNED("pageBytes", r->page_size),
		SD_JSON_BUILD_PAIR_UNSIGNED("exportedBytes", r->exported),
		SD_JSON_BUILD_PAIR_UNSIGNED("tableBytes", r->table_bytes),
		SD_JSON_BUILD_PAIR_UNSIGNED("attached", r->attached),
		SD_JSON_BUILD_PAIR_UNSIGNED("uid", r->uid));
}

static int list_all(int device, struct sd_json_variant **list)
{
	struct msharearena_region r = { .size = sizeof(r) };
	int ret = sd_json_variant_new_array(list, NULL, 0);

	while (ret >= 0 && !ioctl(device, MSHAREARENA_NEXT_REGION, &r))
		ret = add(&r, list);
	return ret < 0 ? ret : errno == ENOENT ? 0 : -errno;
}

static void show(struct sd_json_variant *list)
{
	printf("%-20s %-16s %16s %16s %8s %6s\n", "REGION", "ADDRESS", "BYTES", "WITH MEMORY",
	       "ATTACHED", "UID");
	for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
		struct sd_json_variant *r = sd_json_variant_by_index(list, i);

		printf("%-20s %-16s %16" PRId64 " %16" PRId64 " %8" PRId64 " %6" PRId64 "%s\n",
		       json_text(r, "name"), json_text(r, "address"), json_number(r, "lengthBytes"),
		       json_number(r, "exportedBytes"), json_number(r, "attached"),
		       json_number(r, "uid"), json_true(r, "isUnlinked") ? " unlinked" : "");
	}
}

static int print(const struct arenactl_options *o, struct sd_json_variant *list)
{
	struct sd_json_variant *all = NULL;
	int ret;

	if (!o->json) {
		show(list);
		return 0;
	}
	ret = sd_json_buildo(&all, SD_JSON_BUILD_PAIR_VARIANT("regions", list));
	if (ret >= 0)
		json_print(all);
	sd_json_variant_unref(all);
	return ret;
}

static enum query_status explain(int err)
{
	log_error("cannot open " DEVICE ": %s%s", strerror(err),
		  err == ENOENT ? "; the module is not loaded, and all regions are its" :
		  err == EACCES ? "; root and the group msharearena may" : "");
	return err == EACCES ? QUERY_DENIED : QUERY_FAILED;
}

enum query_status command_regions(const struct arenactl_options *o)
{
	int device = open(DEVICE, O_RDWR | O_CLOEXEC), ret;
	struct sd_json_variant *list = NULL;

	if (device < 0)
		return explain(errno);
	ret = list_all(device, &list);
	close(device);
	if (ret >= 0)
		ret = print(o, list);
	sd_json_variant_unref(list);
	if (ret >= 0)
		return QUERY_OK;
	log_error("cannot list the regions: %s", strerror(-ret));
	return QUERY_FAILED;
}
