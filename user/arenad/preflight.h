/* SPDX-License-Identifier: MIT */
/*
 * Checks before a region is made, which may take minutes. This header must not know how regions
 * are made or processes run.
 */
#ifndef ARENAD_PREFLIGHT_H
#define ARENAD_PREFLIGHT_H

struct arenad_options;

/**
 * arenad_preflight() - check the programs, addresses, disks and limits
 *
 * It keeps nothing open, so a process may still find that something has changed since.
 *
 * Return: 0, or -errno after it has logged what is wrong.
 */
int arenad_preflight(const struct arenad_options *o);

#endif /* ARENAD_PREFLIGHT_H */
