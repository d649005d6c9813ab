// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "report.h"

#include <arenad/crew.h>
#include <arenad/keep.h>
#include <arenad/options.h>
#include <arenad/reload.h>
#include <common/clock.h>
#include <common/utf8.h>
#include <inttypes.h>
#include <limits.h>
#include <mshare.h>
#include <poll.h>
#include <stats/stats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "numbers.h"

/* Sectors of sysfs, whatever those of the disk are. */
#define SECTOR	512

/* The 14th and 15th field of proc_pid_stat(5), which follow the 2nd one here. */
#define TIMES	" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu"

/* Names of files need not be UTF-8, which JSON is. */
#define TEXT_SIZE	(PATH_MAX + 1)

static bool runs(const struct crew *c, unsigned int i)
{
	return i < c->started && c->child[i].pidfd >= 0;
}

/* @served is that of crew_served(). */
static const char *state_of(const struct crew *c, unsigned int i, uint32_t served)
{
	if (!runs(c, i))
		return c->restart[i].is_given_up ? "lost" : c->is_new[i] ? "starting" : "waiting";
	if (c->leaves_until[i] || (c->replacement.is_on && c->replacement.i == i))
		return "leaving";
	return i < c->nps || served >> (i - c->nps) & 1 ? "running" : "starting";
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/*
 * The time that a process has used, of proc_pid_stat(5); -1 if that is not known. Another process
 * can have its number only when it has ended, which the pidfd tells.
 */
static int64_t cpu_us(const struct child *child)
{
	struct pollfd end = { .fd = child->pidfd, .events = POLLIN };
	unsigned long user = 0, system = 0;
	char path[32], line[512], *name_end;
	FILE *f;
	bool good;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)child->pid);
	f = fopen(path, "re");
	good = f && fgets(line, sizeof(line), f);
	if (f)
		fclose(f);
	name_end = good ? strrchr(line, ')') : NULL;
	if (!name_end || sscanf(name_end + 1, TIMES, &user, &system) != 2 || poll(&end, 1, 0))
		return -1;
	return (int64_t)(user + system) * 1000000 / sysconf(_SC_CLK_TCK);
}

static int add_process(const struct crew *c, unsigned int i, uint32_t served,
		       struct sd_json_variant **out)
{
	bool is_up = runs(c, i), is_np = i < c->nps;
	int64_t since = now_us() - (clock_ns() - c->restart[i].begun_at) / CLOCK_NS_PER_US;
	int64_t cpu = is_up ? cpu_us(&c->child[i]) : -1;

	return sd_json_variant_append_arraybo(
		out,
		SD_JSON_BUILD_PAIR_STRING("role", is_np ? "np" : "sp"),
		SD_JSON_BUILD_PAIR_UNSIGNED("number", is_np ? i : i - c->nps),
		SD_JSON_BUILD_PAIR_STRING("state", state_of(c, i, served)),
		SD_JSON_BUILD_PAIR_CONDITION(is_up, "pid", SD_JSON_BUILD_INTEGER(c->child[i].pid)),
		SD_JSON_BUILD_PAIR_CONDITION(is_up, "sinceUSec", SD_JSON_BUILD_INTEGER(since)),
		SD_JSON_BUILD_PAIR_CONDITION(cpu >= 0, "cpuUSec", SD_JSON_BUILD_INTEGER(cpu)),
		SD_JSON_BUILD_PAIR_UNSIGNED("restarts", c->restarts[i]),
		SD_JSON_BUILD_PAIR_UNSIGNED("deaths", c->restart[i].deaths));
}

int report_processes(const struct crew *c, struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);
	uint32_t served = crew_served(c);

	for (unsigned int i = 0; i < c->n && ret >= 0; i++)
		if (i < c->nps || crew_has_export(c, i - c->nps) || runs(c, i))
			ret = add_process(c, i, served, out);
	return ret < 0 ? ret : 0;
}

/* A disk that hangs must not hold arenad up, so it is not opened: sysfs knows its size. */
static int64_t size_of_device(const struct stat *st)
{
	char path[64];
	uint64_t sectors;
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/sys/dev/%s/%u:%u/size",
		 S_ISBLK(st->st_mode) ? "block" : "char", major(st->st_rdev), minor(st->st_rdev));
	f = fopen(path, "re");
	if (!f)
		return -1;
	n = fscanf(f, "%" SCNu64, &sectors);
	fclose(f);
	return n == 1 ? (int64_t)sectors * SECTOR : -1;
}

/* Return: -1 if the size is not known. */
static int64_t size_of(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return -1;
	return S_ISREG(st.st_mode) ? st.st_size : size_of_device(&st);
}

/* Rules name identities, which need not be UTF-8. */
static int list_rules(const struct access *a, struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);
	char text[TEXT_SIZE];

	for (unsigned int i = 0; i < a->n && ret >= 0; i++)
		ret = sd_json_variant_append_arrayb(out, SD_JSON_BUILD_STRING(
			utf8_show(text, sizeof(text), a->rule[i].text, strlen(a->rule[i].text))));
	return ret < 0 ? ret : 0;
}

static int add_with_rules(const struct crew *c, unsigned int sp, uint32_t served,
			  struct sd_json_variant *rules, struct sd_json_variant **out)
{
	const struct export_options *e = &c->options->exports.export[sp];
	const struct arenad_disk *d = &c->options->disk[sp];
	int64_t size = size_of(d->path);
	char path[TEXT_SIZE], limit[LIMIT_TEXT_SIZE];

