/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How network processes (NP) and storage processes (SP) share a region: their roles, and the uses
 * and sizes of their groups.
 *
 * This header must not know what the processes say to each other (record.h), nor anything of
 * their clients and disks.
 */
#ifndef PROTO_LAYOUT_H
#define PROTO_LAYOUT_H

#include <arena/channel.h>
#include <arena/layout.h>
#include <stdbool.h>
#include <stdint.h>

#define PROTO_CLASS_NP		0U
#define PROTO_CLASS_SP		1U
#define PROTO_ROLE_NP(i)	ARENA_ROLE(PROTO_CLASS_NP, i)
#define PROTO_ROLE_SP(i)	ARENA_ROLE(PROTO_CLASS_SP, i)

/* A region has so many NPs and SPs at most, and a channel for each pair of them. */
#define PROTO_MAX_NPS		16U
#define PROTO_MAX_SPS		32U

/**
 * enum proto_use - what a group is for
 * @PROTO_USE_NET: network buffers of an NP, for received headers and for headers of replies
 * @PROTO_USE_PAYLOAD: buffers of an NP for payloads of WRITEs
 * @PROTO_USE_DISK: buffers of an SP for data of READs of one NP
 * @PROTO_USE_RECORD: records: requests of an NP; replies of an SP to one NP, and its struct
 *	proto_disk at first
 * @PROTO_USE_FLIGHT: an SP's table of results for one NP, see flight.h. Nobody is lent it
 * @PROTO_USE_LENT: an NP's table of which SP has which of its payload, a byte for each buffer, for
 *	its successor. Nobody is lent it
 *
 * An SP has groups of its own for each NP. So an NP that is dead, slow or hostile keeps no buffer
 * from the others.
 */
enum proto_use {
	PROTO_USE_NET = 1,
	PROTO_USE_PAYLOAD = 2,
	PROTO_USE_DISK = 3,
	PROTO_USE_RECORD = 4,
	PROTO_USE_FLIGHT = 5,
	PROTO_USE_LENT = 6,
};

#define PROTO_NET_BUFFER	512U
#define PROTO_DISK_BUFFER	4096U
/* A buffer holds one record. */
#define PROTO_RECORD_BUFFER	64U
/* A buffer holds four results. */
#define PROTO_FLIGHT_BUFFER	PROTO_RECORD_BUFFER
#define PROTO_FLIGHTS_A_BUFFER	4U
/* A buffer tells of so many buffers of payload. */
#define PROTO_LENT_BUFFER	64U

/*
 * A process has two records for each request that may be in flight, because its peer may hold a
 * quarter of them (returns.h), and the free ones need not lie side by side.
 */
#define PROTO_RECORDS_A_REQUEST	2U

/* With more network buffers no channel would have room for proto_window() messages. */
#define PROTO_MAX_NET_COUNT	((ARENA_CHANNEL_MAX_ENTRIES - 8) / 4)

/**
 * struct proto_counts - how many processes and buffers a region has
 * @nps: number of network processes
 * @sps: number of storage processes
 * @net_buffers: network buffers of each NP, as many as requests that it serves at a time
 * @np_bytes: bytes of the part of each NP, 0 for the usual part
 * @sp_bytes: bytes of the part of each SP; those with 0 divide equally what the others leave
 */
struct proto_counts {
	uint32_t nps;
	uint32_t sps;
	uint32_t net_buffers;
	uint64_t np_bytes;
	uint64_t sp_bytes[PROTO_MAX_SPS];
};

/**
 * proto_config_init() - describe a region of NPs and SPs
 * @c: filled; the caller may change it and gives it to arena_layout_make()
 * @length: bytes of the region that have memory
 * @n: how many processes and buffers there are
 *
 * Unless @n says otherwise, a fifth of the region belongs to the NPs (4 GiB of 20), or less or more
 * if all processes cannot work with that; the rest belongs to the SPs, each of which divides its
 * part among the NPs. If @n says it of all SPs, and not of the NPs, these have the rest.
 */
