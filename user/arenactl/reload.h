/* SPDX-License-Identifier: MIT */
/*
 * A reload, and what its reply says. This header must not know who wants to have files read.
 */
#ifndef ARENACTL_RELOAD_H
#define ARENACTL_RELOAD_H

#include <query/call.h>
#include <systemd/sd-json.h>

#include "options.h"

/**
 * reload_ask() - have arenad read its files again
 * @o: which arenad
 * @is_trial: only ask what that would change
 * @is_quiet: write no error
 * @reply: the reply, to be freed with sd_json_variant_unref(); NULL if that failed
 */
enum query_status reload_ask(const struct arenactl_options *o, bool is_trial, bool is_quiet,
			     struct sd_json_variant **reply);

/** reload_warn_of_kept() - name the options that stay as they were; returns how many there are */
size_t reload_warn_of_kept(struct sd_json_variant *reply);

#endif /* ARENACTL_RELOAD_H */
