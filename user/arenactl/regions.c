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
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <systemd/sd-json.h>
#include <unistd.h>

#include "commands.h"
#include "holders.h"

#define DEVICE	"/dev/msharearena"

static int add_processes(uint64_t address, const struct holders *h, struct sd_json_variant **list)
{
	int ret = sd_json_variant_new_array(list, NULL, 0);

	for (size_t i = 0; i < h->n && ret >= 0; i++)
		if (h->holder[i].address == address)
			ret = sd_json_variant_append_arraybo(
				list,
				SD_JSON_BUILD_PAIR_INTEGER("pid", h->holder[i].pid),
				SD_JSON_BUILD_PAIR_STRING("name", h->holder[i].name));
	return ret;
}

static int add(const struct msharearena_region *r, const struct holders *h,
	       struct sd_json_variant **list)
{
	struct sd_json_variant *processes = NULL;
	int ret = add_processes(r->addr, h, &processes);
	char addr[32];

	if (ret < 0) {
		sd_json_variant_unref(processes);
		return ret;
	}

	/* JSON's numbers are not for addresses. */
	snprintf(addr, sizeof(addr), "0x%" PRIx64, (uint64_t)r->addr);
	ret = sd_json_variant_append_arraybo(
		list,
		SD_JSON_BUILD_PAIR_STRING("name", r->name),
		SD_JSON_BUILD_PAIR_BOOLEAN("isUnlinked", r->status & MSHAREARENA_REGION_UNLINKED),
		SD_JSON_BUILD_PAIR_STRING("address", addr),
		SD_JSON_BUILD_PAIR_UNSIGNED("lengthBytes", r->length),
		SD_JSON_BUILD_PAIR_UNSIGNED("pageBytes", r->page_size),
		SD_JSON_BUILD_PAIR_UNSIGNED("exportedBytes", r->exported),
		SD_JSON_BUILD_PAIR_UNSIGNED("tableBytes", r->table_bytes),
		SD_JSON_BUILD_PAIR_UNSIGNED("attached", r->attached),
		SD_JSON_BUILD_PAIR_UNSIGNED("uid", r->uid),
		SD_JSON_BUILD_PAIR_VARIANT("processes", processes));
	sd_json_variant_unref(processes);
	return ret;
}

static int list_each(int device, const struct holders *h, struct sd_json_variant **list)
{
	struct msharearena_region r = { .size = sizeof(r) };
	int ret = sd_json_variant_new_array(list, NULL, 0);

	while (ret >= 0 && !ioctl(device, MSHAREARENA_NEXT_REGION, &r))
		ret = add(&r, h, list);
	return ret < 0 ? ret : errno == ENOENT ? 0 : -errno;
}

static int list_all(int device, struct sd_json_variant **list)
{
	struct holders h;
	int ret = holders_find("/proc", &h);

	if (!ret)
		ret = list_each(device, &h, list);
	free(h.holder);
	return ret;
}

static void show_processes(struct sd_json_variant *processes)
{
	for (size_t i = 0; i < sd_json_variant_elements(processes); i++) {
		struct sd_json_variant *p = sd_json_variant_by_index(processes, i);

		printf("  process %-10" PRId64 " %s\n", json_number(p, "pid"),
		       json_text(p, "name"));
	}
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
		show_processes(sd_json_variant_by_key(r, "processes"));
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
	log_error("cannot open " DEVICE ": %s; %s", strerror(err), err == ENOENT ?
		  "the module is not loaded: modprobe msharearena loads it" :
		  err == EACCES ? "only root and the group msharearena may" :
		  "the kernel's log may say why");
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
	log_error("cannot list the regions: %s", log_reason(-ret));
	return QUERY_FAILED;
}
