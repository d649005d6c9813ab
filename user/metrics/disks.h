/* SPDX-License-Identifier: MIT */
/*
 * What the health process has said, in the process that makes the page, which believes nothing of
 * it: any bytes are the log of some controller. Nobody waits for the health process. This header
 * must not know how controllers are asked.
 */
#ifndef METRICS_DISKS_H
#define METRICS_DISKS_H

#include <libnvme.h>
#include <listen/socket.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <systemd/sd-json.h>

#include "health.h"

struct metrics_options;

/* Numbers that are older than so many intervals are left out. */
#define DISKS_KEEP_INTERVALS	5U

/**
 * struct disk - a controller
 * @number: N of nvmeN
 * @is_there: the health process has named it in this round
 * @told_ns: when it has told its log, on clock_boot_ns(); 0 if it never has
 * @told_at: the same as seconds since 1970
 * @log: its log
 */
struct disk {
	uint32_t number;
	bool is_there;
	uint64_t told_ns;
	double told_at;
	struct nvme_smart_log log;
};

/**
 * struct disks - all controllers
 * @is_wanted: there is or was a health process
 * @pid: that process; 0 if there is none
 * @line: own end of the pair of sockets to it; -1 if there is none
 * @interval: seconds between two rounds
 * @n_left: further controllers, which are not asked
 * @n: used entries of @disk
 * @disk: the controllers
 */
struct disks {
	bool is_wanted;
	pid_t pid;
	int line;
	uint32_t interval;
	uint32_t n_left;
	unsigned int n;
	struct disk disk[HEALTH_CONTROLLERS_MAX];
};

#define DISKS_NONE	((struct disks){ .line = -1 })

/**
 * disks_start() - start the health process if the command line asks for it
 * @d: DISKS_NONE; filled
 * @o: command line
 * @sockets: what the health process must not have
 * @signals: the same
 *
 * It logs its errors.
 *
 * Return: 0 or -errno; -EPERM without CAP_SYS_ADMIN.
 */
int disks_start(struct disks *d, const struct metrics_options *o, const struct listen_set *sockets,
		int signals);

/**
 * disks_settle() - give up the right of the health process in this one, if there is such a process
 * @d: of disks_start()
 *
 * The process that serves HTTP is to be there already: if it stays root, it needs the right to
 * leave namespaces, and gives it up with all others. It logs its errors.
 *
 * Return: 0 or -errno.
 */
int disks_settle(const struct disks *d);

/** disks_take() - take what the health process has said; called when @line is readable */
void disks_take(struct disks *d);

/** disks_reap() - notice that the health process has ended; called when a child has ended */
void disks_reap(struct disks *d);

/** disks_write() - write the metrics; fits struct openmetrics_more */
void disks_write(FILE *out, struct sd_json_variant *exports, const void *disks);

/** disks_end() - end the health process, unless it hangs in the kernel */
void disks_end(struct disks *d);

#endif /* METRICS_DISKS_H */
