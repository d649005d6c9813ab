/* SPDX-License-Identifier: MIT */
/*
 * Exports: the disks that clients can name, one for each SP. This header must not know of
 * any protocol that clients speak.
 */
#ifndef NP_EXPORT_H
#define NP_EXPORT_H

#include <exports/options.h>
#include <proto/layout.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

/**
 * struct export - a disk as clients see it
 * @name: its name; "" if there is no such export at the moment
 * @description: a text for people; may be empty
 * @is_readonly: refuses to be changed
 * @is_rotational: has a seek time
 * @can_discard: can forget the contents of a range
 * @can_zero: can let a range read as zeroes
 * @is_served: it has a disk, since its SP lives; false from the SP's end on
 * @is_hidden: without a disk it is as if it did not exist; else clients are told
 * @is_closed: it takes no clients: for them it does not exist
 */
struct export {
	char name[EXPORT_NAME_MAX + 1];
	char description[EXPORT_DESCRIPTION_MAX + 1];
	bool is_readonly;
	bool is_rotational;
	bool can_discard;
	bool can_zero;
	bool is_served;
	bool is_hidden;
	bool is_closed;
};

/**
 * struct export_table - all exports, in the order of SP ids
 * @n: used entries of @export
 * @by_default: the one that has the empty name, too; or -1
 * @export: the entries
 */
struct export_table {
	unsigned int n;
	int by_default;
	struct export export[PROTO_MAX_SPS];
};

/**
 * export_find() - the export of a name as a client sent it
 * @t: table
 * @name: @length bytes, not terminated; no bytes mean the default export
 * @length: bytes of @name
 *
 * Return: the SP's id, or -1 if there is none.
 */
int export_find(const struct export_table *t, const void *name, size_t length);

/** export_show_as() - take from the options what an export is called, and who sees it */
void export_show_as(struct export *e, const struct export_options *o);

/** export_is_shown() - do clients that may use the export see it? */
static inline bool export_is_shown(const struct export *e)
{
	return !e->is_closed && (e->is_served || !e->is_hidden);
}

#endif /* NP_EXPORT_H */
