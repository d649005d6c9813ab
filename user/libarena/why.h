/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reasons: what arena_why() tells about a call that returned -EINVAL. A reason begins with the
 * name of the member or argument that is wrong. This header must not know any call.
 */
#ifndef ARENA_WHY_H
#define ARENA_WHY_H

#include <common/copy_struct.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/** why_keep() - keep a reason, a constant text */
void why_keep(const char *reason);

/** why() - keep a reason; -EINVAL */
static inline int why(const char *reason)
{
	why_keep(reason);
	return -EINVAL;
}

/**
 * struct why_rule - a condition that what a caller gave must not fulfil
 * @is_broken: it does
 * @reason: why it must not
 */
struct why_rule {
	bool is_broken;
	const char *reason;
};

/** why_first() - 0, or -EINVAL with the reason of the first rule that is broken */
static inline int why_first(const struct why_rule *rules, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rules[i].is_broken)
			return why(rules[i].reason);
	return 0;
}

#define WHY_FIRST(rules)	why_first(rules, sizeof(rules) / sizeof((rules)[0]))

/** why_copy_struct() - copy_struct() with a reason */
static inline int why_copy_struct(void *known, size_t known_size, const void *given)
{
	int ret = copy_struct(known, known_size, given);

	return ret == -EINVAL ? why("size: is not that of the structure") : ret;
}

#endif /* ARENA_WHY_H */
