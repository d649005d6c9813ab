/* SPDX-License-Identifier: MIT */
/*
 * The process that asks NVMe controllers for their health: the log page that is called SMART. The
 * kernel gives it to nobody without CAP_SYS_ADMIN, so this process keeps that and nothing else. It
 * reads nothing but what controllers and the kernel tell, and says it to its parent in packets. A
 * controller that hangs stops it alone. This header must not know what becomes of the packets.
 */
#ifndef METRICS_HEALTH_H
#define METRICS_HEALTH_H

#include <libnvme.h>
#include <stdint.h>

struct metrics_options;

/* Further controllers are not asked. */
#define HEALTH_CONTROLLERS_MAX	64U

/**
 * enum health_kind - what a packet says
 * @HEALTH_THERE: the controller exists
 * @HEALTH_TOLD: and this is its log
 * @HEALTH_ROUND: no others than those since the last HEALTH_ROUND exist, but for @number ones that
 *	are not asked, as there are too many
 */
enum health_kind { HEALTH_THERE = 1, HEALTH_TOLD, HEALTH_ROUND };

/**
 * struct health_packet - a packet, of which any bytes have a meaning or none
 * @kind: enum health_kind
 * @told_ns: with HEALTH_TOLD, CLOCK_BOOTTIME when it was asked
 * @number: that of the controller, N of nvmeN; of HEALTH_ROUND, how many are not asked
 * @log: with HEALTH_TOLD, what the controller has said
 */
struct health_packet {
	uint32_t kind;
	uint32_t number;
	uint64_t told_ns;
	struct nvme_smart_log log;
};

/**
 * health_run() - give up all other rights and ask all controllers of the machine, again and again
 * @o: command line
 * @line: own end of the pair of sockets to the parent
 *
 * It logs its errors.
 *
 * Return: 0 when the parent has ended, or -errno.
 */
int health_run(const struct metrics_options *o, int line);

#endif /* METRICS_HEALTH_H */
