/* SPDX-License-Identifier: MIT */
/*
 * Checks before a region is made, which may take minutes. This header must not know how regions
 * are made or processes run.
 */
#ifndef ARENAD_PREFLIGHT_H
#define ARENAD_PREFLIGHT_H

struct arenad_disk;
struct arenad_options;
struct export_options;

/**
 * arenad_preflight() - check the programs, addresses, disks and limits
 *
 * It keeps nothing open, so a process may still find that something has changed since.
 *
 * Return: 0, or -errno after it has logged what is wrong.
 */
int arenad_preflight(const struct arenad_options *o);

/** preflight_check_disk() - the same for the disk of an export alone */
int preflight_check_disk(const struct arenad_disk *disk, const struct export_options *e);

#endif /* ARENAD_PREFLIGHT_H */
