/* SPDX-License-Identifier: MIT */
/*
 * Which export has which SP. The region has a part for each of --exports-max SPs, and an export
 * keeps the one that it has got, whatever other exports are added and removed. An entry of the
 * exports that none has is vacant. This header must not know of processes.
 */
#ifndef ARENAD_SLOTS_H
#define ARENAD_SLOTS_H

#include <stdint.h>

#include "options.h"

/**
 * struct slots_change - exports that are others than those before
 * @added: bits of the entries that have an export now, and had none
 * @removed: bits of the entries that are vacant now
 * @exports: the exports; their texts belong to the options that they come from
 * @disk: their disks, likewise
 */
struct slots_change {
	uint32_t added;
	uint32_t removed;
	struct export_set exports;
	struct arenad_disk disk[PROTO_MAX_SPS];
};

/** slots_fill() - add vacant entries, so that there are --exports-max */
void slots_fill(struct arenad_options *o);

/**
 * slots_follow() - put exports where the processes that run have them
 * @o: options
 * @shape: shape_text() of the options of these processes
 *
 * Exports that they do not have come into vacant entries. Without --exports-max there are as many
 * entries as they have, and an entry without --disk-memory has what theirs has.
 */
void slots_follow(struct arenad_options *o, const char *shape);

/**
 * slots_change() - find out what is to change for other exports
 * @o: the exports as they are
 * @wanted: the exports as they are to be, in any order
 * @usable: bits of the vacant entries in which a process could begin now
 * @c: filled
 *
 * An export whose disk has changed keeps the one that it has. Errors are logged.
 *
 * Return: 0; -ENOSPC if there is no room for all; another -errno if the disk of an export that is
 * added cannot be served.
 */
int slots_change(const struct arenad_options *o, const struct arenad_options *wanted,
		 uint32_t usable, struct slots_change *c);

#endif /* ARENAD_SLOTS_H */
