/* SPDX-License-Identifier: MIT */
/*
 * The option that says what the lines of the log are. All daemons have it. This header must not
 * know what is logged.
 */
#ifndef COMMON_LOG_OPTIONS_H
#define COMMON_LOG_OPTIONS_H

#include "log.h"
#include "options.h"

/* The words of enum log_format. */
extern const char *const log_format_words[];

/* The option, as part of a program's table; its value is an enum log_format. */
extern const struct option_rule log_rules[];

#endif /* COMMON_LOG_OPTIONS_H */
