// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "health.h"

#include <common/clock.h>
#include <common/log.h>
#include <control/packet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nvme_ioctl.h>
#include <poll.h>
#include <sandbox/sandbox.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "options.h"

/* Standard streams, the line, a folder, and a controller. */
#define FILES_MAX	16U

#define MEMORY		(16ULL << 20)
#define OOM_SCORE	700

static const char *const calls[] = { "getdents64", "lseek", "newfstatat", "sendmsg", NULL };

/* Controllers, and what names them, are only read: no file can be changed. */
static const struct sandbox_rule rules[] = {
	{ "openat", 1, { { 2, O_RDONLY } } },
	{ "openat", 1, { { 2, O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC } } },
	{ .call = NULL },
};

/**
 * struct round - the controllers that there are
 * @n: used entries of @number and @status
 * @n_left: controllers for which there was no entry
 * @number: of the controller
 * @status: 0 if it has told its log, or why it has not: -errno, or a status of NVMe
 */
struct round {
	unsigned int n;
	unsigned int n_left;
	uint32_t number[HEALTH_CONTROLLERS_MAX];
	int status[HEALTH_CONTROLLERS_MAX];
};

static int close_up(const struct metrics_options *o)
{
	const struct sandbox_profile profile = {
		.mode = o->sandbox, .calls = calls, .rules = rules, .ioctl = NVME_IOCTL_ADMIN_CMD,
		.memory = MEMORY, .oom_score = OOM_SCORE, .n_read_folders = 2,
		.read_folder = { "/dev", "/sys" }, .capabilities = 1ULL << CAP_SYS_ADMIN,
	};
	const struct rlimit limit = { .rlim_cur = FILES_MAX, .rlim_max = FILES_MAX };
	int ret;

	if (o->sandbox == SANDBOX_OFF)
		return 0;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	/* What is missing on this machine is said by the process that serves HTTP. */
	ret = sandbox_drop(&profile);
	if (ret >= 0)
		ret = sandbox_filter(&profile);
	return ret < 0 ? ret : 0;
}

/* A parent that has no time is waited for; it has ended if that fails. */
static int say(int line, const struct health_packet *p)
{
	struct iovec part = { .iov_base = (void *)p, .iov_len = sizeof(*p) };
	struct pollfd room = { .fd = line, .events = POLLOUT };
	int ret;

	while ((ret = packet_send(line, &part, 1, -1)) == -EAGAIN)
		if (poll(&room, 1, -1) < 0 && errno != EINTR)
			return -errno;
	return ret;
}

/* One of NVMe over Fabrics that only tells where disks are has no health. */
static bool is_for_discovery(uint32_t number)
{
	char path[64], type[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/class/nvme/nvme%u/cntrltype", number);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	if (read(fd, type, sizeof(type) - 1) < 0)
		type[0] = '\0';
	close(fd);
	return !strncmp(type, "discovery", strlen("discovery"));
}

static void add(struct round *r, const char *name)
{
	uint32_t number;

	if (sscanf(name, "nvme%u", &number) != 1 || is_for_discovery(number))
		return;
	if (r->n == HEALTH_CONTROLLERS_MAX)
		r->n_left++;
	else
		r->number[r->n++] = number;
}

/*
 * Controllers of the machine; there is no such folder on one that has never had any.
 * Return: 0 or -errno.
 */
static int find(struct round *r)
{
	struct dirent **entries = NULL;
	int n = nvme_scan_ctrls(&entries);

	*r = (struct round){ .n = 0 };
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		add(r, entries[i]->d_name);
		free(entries[i]);
	}
	free((void *)entries);
	return 0;
}

/* Return: 0; -errno; or a status of NVMe. */
static int ask(uint32_t number, struct nvme_smart_log *log)
{
	char name[16];
	int fd, ret;

	/* One that says that it has told, and has not, must not have what another one told. */
	memset(log, 0, sizeof(*log));
	snprintf(name, sizeof(name), "nvme%u", number);
	fd = nvme_open(name);
	if (fd < 0)
		return -errno;
	/* Events stay for those who want them: the kernel, and who listens to it. */
	ret = nvme_get_log_smart(fd, NVME_NSID_ALL, true, log);
	if (ret < 0)
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

/* A controller that has been failing is logged once. */
static void log_change(uint32_t number, int status, const struct round *before)
{
	int was = 0;

	for (unsigned int i = 0; i < before->n; i++)
		if (before->number[i] == number)
			was = before->status[i];
	if (status == was)
		return;
	if (!status)
		log_limited(LOG_LEVEL_INFO, "nvme%u tells its health again", number);
	else
		log_limited(LOG_LEVEL_WARN, "nvme%u does not tell its health: %s; 'nvme smart-log' "
			    "may tell more", number, status < 0 ? strerror(-status) :
			    nvme_status_to_string(status, false));
}

static int ask_one(int line, struct round *r, unsigned int i, const struct round *before)
{
	struct health_packet p = {
		.kind = HEALTH_TOLD, .number = r->number[i], .told_ns = clock_boot_ns(),
	};

	r->status[i] = ask(r->number[i], &p.log);
	log_change(r->number[i], r->status[i], before);
	return r->status[i] ? 0 : say(line, &p);
}

/* The parent knows of all controllers before one can hang. */
static int do_round(int line, struct round *r)
{
	struct health_packet p = { .kind = HEALTH_THERE };
	struct round before = *r;
	int ret = find(r);

	if (r->n_left && r->n_left != before.n_left)
		log_warn("%u NVMe controllers are asked for their health, and %u more are not; use "
			 "another exporter for those", r->n, r->n_left);
	for (unsigned int i = 0; i < r->n && !ret; i++) {
		p.number = r->number[i];
		ret = say(line, &p);
	}
	for (unsigned int i = 0; i < r->n && !ret; i++)
		ret = ask_one(line, r, i, &before);
	p = (struct health_packet){ .kind = HEALTH_ROUND, .number = r->n_left };
	return ret ? ret : say(line, &p);
}

/* The parent sends nothing: the line is readable when it has ended. */
int health_run(const struct metrics_options *o, int line)
{
	struct pollfd end = { .fd = line, .events = POLLIN };
	struct round r = { .n = 0 };
	int ret = close_up(o), ends = 0;

	while (!ret && !ends) {
		ret = do_round(line, &r);
		if (ret)
			break;
		ends = poll(&end, 1, (int)o->health_interval * 1000);
		if (ends < 0)
			ret = errno == EINTR ? 0 : -errno;
		ends = ends > 0;
	}
	if (ret == -EPIPE)
		ret = 0;
	if (ret)
		log_error("no health of NVMe controllers any more: %s", log_reason(-ret));
	return ret;
}
