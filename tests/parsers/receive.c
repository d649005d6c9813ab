// SPDX-License-Identifier: MIT
/*
 * Goal: arena_receive() reads the struct and nothing else, copies it, and succeeds exactly if
 * every rule holds. It refuses a rule that makes no sense, and reads nothing outside for it.
 * Method: rules and the bytes of a struct come from the input; judge() evaluates the same rules
 * with arithmetic that cannot overflow.
 */
#include <errno.h>
#include <arena/receive.h>

#include "parser.h"

#define MAX_SIZE	32U
#define MAX_RULES	4U

static struct arena_member eat_member(struct input *in, bool is_wild)
{
	static const uint32_t sizes[] = { 1, 2, 4, 8 };
	struct arena_member m;

	if (is_wild) {
		eat(in, &m, sizeof(m));
		return m;
	}
	m.offset = eat_u8(in) % MAX_SIZE;
	m.size = sizes[eat_u8(in) % 4];
	return m;
}

static struct arena_rule eat_rule(struct input *in)
{
	uint8_t how = eat_u8(in);

	return (struct arena_rule){
		.kind = how % (ARENA_RULE_WITHIN + 1),
		.member = eat_member(in, how >= 250),
		.other = eat_member(in, how >= 245),
		.a = how & 8 ? eat_u64(in) : eat_u8(in),
		.b = how & 16 ? eat_u64(in) : eat_u8(in),
	};
}

static bool is_inside(struct arena_member m, size_t size)
{
	return m.size && (uint64_t)m.offset + m.size <= size;
}

static bool is_integer(struct arena_member m, size_t size)
{
	return (m.size == 1 || m.size == 2 || m.size == 4 || m.size == 8) && is_inside(m, size);
}

static uint64_t value_of(const uint8_t *copy, struct arena_member m)
{
	uint64_t value = 0;

	for (uint32_t i = m.size; i; i--)
		value = value << 8 | copy[m.offset + i - 1];
	return value;
}

static bool is_zero(const uint8_t *copy, struct arena_member m)
{
	for (uint32_t i = 0; i < m.size; i++)
		if (copy[m.offset + i])
			return false;
	return true;
}

/* 0, -EPROTO or -EINVAL. */
static int judge(const uint8_t *copy, size_t size, const struct arena_rule *r)
{
	unsigned __int128 sum;
	uint64_t n;
	bool holds;

	if (r->kind == ARENA_RULE_ZERO) {
		if (!is_inside(r->member, size))
			return -EINVAL;
		return is_zero(copy, r->member) ? 0 : -EPROTO;
	}
	if (!is_integer(r->member, size) || (r->kind == ARENA_RULE_MULTIPLE && !r->a) ||
	    (r->kind == ARENA_RULE_WITHIN && !is_integer(r->other, size)))
		return -EINVAL;
	n = value_of(copy, r->member);
	switch (r->kind) {
	case ARENA_RULE_RANGE:
		holds = n >= r->a && n <= r->b;
		break;
	case ARENA_RULE_ONE_OF:
		holds = n < 64 && r->a & 1ULL << n;
		break;
	case ARENA_RULE_MASK:
		holds = !(n & ~r->a);
		break;
	case ARENA_RULE_POWER:
		holds = __builtin_popcountll(n) == 1 && n >= r->a && n <= r->b;
		break;
	case ARENA_RULE_MULTIPLE:
		holds = !(n % r->a);
		break;
	default:
		sum = (unsigned __int128)n + value_of(copy, r->other);
		holds = sum <= r->a;
		break;
	}
	return holds ? 0 : -EPROTO;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	size_t n_rules = eat_u8(&in) % (MAX_RULES + 1), length = eat_u8(&in) % (MAX_SIZE + 1);
	struct arena_rule rules[MAX_RULES];
	/* Each in memory of its exact size, so that the address sanitizer finds other accesses. */
	uint8_t *shared = malloc(length), *copy = malloc(length);
	int want = 0, ret;

	must(!length || (shared && copy));
	for (size_t i = 0; i < n_rules; i++)
		rules[i] = eat_rule(&in);
	eat(&in, shared, length);
	for (size_t i = 0; i < n_rules && !want; i++)
		want = judge(shared, length, &rules[i]);
	ret = arena_receive(copy, shared, length, rules, n_rules);
	must(ret == want);
	must(!length || !memcmp(copy, shared, length));
	free(shared);
	free(copy);
	return 0;
}
