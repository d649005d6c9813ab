// SPDX-License-Identifier: MIT
/*
 * Looks at what this machine has for arenad and how it is set, and says what to change. It asks no
 * arenad, and changes nothing.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <query/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <systemd/sd-json.h>
#include <unistd.h>

#include "commands.h"

#define DEVICE		"/dev/msharearena"
#define OLDEST_MAJOR	6
#define OLDEST_MINOR	8
#define TEXT_SIZE	256

/**
 * enum verdict - an index of verdicts
 * @GOOD: nothing is to be done
 * @ADVICE: arenad works, and would be faster or safer
 * @BAD: arenad does not work
 */
enum verdict { GOOD, ADVICE, BAD };

static const char *const verdicts[] = { [GOOD] = "good", [ADVICE] = "advice", [BAD] = "bad" };

/**
 * struct findings - what was found so far
 * @list: an object for each finding
 * @worst: the worst verdict
 * @error: 0, or -errno if a finding could not be added
 */
struct findings {
	struct sd_json_variant *list;
	enum verdict worst;
	int error;
};

/* @advice: what to do; not used for GOOD. @format: what was found. */
__attribute__((format(printf, 5, 6)))
static void add(struct findings *f, enum verdict is, const char *what, const char *advice,
		const char *format, ...)
{
	char found[TEXT_SIZE];
	va_list ap;
	int ret;

	va_start(ap, format);
	vsnprintf(found, sizeof(found), format, ap);
	va_end(ap);
	ret = sd_json_variant_append_arraybo(
		&f->list,
		SD_JSON_BUILD_PAIR_STRING("what", what),
		SD_JSON_BUILD_PAIR_STRING("verdict", verdicts[is]),
		SD_JSON_BUILD_PAIR_STRING("found", found),
		SD_JSON_BUILD_PAIR_CONDITION(is != GOOD, "advice",
					     SD_JSON_BUILD_STRING(advice)));
	if (ret < 0)
		f->error = ret;
	if (is > f->worst)
		f->worst = is;
}

/* Read the first line of a file. Return: false, and an empty text, if it cannot be read. */
static bool read_line(const char *path, char text[TEXT_SIZE])
{
	FILE *file = fopen(path, "re");
	bool good = file && fgets(text, TEXT_SIZE, file);

	if (file)
		fclose(file);
	if (!good)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	/* A list may end in a space. */
	if (text[0] && text[strlen(text) - 1] == ' ')
		text[strlen(text) - 1] = '\0';
	return good;
}

static long read_number(const char *path, long otherwise)
{
	char text[TEXT_SIZE];

	return read_line(path, text) ? strtol(text, NULL, 10) : otherwise;
}

/* Call @check for each path that matches; @name is the part of it that the first * stands for. */
static void each(struct findings *f, const char *pattern,
		 void (*check)(struct findings *f, const char *path, const char *name))
{
	size_t begin = strcspn(pattern, "*");
	char name[NAME_MAX + 1];
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *at = found.gl_pathv[i] + begin;

		/* What stands before the * are folders and the beginning of a name. */
		while (at > found.gl_pathv[i] && at[-1] != '/')
			at--;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "/"), at);
		check(f, found.gl_pathv[i], name);
	}
	globfree(&found);
}

static void check_kernel(struct findings *f)
{
	int major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return;
	if (major > OLDEST_MAJOR || (major == OLDEST_MAJOR && minor >= OLDEST_MINOR))
		add(f, GOOD, "kernel", NULL, "Linux %s", u.release);
	else
		add(f, BAD, "kernel", "the module needs Linux 6.8 or later", "Linux %s",
		    u.release);
}

static void check_module(struct findings *f)
{
	char version[TEXT_SIZE];

	if (!read_line("/sys/module/msharearena/version", version))
		add(f, ADVICE, "module", "load it: modprobe msharearena. Without it arenad has the "
		    "backend memfd, in which nothing keeps processes from each other's buffers",
		    "not loaded");
	else if (access(DEVICE, R_OK | W_OK))
		add(f, ADVICE, "module", "only root and the group msharearena may make regions",
		    "version %s; " DEVICE ": %s", version, strerror(errno));
	else
		add(f, GOOD, "module", NULL, "version %s", version);
}

