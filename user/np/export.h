/* SPDX-License-Identifier: MIT */
/*
 * Exports: the disks that clients can name, one for each SP. This header must not know of
 * any protocol that clients speak.
 */
#ifndef NP_EXPORT_H
#define NP_EXPORT_H

#include <proto/layout.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

/**
 * struct export - a disk as clients see it
 * @name: its name, not empty
 * @description: a text for people; may be empty
 * @bytes: its size
 * @is_readonly: refuses to be changed
 * @is_rotational: has a seek time
 * @can_discard: can forget the contents of a range
 * @can_zero: can let a range read as zeroes
 * @is_served: its SP lives; false from the SP's end on, and never true again
 */
struct export {
	char name[EXPORT_NAME_MAX + 1];
	char description[EXPORT_DESCRIPTION_MAX + 1];
	uint64_t bytes;
	bool is_readonly;
	bool is_rotational;
	bool can_discard;
	bool can_zero;
	bool is_served;
};

/**
 * struct export_table - all exports, in the order of SP ids
 * @n: used entries of @export
 * @export: the entries; the first is the default one
 */
struct export_table {
	unsigned int n;
	struct export export[PROTO_MAX_SPS];
};

/**
 * export_find() - the export of a name as a client sent it
 * @t: table
 * @name: @length bytes, not terminated; no bytes mean the default export
 * @length: bytes of @name
 *
 * Return: the SP's id, or -1 if there is none or its SP is gone.
 */
int export_find(const struct export_table *t, const void *name, size_t length);

#endif /* NP_EXPORT_H */
