/* SPDX-License-Identifier: MIT */
/*
 * The commands of arenactl.
 */
#ifndef ARENACTL_COMMANDS_H
#define ARENACTL_COMMANDS_H

#include "options.h"

/* What arenad tells: ask.c */
arenactl_command command_status;
arenactl_command command_exports;
arenactl_command command_channels;

/* What the module tells: regions.c */
arenactl_command command_regions;

/* What the machine is like: doctor.c */
arenactl_command command_doctor;

/* What arenad does: steer.c */
arenactl_command command_reload;
arenactl_command command_upgrade;
arenactl_command command_stop;

#endif /* ARENACTL_COMMANDS_H */
