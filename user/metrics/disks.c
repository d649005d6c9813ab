// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "disks.h"

#include <common/clock.h>
#include <common/log.h>
#include <control/packet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <math.h>
#include <query/json.h>
#include <query/metric.h>
#include <sandbox/sandbox.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "controllers.h"
#include "options.h"

/* Packets that are taken before something else has its turn: a whole round. */
#define TURN		(2 * HEALTH_CONTROLLERS_MAX + 1)

/* A process that was killed has ended so soon, unless it hangs in the kernel. */
#define END_MS		1000
#define LOOK_MS		5

/* The unit of data in the log: 1000 blocks of 512 bytes. */
#define DATA_UNIT	512000.0
#define HOUR_SECONDS	3600.0
#define ZERO_CELSIUS	273

/*
 * Start and end
 */

__attribute__((noreturn))
static void be_child(const struct metrics_options *o, int line)
{
	/* The parent kills it when it ends itself; it may be killed, too. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	prctl(PR_SET_NAME, "arena-health", 0, 0, 0);
	_exit(health_run(o, line) ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start(struct disks *d, const struct metrics_options *o,
		 const struct listen_set *sockets, int signals)
{
	int ends[2], ret = packet_open(ends);

	if (ret)
		return ret;
	d->pid = fork();
	if (!d->pid) {
		/* Their files stay: others serve. */
		for (unsigned int i = 0; i < sockets->n; i++)
			close(sockets->socket[i].fd);
		close(signals);
		close(ends[0]);
		be_child(o, ends[1]);
	}
	ret = d->pid < 0 ? -errno : 0;
	close(ends[1]);
	d->line = ends[0];
	return ret;
}

int disks_start(struct disks *d, const struct metrics_options *o, const struct listen_set *sockets,
		int signals)
{
	int ret;

	if (!o->nvme_health)
		return 0;
	if (!sandbox_has_capability(CAP_SYS_ADMIN)) {
		log_error("--nvme-health needs CAP_SYS_ADMIN, without which the kernel lets nobody "
			  "read the health of an NVMe controller; see arena-metrics.service(8)");
		return -EPERM;
	}
	d->is_wanted = true;
	d->interval = o->health_interval;
	ret = start(d, o, sockets, signals);
	if (ret)
		log_error("cannot start the process that asks NVMe controllers: %s",
			  log_reason(-ret));
	return ret;
}

int disks_settle(const struct disks *d)
{
	int ret = d->is_wanted ? sandbox_drop_capability(CAP_SYS_ADMIN) : 0;

	if (ret)
		log_error("cannot give CAP_SYS_ADMIN up: %s", log_reason(-ret));
	return ret;
}

/* The right to start another one is gone. What was told stays until it is too old. */
static void lose(struct disks *d, int status)
{
	log_error("the process that asks NVMe controllers has ended (%s): going on without; start "
		  "arena-metrics again to have their health",
		  WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it says why");
	d->pid = 0;
	if (d->line >= 0)
		close(d->line);
	d->line = -1;
}

void disks_reap(struct disks *d)
{
	int status;

	if (d->pid > 0 && waitpid(d->pid, &status, WNOHANG) == d->pid)
		lose(d, status);
}

void disks_end(struct disks *d)
{
	int64_t deadline = clock_deadline(END_MS);

	if (d->line >= 0)
		close(d->line);
	d->line = -1;
	if (d->pid <= 0)
		return;
	/* It has nothing to finish. */
	kill(d->pid, SIGKILL);
	while (!waitpid(d->pid, NULL, WNOHANG)) {
		if (!clock_left_ms(deadline)) {
			log_warn("the process that asks NVMe controllers hangs in the kernel: not "
				 "waiting for its end; the kernel's log may say which disk hangs");
			break;
		}
		clock_sleep_ms(LOOK_MS);
	}
	d->pid = 0;
}

/*
 * What the health process says
 */

/* Return: NULL if there are too many. */
static struct disk *find(struct disks *d, uint32_t number)
{
	for (unsigned int i = 0; i < d->n; i++)
		if (d->disk[i].number == number)
			return &d->disk[i];
	if (d->n == HEALTH_CONTROLLERS_MAX)
		return NULL;
	d->disk[d->n] = (struct disk){ .number = number };
	return &d->disk[d->n++];
}

static void tell(struct disk *disk, const struct health_packet *p)
{
	uint64_t now_ns = clock_boot_ns();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	disk->told_ns = p->told_ns < now_ns ? p->told_ns : now_ns;
	disk->told_at = (double)now.tv_sec + (double)now.tv_nsec / CLOCK_NS_PER_S -
			(double)(now_ns - disk->told_ns) / CLOCK_NS_PER_S;
	disk->log = p->log;
}

static void forget_others(struct disks *d)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < d->n; i++) {
		if (!d->disk[i].is_there)
			continue;
		d->disk[kept] = d->disk[i];
		d->disk[kept++].is_there = false;
	}
	d->n = kept;
}

