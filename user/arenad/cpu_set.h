/* SPDX-License-Identifier: MIT */
/*
 * A set of CPUs, as the user writes it and as the kernel binds a process to it. This header must
 * not know which process the set is for.
 */
#ifndef ARENAD_CPU_SET_H
#define ARENAD_CPU_SET_H

#include <stdbool.h>

/* CPUs are numbered below this. */
#define CPU_SET_MAX	4096U

/* Bytes of cpu_set_format(), with the NUL. */
#define CPU_SET_TEXT	128

#define CPU_SET_WORD	(8 * sizeof(unsigned long))

/**
 * struct cpu_set - a set of CPUs
 * @word: a bit for each CPU, as in sched_setaffinity(2)
 */
struct cpu_set {
	unsigned long word[CPU_SET_MAX / CPU_SET_WORD];
};

static inline void cpu_set_add(struct cpu_set *s, unsigned int cpu)
{
	s->word[cpu / CPU_SET_WORD] |= 1UL << cpu % CPU_SET_WORD;
}

static inline bool cpu_set_has(const struct cpu_set *s, unsigned int cpu)
{
	return s->word[cpu / CPU_SET_WORD] >> cpu % CPU_SET_WORD & 1;
}

static inline bool cpu_set_is_empty(const struct cpu_set *s)
{
	for (unsigned int i = 0; i < CPU_SET_MAX / CPU_SET_WORD; i++)
		if (s->word[i])
			return false;
	return true;
}

/**
 * cpu_set_add_text() - add what a text names: a number, or the first and the last one, as in "3-5"
 *
 * Return: 0, -EINVAL if it is neither or ends before it begins, or -ERANGE if a number is not
 * below CPU_SET_MAX.
 */
int cpu_set_add_text(struct cpu_set *s, const char *text);

/** cpu_set_format() - write the set as "3-5,7"; a text that is too long ends with "..." */
void cpu_set_format(const struct cpu_set *s, char text[CPU_SET_TEXT]);

/** cpu_set_own() - the CPUs that this thread may run on now; 0 or -errno */
int cpu_set_own(struct cpu_set *s);

/** cpu_set_bind() - let this thread, and what it starts, run only on these CPUs; 0 or -errno */
int cpu_set_bind(const struct cpu_set *s);

/**
 * cpu_set_usable() - the CPUs of a set on which a child of this thread could run
 * @s: set
 * @usable: those of @s that are online and that the control group allows, whatever CPUs this
 *	thread is bound to itself
 *
 * The thread is bound to @s for a moment.
 *
 * Return: 0 or -errno.
 */
int cpu_set_usable(const struct cpu_set *s, struct cpu_set *usable);

#endif /* ARENAD_CPU_SET_H */
