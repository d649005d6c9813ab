// SPDX-License-Identifier: MIT
/*
 * Has bpftrace run the script that draws the paths of requests, on the programs that run now.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <query/call.h>
#include <query/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"

#define DEFAULT_EVERY	1000U
#define SCRIPT		"/share/msharearena/msharearena-requests.bt"
#define EXE_SIZE	32

/**
 * struct programs - the files that are watched, empty before one is known
 * @np: path of that of the network processes
 * @sp: path of that of the storage processes
 *
 * A path below /proc names the file that runs also when another one was installed in its place.
 */
struct programs {
	char np[EXE_SIZE];
	char sp[EXE_SIZE];
};

/* Find the script, which `make install` has put below the same prefix as this program. */
static int find_script(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(SCRIPT));

	if (n < 0)
		return -errno;
	/* The prefix is what comes before sbin and the name of the program. */
	for (int slashes = 0; n && slashes < 2; n--)
		slashes += path[n - 1] == '/';
	memcpy(path + n, SCRIPT, sizeof(SCRIPT));
	return access(path, R_OK) ? -errno : 0;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat one, other;

	return !stat(a, &one) && !stat(b, &other) && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* While processes are being replaced some may run another version. */
static void add_process(struct programs *p, struct sd_json_variant *process)
{
	char *known = !strcmp(json_text(process, "role"), "np") ? p->np : p->sp;
	char exe[EXE_SIZE];

	if (!json_has(process, "pid"))
		return;
	snprintf(exe, sizeof(exe), "/proc/%" PRId64 "/exe", json_number(process, "pid"));
	if (!known[0])
		memcpy(known, exe, sizeof(exe));
	else if (!is_same_file(known, exe))
		log_warn("%s %" PRId64 " runs another file than the others, and is not watched; "
			 "'arenactl upgrade' makes them the same", json_text(process, "role"),
			 json_number(process, "number"));
}

static enum query_status find_programs(const struct arenactl_options *o, struct programs *p)
{
	struct sd_json_variant *reply = NULL, *processes;
	struct sd_varlink *link = NULL;
	enum query_status status = call_open(&o->target, false, &link);

	if (!status)
		status = call_to_read(&o->target, &link, "GetStatus", false, &reply);
	processes = status ? NULL : sd_json_variant_by_key(reply, "processes");
	for (size_t i = 0; processes && i < sd_json_variant_elements(processes); i++)
		add_process(p, sd_json_variant_by_index(processes, i));
	sd_varlink_close_unref(link);
	if (status || (p->np[0] && p->sp[0]))
		return status;
	log_error("no %s process runs; the log of arenad says why",
		  p->np[0] ? "storage" : "network");
	return QUERY_FAILED;
}

/* Returns only if bpftrace cannot be run. */
static void run(const struct arenactl_options *o, char *script, struct programs *p)
{
	char every[16];
	char *const argv[] = { "bpftrace", script, every, p->np, p->sp, NULL };

	snprintf(every, sizeof(every), "%" PRIu32, o->every ? o->every : DEFAULT_EVERY);
	/* It ends with whoever reads what it prints. */
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	log_error("cannot run bpftrace: %s", errno == ENOENT ?
		  "it is not installed; install the package bpftrace" : log_reason(errno));
}

enum query_status command_trace(const struct arenactl_options *o)
{
	struct programs p = { 0 };
	enum query_status status;
	char script[PATH_MAX] = SCRIPT;
	int ret;

	if (geteuid()) {
		log_error("only root may watch processes by bpftrace; try sudo");
		return QUERY_FAILED;
	}
	ret = find_script(script);
	if (ret) {
		log_error("cannot read %s: %s", script, log_reason(-ret));
		return QUERY_FAILED;
	}
	status = find_programs(o, &p);
	if (status)
		return status;
	run(o, script, &p);
	return QUERY_FAILED;
}
