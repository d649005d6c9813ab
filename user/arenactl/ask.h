/* SPDX-License-Identifier: MIT */
/*
 * Commands that ask arenad one question and show the answer. This header must not know which.
 */
#ifndef ARENACTL_ASK_H
#define ARENACTL_ASK_H

#include "options.h"

/**
 * ask() - call a method without parameters, and print the answer, with --json as it is
 * @o: command line
 * @method: its name in the interface
 * @show: prints the answer for people
 */
enum query_status ask(const struct arenactl_options *o, const char *method,
		      void (*show)(struct sd_json_variant *reply));

#endif /* ARENACTL_ASK_H */
