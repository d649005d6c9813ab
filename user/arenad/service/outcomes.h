/* SPDX-License-Identifier: MIT */
/*
 * What has come of a reload, as the interface has it. This header must not know who asks.
 */
#ifndef ARENAD_SERVICE_OUTCOMES_H
#define ARENAD_SERVICE_OUTCOMES_H

#include <systemd/sd-json.h>

struct outcome;
struct outcome_last;

/*
 * Each call writes to @out, to be freed with sd_json_variant_unref() also if the call fails.
 * Return: 0 or -errno.
 */

/** outcomes_show() - the reply of the method Reload: an object */
int outcomes_show(const struct outcome *o, struct sd_json_variant **out);

/** outcomes_last() - what GetStatus tells of the last reload: an object */
int outcomes_last(const struct outcome_last *last, struct sd_json_variant **out);

#endif /* ARENAD_SERVICE_OUTCOMES_H */
