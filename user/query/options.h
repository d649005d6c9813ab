/* SPDX-License-Identifier: MIT */
/*
 * The options that name the arenad which is asked. All programs that ask one have them. This header
 * must not know what is asked.
 */
#ifndef QUERY_OPTIONS_H
#define QUERY_OPTIONS_H

#include <common/options.h>

/* The options, as part of a program's table; their values are a struct query_target. */
extern const struct option_rule query_rules[];

#endif /* QUERY_OPTIONS_H */
