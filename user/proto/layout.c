// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/layout.h>

#include <assert.h>
#include <errno.h>
#include <proto/flight.h>
#include <proto/record.h>

static_assert(sizeof(struct proto_request) == PROTO_RECORD_BUFFER &&
	      sizeof(struct proto_reply) == PROTO_RECORD_BUFFER &&
	      sizeof(struct proto_disk) == PROTO_RECORD_BUFFER, "a buffer holds a record");
static_assert(sizeof(struct proto_flight) * PROTO_FLIGHTS_A_BUFFER == PROTO_FLIGHT_BUFFER,
	      "a buffer is full of results");
static_assert(PROTO_LENT_BUFFER == PROTO_RECORD_BUFFER, "see buffer_size_of()");
static_assert(PROTO_MAX_NET_COUNT <= 1U << PROTO_SLOT_BITS, "a tag names each request");

#define PAGE	4096ULL
#define PAGE_2M	(2ULL << 20)

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * The layout lies in the part of the first NP, in pages of its own unless they are large, see
 * struct arena_config. All NPs get parts of one size.
 */
static uint64_t layout_bytes(const struct arena_config *c, uint32_t class)
{
	if (class != PROTO_CLASS_NP)
		return 0;
	return round_up(sizeof(struct arena_layout), c->align <= PAGE_2M ? c->align : PAGE);
}

/*
 * A process needs channels with the processes of the other class, whose buffers lie at multiples of
 * their size, its groups of known sizes, and longest extents.
 */
uint64_t proto_least_bytes(const struct arena_config *c, uint32_t class)
{
	const struct arena_class_config *cc = &c->classes[class];
	uint32_t others = c->classes[PROTO_CLASS_NP + PROTO_CLASS_SP - class].processes;
	uint64_t parts = cc->parts ? cc->parts : 1;
	uint64_t bytes = arena_control_bytes(c->channel_entries) * (others + 1ULL);

	for (uint32_t i = 0; cc->group[i].count; i++)
		bytes += parts * round_up(cc->group[i].buffer_size * cc->group[i].count, PAGE);
	return round_up(layout_bytes(c, class) + bytes + parts * c->longest_extent, c->align);
}

static uint64_t least_of_sps(const struct arena_config *c)
{
	const struct arena_class_config *cc = &c->classes[PROTO_CLASS_SP];
	uint64_t least = proto_least_bytes(c, PROTO_CLASS_SP), bytes = 0;

	for (uint32_t i = 0; i < cc->processes; i++)
		bytes += max_u64(cc->each[i], least);
	return bytes;
}

static bool all_sps_have_parts(const struct arena_config *c)
{
	const struct arena_class_config *cc = &c->classes[PROTO_CLASS_SP];

	for (uint32_t i = 0; i < cc->processes; i++)
		if (!cc->each[i])
			return false;
	return true;
}

/*
 * The NPs get what was asked for, or else what the SPs leave if each of these has a given part, or
 * else a fifth of the region. If it is small, all get what they need.
 */
static uint64_t bytes_of_nps(const struct arena_config *c)
{
	const struct arena_class_config *cc = &c->classes[PROTO_CLASS_NP];
	uint64_t least = cc->processes * proto_least_bytes(c, PROTO_CLASS_NP);
	uint64_t others = least_of_sps(c), bytes = c->length / 5;
	uint64_t step = cc->processes * c->align;

	assert(step);
	if (cc->each[0])
		return cc->processes * cc->each[0];
	if (bytes + others > c->length || all_sps_have_parts(c))
		bytes = c->length > others ? c->length - others : 0;
	bytes -= bytes % step;
	return max_u64(bytes, least);
}

/* The rings of a channel must hold a whole window. */
static uint32_t entries_for(uint32_t window)
{
	uint32_t entries = 64;

	while (entries < window)
		entries *= 2;
	return entries;
}

void proto_config_init(struct arena_config *c, uint64_t length, const struct proto_counts *n)
{
	uint64_t records = PROTO_RECORDS_A_REQUEST * (uint64_t)n->net_buffers;
	uint64_t flights = round_up(n->net_buffers + PROTO_FLIGHTS_MORE, PROTO_FLIGHTS_A_BUFFER) /
			   PROTO_FLIGHTS_A_BUFFER;
	/* No NP has more payload than the region has memory. */
	uint64_t lent = length / PROTO_DISK_BUFFER / PROTO_LENT_BUFFER + 1;

	*c = (struct arena_config){
		.size = sizeof(*c),
		.length = length,
		/* The longest request need not begin on a buffer's boundary. */
		.longest_extent = PROTO_MAX_BYTES + PROTO_DISK_BUFFER,
		.channel_entries = entries_for(proto_window(n->net_buffers)),
		.classes = {
			[PROTO_CLASS_NP] = {
				.processes = n->nps,
				.group = {
					{ PROTO_USE_NET, PROTO_NET_BUFFER, n->net_buffers },
					{ PROTO_USE_RECORD, PROTO_RECORD_BUFFER, records },
					{ PROTO_USE_LENT, PROTO_LENT_BUFFER, lent },
					{ PROTO_USE_PAYLOAD, PROTO_DISK_BUFFER, 0 },
				},
			},
			[PROTO_CLASS_SP] = {
				.processes = n->sps,
				.parts = n->nps,
				.group = {
					{ PROTO_USE_RECORD, PROTO_RECORD_BUFFER, records },
					{ PROTO_USE_FLIGHT, PROTO_FLIGHT_BUFFER, flights },
					{ PROTO_USE_DISK, PROTO_DISK_BUFFER, 0 },
				},
			},
		},
	};
	for (uint32_t i = 0; i < n->nps; i++)
		c->classes[PROTO_CLASS_NP].each[i] = n->np_bytes;
	for (uint32_t i = 0; i < n->sps; i++)
		c->classes[PROTO_CLASS_SP].each[i] = n->sp_bytes[i];
	proto_config_align(c, PAGE);
}