void proto_config_init(struct arena_config *c, uint64_t length, const struct proto_counts *n);

/**
 * proto_group_of_np() - find a group of NP @i, or -ENOENT
 * @l: checked layout
 * @i: number of the NP
 * @use: PROTO_USE_NET, PROTO_USE_PAYLOAD, PROTO_USE_RECORD or PROTO_USE_LENT
 *
 * A large region has several groups for payload; the call finds the first of them.
 */
int proto_group_of_np(const struct arena_layout *l, unsigned int i, enum proto_use use);

/**
 * proto_config_align() - begin the part of each process at a page
 * @c: filled by proto_config_init()
 * @page_size: bytes of the region's pages
 *
 * Then no page has two writers, and each role can have a view (arena_make_view()). The layout has
 * pages of its own where pages are not larger than 2 MiB. Parts of a given size are made larger
 * until they are whole pages.
 */
void proto_config_align(struct arena_config *c, uint64_t page_size);

/**
 * proto_least_bytes() - the smallest part with which a process can work
 * @c: filled by proto_config_init(), and by proto_config_align() if that is called
 * @class: PROTO_CLASS_NP or PROTO_CLASS_SP
 *
 * The part of each NP has room for the layout, which lies in that of the first one.
 *
 * Return: bytes, a multiple of @c->align.
 */
uint64_t proto_least_bytes(const struct arena_config *c, uint32_t class);

/**
 * proto_groups_of_sp() - how many groups SP @i has for each NP
 * @l: checked layout
 * @i: number of the SP
 * @use: PROTO_USE_DISK, PROTO_USE_RECORD or PROTO_USE_FLIGHT
 *
 * Return: their number; 0 if there are none, or if they cannot be divided equally.
 */
uint32_t proto_groups_of_sp(const struct arena_layout *l, unsigned int i, enum proto_use use);

/**
 * proto_group_of_sp() - find a group of SP @i, or -ENOENT
 * @l: checked layout
 * @i: number of the SP
 * @np: number of the NP that it is for
 * @use: PROTO_USE_DISK, PROTO_USE_RECORD or PROTO_USE_FLIGHT
 *
 * A large region has several groups for data of READs. They follow each other, and the call finds
 * the first of them.
 */
int proto_group_of_sp(const struct arena_layout *l, unsigned int i, unsigned int np,
		      enum proto_use use);

/** proto_buffers_of_sp() - how many buffers SP @i has for a use, for each NP */
uint32_t proto_buffers_of_sp(const struct arena_layout *l, unsigned int i, enum proto_use use);

/** proto_nps() - how many NPs a layout has */
static inline uint32_t proto_nps(const struct arena_layout *l)
{
	return l->processes[PROTO_CLASS_NP];
}

/** proto_has_np() - does the layout have the groups of NP @i, as NP and SP expect them? */
bool proto_has_np(const struct arena_layout *l, unsigned int i);

/** proto_has_sp() - does SP @i have the groups for each NP, as NP and SP expect them? */
bool proto_has_sp(const struct arena_layout *l, unsigned int i);

/**
 * proto_requests() - requests that one NP may have in flight at an SP
 * @l: checked layout, which has the groups of the NPs
 */
uint32_t proto_requests(const struct arena_layout *l);

/**
 * proto_window() - messages that may be on their way between NP and SP
 * @requests: proto_requests()
 *
 * For each request in flight there may be three messages of the NP that the SP has not received
 * yet: the RETURN of the last reply, the RETURN of its data and the next REQUESTS. There are also
 * the HELLO and the RETURN of the SP's HELLO. An SP sends fewer messages. Messages are acknowledged
 * when a quarter of the window has been received, so received ones need room, too.
 */
static inline uint32_t proto_window(uint32_t requests)
{
	return 4 * requests + 8;
}

#endif /* PROTO_LAYOUT_H */
