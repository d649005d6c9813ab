/* SPDX-License-Identifier: MIT */
/*
 * All numbers that arenad tells, as OpenMetrics, which Prometheus and others read. This header must
 * not know where the text goes.
 */
#ifndef QUERY_OPENMETRICS_H
#define QUERY_OPENMETRICS_H

#include <stdbool.h>
#include <stdio.h>
#include <systemd/sd-json.h>

#include "call.h"

#define OPENMETRICS_TYPE	"application/openmetrics-text; version=1.0.0; charset=utf-8"

/**
 * struct openmetrics_more - metrics that do not come from arenad
 * @write: writes them; gets the answer to ListExports
 * @context: whatever
 */
struct openmetrics_more {
	void (*write)(FILE *out, struct sd_json_variant *exports, const void *context);
	const void *context;
};

/**
 * openmetrics_write() - ask arenad, and write what it tells
 * @out: the text, which is complete only if the call succeeds
 * @t: the arenad that is asked
 * @is_quiet: write no error
 * @more: what else is to be in the text, or NULL
 */
enum query_status openmetrics_write(FILE *out, const struct query_target *t, bool is_quiet,
				    const struct openmetrics_more *more);

#endif /* QUERY_OPENMETRICS_H */