int proto_group_of_np(const struct arena_layout *l, unsigned int i, enum proto_use use)
{
	return arena_layout_find(l, PROTO_ROLE_NP(i), use, 0);
}

static void round_each(struct arena_class_config *class, uint64_t page_size)
{
	for (uint32_t i = 0; i < class->processes; i++)
		class->each[i] = round_up(class->each[i], page_size);
}

void proto_config_align(struct arena_config *c, uint64_t page_size)
{
	c->align = page_size;
	round_each(&c->classes[PROTO_CLASS_NP], page_size);
	round_each(&c->classes[PROTO_CLASS_SP], page_size);
	c->classes[PROTO_CLASS_NP].bytes = bytes_of_nps(c);
}

uint32_t proto_groups_of_sp(const struct arena_layout *l, unsigned int i, enum proto_use use)
{
	uint32_t n = 0;

	while (arena_layout_find(l, PROTO_ROLE_SP(i), use, n) >= 0)
		n++;
	return n % proto_nps(l) ? 0 : n / proto_nps(l);
}

int proto_group_of_sp(const struct arena_layout *l, unsigned int i, unsigned int np,
		      enum proto_use use)
{
	uint32_t n = proto_groups_of_sp(l, i, use);

	return n && np < proto_nps(l) ? arena_layout_find(l, PROTO_ROLE_SP(i), use, np * n) :
					-ENOENT;
}

uint32_t proto_buffers_of_sp(const struct arena_layout *l, unsigned int i, enum proto_use use)
{
	int group = proto_group_of_sp(l, i, 0, use);

	return group < 0 ? 0 : l->group[group].count * proto_groups_of_sp(l, i, use);
}

static uint32_t buffer_size_of(enum proto_use use)
{
	switch (use) {
	case PROTO_USE_NET:
		return PROTO_NET_BUFFER;
	case PROTO_USE_RECORD:
	case PROTO_USE_FLIGHT:
	case PROTO_USE_LENT:
		return PROTO_RECORD_BUFFER;
	default:
		return PROTO_DISK_BUFFER;
	}
}

/* Does a role have a group for a use, and do all such groups have the right size of buffers? */
static bool has_groups(const struct arena_layout *l, uint32_t role, enum proto_use use)
{
	uint32_t nth = 0;
	int group;

	while ((group = arena_layout_find(l, role, use, nth)) >= 0) {
		if (l->group[group].buffer_size != buffer_size_of(use))
			return false;
		nth++;
	}
	return nth > 0;
}

/* Does the table of an NP tell of all of its payload? */
static bool has_lent(const struct arena_layout *l, uint32_t role)
{
	int lent = arena_layout_find(l, role, PROTO_USE_LENT, 0), group;
	uint64_t payload = 0;

	if (!has_groups(l, role, PROTO_USE_LENT))
		return false;
	for (uint32_t i = 0; (group = arena_layout_find(l, role, PROTO_USE_PAYLOAD, i)) >= 0; i++)
		payload += l->group[group].count;
	return (uint64_t)l->group[lent].count * PROTO_LENT_BUFFER >= payload;
}

bool proto_has_np(const struct arena_layout *l, unsigned int i)
{
	uint32_t role = PROTO_ROLE_NP(i);

	return has_groups(l, role, PROTO_USE_NET) && has_groups(l, role, PROTO_USE_RECORD) &&
	       has_groups(l, role, PROTO_USE_PAYLOAD) && has_lent(l, role);
}

/* Does an SP have a result for each request in flight of an NP, and the other entries? */
static bool has_flights(const struct arena_layout *l, unsigned int i)
{
	return has_groups(l, PROTO_ROLE_SP(i), PROTO_USE_FLIGHT) &&
	       proto_groups_of_sp(l, i, PROTO_USE_FLIGHT) == 1 &&
	       (uint64_t)proto_buffers_of_sp(l, i, PROTO_USE_FLIGHT) * PROTO_FLIGHTS_A_BUFFER >=
	       (uint64_t)proto_requests(l) + PROTO_FLIGHTS_MORE;
}

bool proto_has_sp(const struct arena_layout *l, unsigned int i)
{
	uint32_t role = PROTO_ROLE_SP(i);

	return has_groups(l, role, PROTO_USE_DISK) && has_groups(l, role, PROTO_USE_RECORD) &&
	       proto_groups_of_sp(l, i, PROTO_USE_DISK) &&
	       proto_groups_of_sp(l, i, PROTO_USE_RECORD) == 1 && has_flights(l, i);
}

uint32_t proto_requests(const struct arena_layout *l)
{
	int group = proto_group_of_np(l, 0, PROTO_USE_RECORD);

	return group < 0 ? 0 : l->group[group].count / PROTO_RECORDS_A_REQUEST;
}
