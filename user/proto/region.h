/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a network process or a storage process takes its role in a region.
 *
 * This header must not know what the process does there.
 */
#ifndef PROTO_REGION_H
#define PROTO_REGION_H

#include <arena/arena.h>
#include <stdint.h>

/* Bytes of the name of a role's view, with its terminating NUL. */
#define PROTO_VIEW_NAME		16U

/**
 * proto_view_name() - the name of the view in which a role alone is writable: np0, sp3
 * @role: PROTO_ROLE_NP() or PROTO_ROLE_SP()
 * @name: filled, PROTO_VIEW_NAME bytes
 */
void proto_view_name(uint32_t role, char *name);

/**
 * proto_open_region() - attach a region and take a role in it
 * @name: of the region
 * @role: PROTO_ROLE_NP() or PROTO_ROLE_SP()
 * @out: the arena, to be closed with arena_close()
 *
 * The region is opened through the role's own view if it has one, and otherwise through its
 * view rw. Whether the layout has the groups that the role needs remains to be checked, see
 * proto_has_np() and proto_has_sp().
 *
 * Return: as arena_open().
 */
int proto_open_region(const char *name, uint32_t role, struct arena **out);

#endif /* PROTO_REGION_H */
