// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "cpu_set.h"

#include <common/parse.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Read the number in the first @length characters of @text. */
static int read_number(const char *text, size_t length, uint32_t *number)
{
	char copy[16];

	if (length >= sizeof(copy))
		return -ERANGE;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return parse_u32(copy, CPU_SET_MAX - 1, number);
}

int cpu_set_add_text(struct cpu_set *s, const char *text)
{
	size_t length = strcspn(text, "-");
	uint32_t first, last;
	int ret = read_number(text, length, &first);

	if (ret)
		return ret;
	last = first;
	if (text[length])
		ret = read_number(text + length + 1, strlen(text + length + 1), &last);
	if (!ret && last < first)
		ret = -EINVAL;
	for (uint32_t cpu = first; !ret && cpu <= last; cpu++)
		cpu_set_add(s, cpu);
	return ret;
}

/* Return the last CPU of the run of CPUs that begins with @cpu. */
static unsigned int run_end(const struct cpu_set *s, unsigned int cpu)
{
	while (cpu + 1 < CPU_SET_MAX && cpu_set_has(s, cpu + 1))
		cpu++;
	return cpu;
}

void cpu_set_format(const struct cpu_set *s, char text[CPU_SET_TEXT])
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int cpu = 0, last; cpu < CPU_SET_MAX; cpu = last + 1) {
		last = cpu;
		if (!cpu_set_has(s, cpu))
			continue;
		/* Room for a comma, two numbers of four digits, a dash and the NUL. */
		if (used + 11 + sizeof(",...") > CPU_SET_TEXT) {
			memcpy(text + used, ",...", sizeof(",..."));
			return;
		}
		last = run_end(s, cpu);
		used += (size_t)sprintf(text + used, "%s%u", used ? "," : "", cpu);
		if (last > cpu)
			used += (size_t)sprintf(text + used, "-%u", last);
	}
}

int cpu_set_own(struct cpu_set *s)
{
	return sched_getaffinity(0, sizeof(*s), (cpu_set_t *)s->word) ? -errno : 0;
}

int cpu_set_bind(const struct cpu_set *s)
{
	return sched_setaffinity(0, sizeof(*s), (const cpu_set_t *)s->word) ? -errno : 0;
}

int cpu_set_usable(const struct cpu_set *s, struct cpu_set *usable)
{
	struct cpu_set own;
	int ret = cpu_set_own(&own);

	if (ret)
		return ret;
	memset(usable, 0, sizeof(*usable));
	ret = cpu_set_bind(s);
	/* The kernel refuses a set of which no CPU can be used, and cuts down any other one. */
	if (ret)
		return ret == -EINVAL ? 0 : ret;
	ret = cpu_set_own(usable);
	cpu_set_bind(&own);
	return ret;
}
