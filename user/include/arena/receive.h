/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A struct out of memory that a peer may be writing: copied once, the copy checked.
 *
 *	static const struct arena_rule rules[] = {
 *		ARENA_RANGE(struct thing, length, 1, 4096),
 *		ARENA_MASK(struct thing, flags, THING_FLAGS),
 *		ARENA_WITHIN(struct thing, from, length, BUFFER),
 *		ARENA_ZERO(struct thing, reserved),
 *	};
 *	struct thing copy;
 *
 *	ret = arena_receive(&copy, shared, sizeof(copy), rules, ARENA_N_RULES(rules));
 *
 * Members are integers of 1, 2, 4 or 8 bytes in the byte order of the machine, and
 * are taken as unsigned.
 */
#ifndef ARENA_RECEIVE_H
#define ARENA_RECEIVE_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum arena_rule_kind - what a member must be
 * @ARENA_RULE_RANGE: from @a to @b
 * @ARENA_RULE_ONE_OF: a number below 64 whose bit is set in @a
 * @ARENA_RULE_MASK: without bits that are not in @a
 * @ARENA_RULE_ZERO: 0 in all of its bytes, of which there may be any number
 * @ARENA_RULE_POWER: a power of two from @a to @b
 * @ARENA_RULE_MULTIPLE: a multiple of @a
 * @ARENA_RULE_WITHIN: together with another member at most @a
 */
enum arena_rule_kind {
	ARENA_RULE_RANGE,
	ARENA_RULE_ONE_OF,
	ARENA_RULE_MASK,
	ARENA_RULE_ZERO,
	ARENA_RULE_POWER,
	ARENA_RULE_MULTIPLE,
	ARENA_RULE_WITHIN,
};

/**
 * struct arena_member - where a member lies
 * @offset: bytes from the start of the struct
 * @size: its bytes
 */
struct arena_member {
	uint32_t offset;
	uint32_t size;
};

/**
 * struct arena_rule - what must hold of a member
 * @kind: enum arena_rule_kind
 * @member: which
 * @other: ARENA_RULE_WITHIN: the other one
 * @a: see @kind
 * @b: see @kind
 */
struct arena_rule {
	enum arena_rule_kind kind;
	struct arena_member member;
	struct arena_member other;
	uint64_t a;
	uint64_t b;
};

#define ARENA_MEMBER(type, name) \
	{ offsetof(type, name), sizeof(((type *)0)->name) }
#define ARENA_RULE(kind_, type, name, a_, b_) \
	{ .kind = (kind_), .member = ARENA_MEMBER(type, name), .a = (a_), .b = (b_) }

/* From min to max, both allowed; an enum without gaps, too. */
#define ARENA_RANGE(type, name, min, max) \
	ARENA_RULE(ARENA_RULE_RANGE, type, name, min, max)
#define ARENA_EXACTLY(type, name, value)	ARENA_RANGE(type, name, value, value)
/* 0 or 1: to be read as bool only then. */
#define ARENA_BOOL(type, name)			ARENA_RANGE(type, name, 0, 1)
/* An enum with gaps: 1ULL << VALUE | ... */
#define ARENA_ONE_OF(type, name, bits) \
	ARENA_RULE(ARENA_RULE_ONE_OF, type, name, bits, 0)
#define ARENA_MASK(type, name, bits) \
	ARENA_RULE(ARENA_RULE_MASK, type, name, bits, 0)
#define ARENA_ZERO(type, name) \
	ARENA_RULE(ARENA_RULE_ZERO, type, name, 0, 0)
#define ARENA_POWER_OF_TWO(type, name, min, max) \
	ARENA_RULE(ARENA_RULE_POWER, type, name, min, max)
#define ARENA_MULTIPLE(type, name, of) \
	ARENA_RULE(ARENA_RULE_MULTIPLE, type, name, of, 0)
/* from + length <= limit, in numbers without end. */
#define ARENA_WITHIN(type, from, length, limit)			\
	{ .kind = ARENA_RULE_WITHIN, .member = ARENA_MEMBER(type, from),	\
	  .other = ARENA_MEMBER(type, length), .a = (limit) }

#define ARENA_N_RULES(rules)	(sizeof(rules) / sizeof((rules)[0]))

/**
 * arena_check() - do the rules hold?
 * @copy: a struct in private memory
 * @size: its bytes
 * @rules: for its members
 * @n_rules: how many
 * @broken: unless NULL, filled with the number of the first that does not hold
 *
 * Return: 0; -EPROTO if one does not hold; -EINVAL if one makes no sense: of a
 * member that is no such integer or not inside, or of multiples of 0.
 */
int arena_check(const void *copy, size_t size, const struct arena_rule *rules,
		size_t n_rules, size_t *broken);

/**
 * arena_receive() - copy a struct out of shared memory, once, and check the copy
 * @copy: filled in any case, but to be used only if it is sound
 * @shared: memory that a peer can change at any time
 * @size: bytes
 * @rules: for its members
 * @n_rules: how many
 *
 * Return: as arena_check(), which tells with @copy, if asked, what is broken.
 */
int arena_receive(void *copy, const void *shared, size_t size,
		  const struct arena_rule *rules, size_t n_rules);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_RECEIVE_H */