static void take(struct disks *d, const struct health_packet *p)
{
	struct disk *disk;

	if (p->kind == HEALTH_ROUND) {
		forget_others(d);
		d->n_left = p->number;
		return;
	}
	disk = p->kind == HEALTH_THERE || p->kind == HEALTH_TOLD ? find(d, p->number) : NULL;
	if (!disk)
		return;
	disk->is_there = true;
	if (p->kind == HEALTH_TOLD)
		tell(disk, p);
}

void disks_take(struct disks *d)
{
	struct health_packet p;
	ssize_t n = 0;
	int passed;

	for (unsigned int i = 0; i < TURN && (n >= 0 || n == -EPROTO); i++) {
		n = packet_receive(d->line, &p, sizeof(p), &passed);
		if (passed >= 0)
			close(passed);
		if (n == sizeof(p))
			take(d, &p);
	}
	if (n >= 0 || n == -EAGAIN || n == -EPROTO)
		return;
	/* Its end is noticed by a signal. */
	close(d->line);
	d->line = -1;
}

/*
 * Metrics
 */

/* Numbers of 128 bits, the least byte first. Prometheus has no greater precision than a double. */
static double wide(const uint8_t bytes[16])
{
	double n = 0;

	for (int i = 15; i >= 0; i--)
		n = n * 256 + bytes[i];
	return n;
}

static double warning(const struct nvme_smart_log *l)
{
	return l->critical_warning;
}

/* A controller that says 0 kelvins has no thermometer. */
static double temperature(const struct nvme_smart_log *l)
{
	int kelvins = l->temperature[0] | l->temperature[1] << 8;

	return kelvins ? kelvins - ZERO_CELSIUS : NAN;
}

static double spare(const struct nvme_smart_log *l)
{
	return l->avail_spare / 100.0;
}

static double threshold(const struct nvme_smart_log *l)
{
	return l->spare_thresh / 100.0;
}

static double used(const struct nvme_smart_log *l)
{
	return l->percent_used / 100.0;
}

static double bytes_read(const struct nvme_smart_log *l)
{
	return wide(l->data_units_read) * DATA_UNIT;
}

static double bytes_written(const struct nvme_smart_log *l)
{
	return wide(l->data_units_written) * DATA_UNIT;
}

static double media_errors(const struct nvme_smart_log *l)
{
	return wide(l->media_errors);
}

static double log_entries(const struct nvme_smart_log *l)
{
	return wide(l->num_err_log_entries);
}

static double unsafe_shutdowns(const struct nvme_smart_log *l)
{
	return wide(l->unsafe_shutdowns);
}

static double power_on(const struct nvme_smart_log *l)
{
	return wide(l->power_on_hours) * HOUR_SECONDS;
}

static double power_cycles(const struct nvme_smart_log *l)
{
	return wide(l->power_cycles);
}

/**
 * struct number - a metric of each controller
 * @name: its name
 * @type: its type
 * @unit: its unit, or NULL
 * @decimals: digits behind the point
 * @get: reads it from the log; NAN if it is not there
 * @help: what it is
 */
struct number {
	const char *name;
	const char *type;
	const char *unit;
	int decimals;
	double (*get)(const struct nvme_smart_log *l);
	const char *help;
};

