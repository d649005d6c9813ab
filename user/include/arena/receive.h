/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Receive a structure from memory that a peer may be writing: copy it once, then check the
 * copy against rules that are written down in one table.
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
 * Members are integers of 1, 2, 4 or 8 bytes in the byte order of the machine, and are read
 * as unsigned.
 *
 * This header must not know what the structures mean, nor of arenas.
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
 * enum arena_rule_kind - a condition for a member
 * @ARENA_RULE_RANGE: it is from @a to @b
 * @ARENA_RULE_ONE_OF: it is a number below 64 whose bit is set in @a
 * @ARENA_RULE_MASK: it has no bit that is not set in @a
 * @ARENA_RULE_ZERO: all of its bytes are 0, and it may have any number of them
 * @ARENA_RULE_POWER: it is a power of two from @a to @b
 * @ARENA_RULE_MULTIPLE: it is a multiple of @a
 * @ARENA_RULE_WITHIN: the sum of it and @other is at most @a
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
 * struct arena_member - the place of a member
 * @offset: bytes from the start of the structure
 * @size: bytes of the member
 */
struct arena_member {
	uint32_t offset;
	uint32_t size;
};

/**
 * struct arena_rule - a condition for a member
 * @kind: enum arena_rule_kind
 * @member: the member
 * @other: ARENA_RULE_WITHIN: the member that is added
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
	{ (kind_), ARENA_MEMBER(type, name), { 0, 0 }, (a_), (b_) }

/* From min to max, both included. Also for an enum without gaps. */
#define ARENA_RANGE(type, name, min, max) \
	ARENA_RULE(ARENA_RULE_RANGE, type, name, min, max)
#define ARENA_EXACTLY(type, name, value)	ARENA_RANGE(type, name, value, value)
/* 0 or 1. Any other value is undefined behaviour when it is read as bool. */
#define ARENA_BOOL(type, name)			ARENA_RANGE(type, name, 0, 1)
/* For an enum with gaps; bits is 1ULL << VALUE | ... */
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
/* from + length <= limit, without overflow. */
#define ARENA_WITHIN(type, from, length, limit) \
	{ ARENA_RULE_WITHIN, ARENA_MEMBER(type, from), ARENA_MEMBER(type, length), (limit), 0 }

#define ARENA_N_RULES(rules)	(sizeof(rules) / sizeof((rules)[0]))

/**
 * arena_check() - check a structure against rules
 * @copy: the structure, in private memory
 * @size: its bytes
 * @rules: what must hold of its members
 * @n_rules: number of rules
 * @broken: filled with the index of the first rule that does not hold; may be NULL
 *
 * Return: 0; -EPROTO if a rule does not hold; -EINVAL if a rule makes no sense, because its
 * member is not an integer of 1, 2, 4 or 8 bytes or does not lie in the structure, or because
 * it asks for a multiple of 0.
 */
int arena_check(const void *copy, size_t size, const struct arena_rule *rules,
		size_t n_rules, size_t *broken);

/**
 * arena_receive() - copy a structure from shared memory once, and check the copy
 * @copy: filled in any case; use it only if 0 is returned
 * @shared: memory that a peer can change at any time
 * @size: bytes of the structure
 * @rules: what must hold of its members
 * @n_rules: number of rules
 *
 * Return: the same as arena_check(). To learn which rule does not hold, call arena_check()
 * for @copy.
 */
int arena_receive(void *copy, const void *shared, size_t size,
		  const struct arena_rule *rules, size_t n_rules);

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_RECEIVE_H */