static void check_io_uring(struct findings *f)
{
	long disabled = read_number("/proc/sys/kernel/io_uring_disabled", 0);

	if (!disabled)
		add(f, GOOD, "io_uring", NULL, "allowed");
	else if (disabled == 1)
		add(f, ADVICE, "io_uring", "arenad needs CAP_SYS_ADMIN, or kernel.io_uring_group "
		    "has to name its group and those of its processes, or set "
		    "kernel.io_uring_disabled=0", "for some users only");
	else
		add(f, BAD, "io_uring", "set kernel.io_uring_disabled=0 (sysctl), without which no "
		    "process can make a ring", "forbidden for all");
}

#define PAGES	"/sys/kernel/mm/hugepages/hugepages-"

static void check_pages(struct findings *f)
{
	long large = read_number(PAGES "1048576kB/nr_hugepages", 0);
	long large_free = read_number(PAGES "1048576kB/free_hugepages", 0);
	long small = read_number(PAGES "2048kB/nr_hugepages", 0);
	long small_free = read_number(PAGES "2048kB/free_hugepages", 0);

	add(f, large || small ? GOOD : ADVICE, "huge pages",
	    "reserve some: hugepagesz=1G hugepages=N on the kernel's command line, or write N to "
	    PAGES "1048576kB/nr_hugepages soon after the start; with --page-size 2M so many of "
	    "2048kB. On pages of 4 KiB everything is slower, and the module takes none",
	    "1 GiB: %ld, %ld free; 2 MiB: %ld, %ld free", large, large_free, small, small_free);
}

static void check_memlock(struct findings *f)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	if (limit.rlim_max == RLIM_INFINITY || !geteuid())
		add(f, GOOD, "locked memory", NULL, "no limit for this user");
	else
		add(f, ADVICE, "locked memory", "an arenad that this user starts needs as much as "
		    "its region: raise memlock in /etc/security/limits.conf, or LimitMEMLOCK= of "
		    "its unit", "at most %llu KiB", (unsigned long long)limit.rlim_max >> 10);
}

