/* SPDX-License-Identifier: MIT */
/*
 * What can be found wrong before a region is made, which may take minutes.
 */
#ifndef ARENAD_PREFLIGHT_H
#define ARENAD_PREFLIGHT_H

struct arenad_options;

/**
 * arenad_preflight() - are the programs, addresses, disks and limits as they must be?
 *
 * Nothing is kept open, so the processes may still find that something has changed.
 *
 * Return: 0, or -errno when what is wrong has been logged.
 */
int arenad_preflight(const struct arenad_options *o);

#endif /* ARENAD_PREFLIGHT_H */
