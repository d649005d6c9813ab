/* SPDX-License-Identifier: MIT */
/*
 * Parts of the text of a metric in OpenMetrics. This header must not know what is measured.
 */
#ifndef QUERY_METRIC_H
#define QUERY_METRIC_H

#include <stdio.h>

/* How the names of all metrics begin. */
#define METRIC_PREFIX	"msharearena_"

/**
 * metric_describe() - write what comes before the samples of a metric
 * @out: the text
 * @name: name of the metric, without METRIC_PREFIX
 * @type: its type
 * @unit: its unit, with which the name ends; or NULL
 * @help: what it is
 */
void metric_describe(FILE *out, const char *name, const char *type, const char *unit,
		     const char *help);

/** metric_print_value() - write the value of a label, which may be any text */
void metric_print_value(FILE *out, const char *text);

#endif /* QUERY_METRIC_H */
