// SPDX-License-Identifier: LGPL-2.1-or-later
#include <arena/receive.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <arena/snapshot.h>

static bool is_inside(struct arena_member m, size_t size)
{
	return m.size && m.offset < size && m.size <= size - m.offset;
}

static bool is_integer(struct arena_member m, size_t size)
{
	return is_inside(m, size) && m.size <= sizeof(uint64_t) && !(m.size & (m.size - 1));
}

static bool makes_sense(const struct arena_rule *r, size_t size)
{
	switch (r->kind) {
	case ARENA_RULE_ZERO:
		return is_inside(r->member, size);
	case ARENA_RULE_MULTIPLE:
		return is_integer(r->member, size) && r->a;
	case ARENA_RULE_WITHIN:
		return is_integer(r->member, size) && is_integer(r->other, size);
	default:
		return is_integer(r->member, size);
	}
}

static uint64_t value_of(const void *copy, struct arena_member m)
{
	const char *at = (const char *)copy + m.offset;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (m.size) {
	case sizeof(u8):
		memcpy(&u8, at, sizeof(u8));
		return u8;
	case sizeof(u16):
		memcpy(&u16, at, sizeof(u16));
		return u16;
	case sizeof(u32):
		memcpy(&u32, at, sizeof(u32));
		return u32;
	default:
		memcpy(&u64, at, sizeof(u64));
		return u64;
	}
}

static bool is_zero(const void *copy, struct arena_member m)
{
	const char *at = (const char *)copy + m.offset;

	/* The first byte is 0, and each other one is what the one before it is. */
	return !at[0] && !memcmp(at, at + 1, m.size - 1);
}

static bool holds(const void *copy, const struct arena_rule *r)
{
	uint64_t value, other;

	if (r->kind == ARENA_RULE_ZERO)
		return is_zero(copy, r->member);
	value = value_of(copy, r->member);
	switch (r->kind) {
	case ARENA_RULE_RANGE:
		return value >= r->a && value <= r->b;
	case ARENA_RULE_ONE_OF:
		return value < 64 && r->a >> value & 1;
	case ARENA_RULE_MASK:
		return !(value & ~r->a);
	case ARENA_RULE_POWER:
		return value && !(value & (value - 1)) && value >= r->a && value <= r->b;
	case ARENA_RULE_MULTIPLE:
		return !(value % r->a);
	case ARENA_RULE_WITHIN:
		other = value_of(copy, r->other);
		return value <= r->a && other <= r->a - value;
	default:
		return false;
	}
}

int arena_check(const void *copy, size_t size, const struct arena_rule *rules,
		size_t n_rules, size_t *broken)
{
	for (size_t i = 0; i < n_rules; i++) {
		bool sense = makes_sense(&rules[i], size);

		if (sense && holds(copy, &rules[i]))
			continue;
		if (broken)
			*broken = i;
		return sense ? -EPROTO : -EINVAL;
	}
	return 0;
}

int arena_receive(void *copy, const void *shared, size_t size,
		  const struct arena_rule *rules, size_t n_rules)
{
	arena_snapshot(copy, shared, size);
	return arena_check(copy, size, rules, n_rules, NULL);
}