static const struct number numbers[] = {
	{ "nvme_critical_warning", "gauge", NULL, 0, warning,
	  "What the controller warns of, as bits, see arena-metrics(8)." },
	{ "nvme_temperature_celsius", "gauge", "celsius", 0, temperature, "Its temperature." },
	{ "nvme_available_spare_ratio", "gauge", "ratio", 2, spare, "Spare blocks that are left." },
	{ "nvme_available_spare_threshold_ratio", "gauge", "ratio", 2, threshold,
	  "With fewer spare blocks it warns." },
	{ "nvme_used_ratio", "gauge", "ratio", 2, used,
	  "How much of its life is over, as the vendor expects it; may be more than 1." },
	{ "nvme_read_bytes", "counter", "bytes", 0, bytes_read, "What hosts have read." },
	{ "nvme_written_bytes", "counter", "bytes", 0, bytes_written, "What hosts have written." },
	{ "nvme_media_errors", "counter", NULL, 0, media_errors,
	  "How often data could not be read or was wrong." },
	{ "nvme_error_log_entries", "counter", NULL, 0, log_entries, "Errors that it has logged." },
	{ "nvme_unsafe_shutdowns", "counter", NULL, 0, unsafe_shutdowns,
	  "How often it lost its power without having been told before." },
	{ "nvme_power_on_seconds", "counter", "seconds", 0, power_on,
	  "How long it has had power, in whole hours." },
	{ "nvme_power_cycles", "counter", NULL, 0, power_cycles, "How often it was switched on." },
};

static bool is_known(const struct disks *d, const struct disk *disk)
{
	uint64_t keep_ns = (uint64_t)d->interval * DISKS_KEEP_INTERVALS * CLOCK_NS_PER_S;

	return disk->told_ns && clock_boot_ns() - disk->told_ns <= keep_ns;
}

static void print_number(FILE *out, const struct disks *d, const struct number *number)
{
	bool is_counter = !strcmp(number->type, "counter");

	metric_describe(out, number->name, number->type, number->unit, number->help);
	for (unsigned int i = 0; i < d->n; i++) {
		const struct disk *disk = &d->disk[i];
		double value = number->get(&disk->log);

		if (is_known(d, disk) && !isnan(value))
			fprintf(out, METRIC_PREFIX "%s%s{controller=\"nvme%" PRIu32 "\"} %.*f\n",
				number->name, is_counter ? "_total" : "", disk->number,
				number->decimals, value);
	}
}

static void print_state(FILE *out, const struct disks *d)
{
	metric_describe(out, "nvme_health_up", "gauge", NULL,
			"Whether the process runs that asks NVMe controllers.");
	fprintf(out, METRIC_PREFIX "nvme_health_up %d\n", d->line >= 0);
	metric_describe(out, "nvme_health_unasked", "gauge", NULL,
			"Further NVMe controllers, which are not asked.");
	fprintf(out, METRIC_PREFIX "nvme_health_unasked %" PRIu32 "\n", d->n_left);
	metric_describe(out, "nvme_health_known", "gauge", NULL,
			"Whether the numbers of the controller are here.");
	for (unsigned int i = 0; i < d->n; i++)
		fprintf(out, METRIC_PREFIX "nvme_health_known{controller=\"nvme%" PRIu32 "\"} %d\n",
			d->disk[i].number, is_known(d, &d->disk[i]));
	metric_describe(out, "nvme_health_timestamp_seconds", "gauge", "seconds",
			"When the controller has told its numbers last.");
	for (unsigned int i = 0; i < d->n; i++)
		if (d->disk[i].told_ns)
			fprintf(out, METRIC_PREFIX "nvme_health_timestamp_seconds"
				"{controller=\"nvme%" PRIu32 "\"} %.3f\n", d->disk[i].number,
				d->disk[i].told_at);
}

static void print_export(FILE *out, struct sd_json_variant *e)
{
	const char *disk = json_text(e, "disk");
	struct controllers c;

	controllers_find(&c, disk);
	for (unsigned int i = 0; i < c.n; i++) {
		fprintf(out, METRIC_PREFIX "export_nvme_info{sp=\"%" PRId64 "\",export=\"",
			json_number(e, "sp"));
		metric_print_value(out, json_text(e, "name"));
		fputs("\",disk=\"", out);
		metric_print_value(out, disk);
		fprintf(out, "\",controller=\"nvme%" PRIu32 "\"} 1\n", c.number[i]);
	}
}

void disks_write(FILE *out, struct sd_json_variant *exports, const void *disks)
{
	struct sd_json_variant *all = sd_json_variant_by_key(exports, "exports");
	const struct disks *d = disks;

	if (!d->is_wanted)
		return;
	print_state(out, d);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		print_number(out, d, &numbers[i]);
	metric_describe(out, "export_nvme", "info", NULL,
			"The NVMe controllers of the disk of an export.");
	for (size_t i = 0; i < sd_json_variant_elements(all); i++)
		print_export(out, sd_json_variant_by_index(all, i));
}
