/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a network or storage process opens its region: it uses the view of its role, if the region
 * has one.
 *
 * This header must not know which process makes regions and views, nor what lies in a region.
 */
#ifndef PROTO_REGION_H
#define PROTO_REGION_H

#include <arena/open.h>
#include <stdint.h>

/**
 * proto_view_name() - write the name of the view that is made for a role
 * @role: PROTO_ROLE_NP() or PROTO_ROLE_SP()
 * @name: filled with a name such as "np-0" or "sp-3"
 */
void proto_view_name(uint32_t role, char name[MSHARE_VIEW_SIZE]);

/**
 * proto_open_region() - open a region and take a role in it
 * @name: name of the region
 * @role: PROTO_ROLE_NP() or PROTO_ROLE_SP()
 * @layout_fd: the layout, as of arena_layout_seal(); it is closed. The one in the region is not
 *	looked at, as another process may be able to change it
 * @out: the arena; arena_close() closes it and the region
 *
 * The region is opened through the view of the role. A region that has no such view was made by
 * hand, and is opened through its view rw. The call logs which view it opened, and its errors.
 *
 * The role of a process that was killed is free when the last operation on its rings has ended, for
 * which the call waits up to 25 seconds, or until the program is asked to stop.
 *
 * Return: 0 or -errno as of arena_open(); -EACCES if the role's view belongs to another user.
 */
int proto_open_region(const char *name, uint32_t role, int layout_fd, struct arena **out);

/**
 * proto_try_region() - could this process open a region for a role that another one has?
 * @name: name of the region
 * @role: the role
 * @layout_fd: as for proto_open_region(), but it stays open
 *
 * It logs its errors.
 *
 * Return: 0, or what proto_open_region() would return if the role were free.
 */
int proto_try_region(const char *name, uint32_t role, int layout_fd);

/* A region lies at the start of a window of addresses, in which nothing else lies. */
#define PROTO_WINDOW_BYTES	(512ULL << 30)

#endif /* PROTO_REGION_H */
