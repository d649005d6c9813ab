/* SPDX-License-Identifier: MIT */
/*
 * The commands of arenactl.
 */
#ifndef ARENACTL_COMMANDS_H
#define ARENACTL_COMMANDS_H

#include "options.h"

/* They ask arenad: ask.c */
arenactl_command command_status;
arenactl_command command_channels;
arenactl_command command_counters;
arenactl_command command_groups;
arenactl_command command_metrics;

/* It lists exports, and drains one: exports.c */
arenactl_command command_exports;

/* It lists connections, and ends one: clients.c */
arenactl_command command_clients;

/* It lists who may connect, and changes that: peers.c */
arenactl_command command_peers;

/* It sums up what arenad tells: latency.c */
arenactl_command command_latency;

/* It shows what changes, again and again: top.c */
arenactl_command command_top;

/* It asks the module: regions.c */
arenactl_command command_regions;

/* It looks at the machine: doctor.c */
arenactl_command command_doctor;

/* It runs bpftrace: trace.c */
arenactl_command command_trace;

/* They have arenad do something: steer.c */
arenactl_command command_reload;
arenactl_command command_upgrade;
arenactl_command command_stop;

#endif /* ARENACTL_COMMANDS_H */
