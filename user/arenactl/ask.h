/* SPDX-License-Identifier: MIT */
/*
 * Commands that ask arenad one question and show the answer, or have it do one thing. This header
 * must not know which.
 */
#ifndef ARENACTL_ASK_H
#define ARENACTL_ASK_H

#include <signal.h>

#include "options.h"

/**
 * ask() - call a method without parameters, and print the answer, with --json as it is
 * @o: command line
 * @method: its name in the interface
 * @show: prints the answer for people
 */
enum query_status ask(const struct arenactl_options *o, const char *method,
		      void (*show)(struct sd_json_variant *reply));

/**
 * ask_to() - call a method that changes something, and answers nothing
 * @o: command line
 * @method: its name in the interface
 * @err: what has made @parameters: negative if it could not
 * @parameters: given up by the call
 */
enum query_status ask_to(const struct arenactl_options *o, const char *method, int err,
			 struct sd_json_variant *parameters);

/**
 * hold_signals() - block those that would end arenactl, while something is half done
 * @set: the signals, for SIG_UNBLOCK
 */
void hold_signals(sigset_t *set);

#endif /* ARENACTL_ASK_H */