static void check_governor(struct findings *f)
{
	char governor[TEXT_SIZE];

	if (!read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", governor))
		return;
	add(f, strcmp(governor, "performance") != 0 ? ADVICE : GOOD, "CPU frequency",
	    "short requests end before a governor has noticed them: "
	    "cpupower frequency-set -g performance", "governor %s", governor);
}

static void check_balancing(struct findings *f)
{
	char nodes[TEXT_SIZE];
	bool several = read_line("/sys/devices/system/node/online", nodes) && strpbrk(nodes, ",-");

	if (!several)
		return;
	add(f, read_number("/proc/sys/kernel/numa_balancing", 0) ? ADVICE : GOOD, "NUMA",
	    "processes that --cpus has bound gain nothing from kernel.numa_balancing, and pay for "
	    "it: set it to 0", "nodes %s, kernel.numa_balancing=%ld", nodes,
	    read_number("/proc/sys/kernel/numa_balancing", 0));
}

/* The scheduler that is in use is in brackets. */
static void check_queue(struct findings *f, const char *path, const char *name)
{
	char what[TEXT_SIZE], schedulers[TEXT_SIZE], file[PATH_MAX];
	bool rotates;

	(void)path;
	snprintf(file, sizeof(file), "/sys/block/%s/queue/rotational", name);
	rotates = read_number(file, 1);
	snprintf(file, sizeof(file), "/sys/block/%s/queue/scheduler", name);
	if (!read_line(file, schedulers) || rotates)
		return;
	snprintf(what, sizeof(what), "disk %.200s", name);
	add(f, strstr(schedulers, "[none]") || !strcmp(schedulers, "none") ? GOOD : ADVICE, what,
	    "arena-sp has ordered its requests already: write none to queue/scheduler of the disk "
	    "(or use the character device of an NVMe namespace)", "scheduler %s", schedulers);
}

static void check_nvme(struct findings *f, const char *path, const char *name)
{
	char what[TEXT_SIZE], state[TEXT_SIZE], iommu[PATH_MAX], type[TEXT_SIZE];
	bool translates;

	snprintf(what, sizeof(what), "controller %.200s", name);
	snprintf(iommu, sizeof(iommu), "/sys/class/nvme/%s/device/iommu_group/type", name);
	if (!read_line(path, state))
		return;
	translates = read_line(iommu, type) && !strcmp(type, "DMA");
	if (strcmp(state, "live") != 0)
		add(f, BAD, what, "it does not work: see the kernel's log (dmesg)", "%s", state);
	else
		add(f, translates ? ADVICE : GOOD, what,
		    "each request flushes the IOMMU's TLB: iommu.strict=0 on the kernel's command "
		    "line flushes it later, and iommu=pt lets devices reach all memory",
		    "live, IOMMU %s", type[0] ? type : "not used");
}

static void check_network(struct findings *f, const char *path, const char *name)
{
	char what[TEXT_SIZE], file[PATH_MAX], state[TEXT_SIZE];
	long speed, node;

	snprintf(file, sizeof(file), "/sys/class/net/%s/operstate", name);
	if (!read_line(file, state) || strcmp(state, "up") != 0)
		return;
	snprintf(file, sizeof(file), "/sys/class/net/%s/speed", name);
	speed = read_number(file, -1);
	snprintf(file, sizeof(file), "%s/numa_node", path);
	node = read_number(file, -1);
	snprintf(what, sizeof(what), "network %.200s", name);
	if (speed > 0 && speed < 10000)
		add(f, ADVICE, what, "one disk is faster than this", "%ld Mbit/s", speed);
	else if (speed > 0 && node >= 0)
		add(f, GOOD, what, NULL, "%ld Mbit/s, at NUMA node %ld", speed, node);
	else if (speed > 0)
		add(f, GOOD, what, NULL, "%ld Mbit/s", speed);
	else
		add(f, GOOD, what, NULL, "its speed is not known");
}

static void look(struct findings *f)
{
	check_kernel(f);
	check_module(f);
	check_io_uring(f);
	check_pages(f);
	check_memlock(f);
	check_governor(f);
	check_balancing(f);
	each(f, "/sys/class/nvme/*/state", check_nvme);
	/* A device in memory, or on top of others, has none of its own. */
	each(f, "/sys/block/*/device", check_queue);
	each(f, "/sys/class/net/*/device", check_network);
}

static void show(struct sd_json_variant *list)
{
	for (size_t i = 0; i < sd_json_variant_elements(list); i++) {
		struct sd_json_variant *v = sd_json_variant_by_index(list, i);

		printf("%-7s %-18s %s\n", json_text(v, "verdict"), json_text(v, "what"),
		       json_text(v, "found"));
		if (json_has(v, "advice"))
			printf("%27s%s\n", "", json_text(v, "advice"));
	}
}

static int print(const struct arenactl_options *o, const struct findings *f)
{
	struct sd_json_variant *all = NULL;
	int ret;

	if (!o->json) {
		show(f->list);
		return 0;
	}
	ret = sd_json_buildo(&all, SD_JSON_BUILD_PAIR_VARIANT("findings", f->list));
	if (ret >= 0)
		json_print(all);
	sd_json_variant_unref(all);
	return ret;
}

enum query_status command_doctor(const struct arenactl_options *o)
{
	struct findings f = { .worst = GOOD };
	int ret;

	look(&f);
	ret = f.error ? f.error : print(o, &f);
	sd_json_variant_unref(f.list);
	if (ret >= 0)
		return f.worst == BAD ? QUERY_FAILED : QUERY_OK;
	log_error("cannot make the list: %s", log_reason(-ret));
	return QUERY_FAILED;
}