	limit_format(&d->limit, limit);
	return sd_json_variant_append_arraybo(
		out,
		SD_JSON_BUILD_PAIR_STRING("name", e->name),
		SD_JSON_BUILD_PAIR_STRING("disk", utf8_show(path, sizeof(path), d->path,
							    strlen(d->path))),
		SD_JSON_BUILD_PAIR_CONDITION(size >= 0, "sizeBytes", SD_JSON_BUILD_INTEGER(size)),
		SD_JSON_BUILD_PAIR_BOOLEAN("readOnly", d->is_readonly),
		SD_JSON_BUILD_PAIR_CONDITION(*limit, "limit", SD_JSON_BUILD_STRING(limit)),
		SD_JSON_BUILD_PAIR_VARIANT("allow", rules),
		SD_JSON_BUILD_PAIR_CONDITION(e->no_disk != EXPORT_STOP, "noDisk",
					     SD_JSON_BUILD_STRING(
						     export_no_disk_words[e->no_disk])),
		SD_JSON_BUILD_PAIR_UNSIGNED("sp", sp),
		SD_JSON_BUILD_PAIR_BOOLEAN("isDrained", c->reload->drained >> sp & 1),
		SD_JSON_BUILD_PAIR_STRING("state", state_of(c, c->nps + sp, served)));
}

static int add_export(const struct crew *c, unsigned int sp, uint32_t served,
		      struct sd_json_variant **out)
{
	struct sd_json_variant *rules = NULL;
	int ret = list_rules(&c->options->exports.export[sp].access, &rules);

	if (!ret)
		ret = add_with_rules(c, sp, served, rules, out);
	sd_json_variant_unref(rules);
	return ret;
}

int report_exports(const struct crew *c, struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);
	uint32_t served = crew_served(c);

	for (unsigned int sp = 0; sp < c->n - c->nps && ret >= 0; sp++)
		if (crew_has_export(c, sp))
			ret = add_export(c, sp, served, out);
	return ret < 0 ? ret : 0;
}

/* @s is what the NP has counted, or NULL. */
static int add_channel(const struct crew *c, unsigned int np, unsigned int sp,
		       const struct stats *s, struct sd_json_variant **out)
{
	const struct stats_channel *counted = s ? &s->channel[sp] : NULL;

	return sd_json_variant_append_arraybo(
		out,
		SD_JSON_BUILD_PAIR_UNSIGNED("np", np),
		SD_JSON_BUILD_PAIR_UNSIGNED("sp", sp),
		SD_JSON_BUILD_PAIR_UNSIGNED("epoch", c->pairs.pair[np][sp].epoch),
		SD_JSON_BUILD_PAIR_BOOLEAN("bothRun", runs(c, np) && runs(c, c->nps + sp)),
		SD_JSON_BUILD_PAIR_BOOLEAN("isOwed", c->is_owed[np][sp]),
		SD_JSON_BUILD_PAIR_CONDITION(!!counted, "requestMessages", SD_JSON_BUILD_INTEGER(
			counted ? numbers_show(counted->sent) : 0)),
		SD_JSON_BUILD_PAIR_CONDITION(!!counted, "replyMessages", SD_JSON_BUILD_INTEGER(
			counted ? numbers_show(counted->received) : 0)));
}

static int add_channels(const struct crew *c, unsigned int np, struct sd_json_variant **out)
{
	struct stats *s;
	int ret = 0;

	if (crew_stats(c, np, &s))
		s = NULL;
	for (unsigned int sp = 0; sp < c->n - c->nps && ret >= 0; sp++)
		if (crew_has_export(c, sp))
			ret = add_channel(c, np, sp, s, out);
	free(s);
	return ret;
}

int report_channels(const struct crew *c, struct sd_json_variant **out)
{
	int ret = sd_json_variant_new_array(out, NULL, 0);

	for (unsigned int np = 0; np < c->nps && ret >= 0; np++)
		ret = add_channels(c, np, out);
	return ret < 0 ? ret : 0;
}

int report_region(const struct crew *c, struct sd_json_variant **out)
{
	struct mshare_info info = { .size = sizeof(info) };
	int ret = mshare_info(c->keep->region, &info);
	bool is_module;

	if (ret)
		return ret;
	/* Of a memfd, it is not known what the processes do with it. */
	is_module = info.backend == MSHARE_BACKEND_MODULE;
	ret = sd_json_buildo(
		out,
		SD_JSON_BUILD_PAIR_STRING("name", c->options->region),
		SD_JSON_BUILD_PAIR_INTEGER("lengthBytes", numbers_show(info.length)),
		SD_JSON_BUILD_PAIR_INTEGER("pageBytes", numbers_show(info.page_size)),
		SD_JSON_BUILD_PAIR_INTEGER("exportedBytes", numbers_show(info.exported)),
		SD_JSON_BUILD_PAIR_CONDITION(is_module, "attached", SD_JSON_BUILD_INTEGER(
			numbers_show(info.attached))),
		SD_JSON_BUILD_PAIR_CONDITION(is_module, "tableBytes", SD_JSON_BUILD_INTEGER(
			numbers_show(info.table_bytes))),
		SD_JSON_BUILD_PAIR_CONDITION(is_module, "demotions", SD_JSON_BUILD_INTEGER(
			numbers_show(info.demotions))),
		SD_JSON_BUILD_PAIR_CONDITION(is_module, "promotions", SD_JSON_BUILD_INTEGER(
			numbers_show(info.promotions))));
	return ret < 0 ? ret : 0;
}
