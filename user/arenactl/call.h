/* SPDX-License-Identifier: MIT */
/*
 * Calls of arenad's Varlink service. Errors are written to standard error, for people. This header
 * must not know the commands.
 */
#ifndef ARENACTL_CALL_H
#define ARENACTL_CALL_H

#include <stdbool.h>
#include <systemd/sd-varlink.h>

#include "options.h"

/**
 * call_open() - connect to arenad
 * @o: which one, and how long it may take to answer a call
 * @is_quiet: write no error
 * @link: the connection, to be closed with sd_varlink_close_unref(); NULL if there is none
 */
enum arenactl_exit call_open(const struct arenactl_options *o, bool is_quiet,
			     struct sd_varlink **link);

/**
 * call_method() - call a method without parameters
 * @link: the connection
 * @method: its name in the interface
 * @is_quiet: write no error
 * @reply: the answer, which belongs to @link; NULL if it is of no interest
 */
enum arenactl_exit call_method(struct sd_varlink *link, const char *method, bool is_quiet,
			       struct sd_json_variant **reply);

#endif /* ARENACTL_CALL_H */
