/* SPDX-License-Identifier: MIT */
/*
 * What arenad tells of its processes, as the interface has it. This header must not know who asks.
 */
#ifndef ARENAD_SERVICE_REPORT_H
#define ARENAD_SERVICE_REPORT_H

#include <systemd/sd-json.h>

struct crew;

/*
 * Each call writes an array to @out, to be freed with sd_json_variant_unref() also if the call
 * fails. Return: 0 or -errno.
 */

/** report_processes() - all processes */
int report_processes(const struct crew *c, struct sd_json_variant **out);

/** report_exports() - all exports */
int report_exports(const struct crew *c, struct sd_json_variant **out);

/** report_channels() - the channels of all pairs */
int report_channels(const struct crew *c, struct sd_json_variant **out);

/** report_region() - the region: an object, and no array */
int report_region(const struct crew *c, struct sd_json_variant **out);

#endif /* ARENAD_SERVICE_REPORT_H */
