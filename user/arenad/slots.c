// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "slots.h"

#include <common/log.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "preflight.h"

#define DISK	"--disk"
#define MEMORY	"--disk-memory "

static void fill_up_to(struct arenad_options *o, unsigned int n)
{
	while (o->exports.n < n)
		if (export_set_add_vacant(&o->exports))
			return;
}

void slots_fill(struct arenad_options *o)
{
	fill_up_to(o, o->exports_max);
}

/*
 * The exports of processes that run
 */

/* The rest of a line behind a word, if it begins with that; NULL if not. */
static const char *behind(const char *line, const char *word)
{
	size_t length = strlen(word);

	return strncmp(line, word, length) ? NULL : line + length;
}

/* Is it the line of a disk, or of a vacant entry? @name is set to "NAME=PATH", or to "". */
static bool is_disk(const char *line, const char **name)
{
	const char *rest = behind(line, DISK);

	if (!rest || (*rest != ' ' && *rest != '\n'))
		return false;
	*name = *rest == ' ' ? rest + 1 : "";
	return true;
}

/* Does "LABEL=REST" name the export? */
static bool names(const char *text, const struct export_options *e)
{
	size_t length = strlen(e->label);

	return !export_is_vacant(e) && !strncmp(text, e->label, length) && text[length] == '=';
}

static void swap(struct arenad_options *o, unsigned int a, unsigned int b)
{
	struct export_options e = o->exports.export[a];
	struct arenad_disk d = o->disk[a];

	o->exports.export[a] = o->exports.export[b];
	o->disk[a] = o->disk[b];
	o->exports.export[b] = e;
	o->disk[b] = d;
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

static unsigned int count_entries(const char *shape)
{
	unsigned int n = 0;
	const char *name;

	for (const char *line = shape; *line; line = next_line(line))
		n += is_disk(line, &name);
	return n;
}

/*
 * Put the export of that name, or a vacant entry, at @at, if there is one that is not in @placed.
 * Return: the bit of @at then, else 0.
 */
static uint32_t place(struct arenad_options *o, unsigned int at, const char *name, uint32_t placed)
{
	for (unsigned int i = 0; i < o->exports.n; i++) {
		const struct export_options *e = &o->exports.export[i];

		if (placed >> i & 1 || !(*name ? names(name, e) : export_is_vacant(e)))
			continue;
		swap(o, at, i);
		return 1U << at;
	}
	return 0;
}

/* The memory of the entry that was placed last, unless the options have another one. */
static void take_memory(struct arenad_disk *d, const char *text)
{
	const char *equals = strchr(text, '=');

	if (equals && !d->memory)
		d->memory = strtoull(equals + 1, NULL, 10);
}

void slots_follow(struct arenad_options *o, const char *shape)
{
	const char *name, *memory;
	unsigned int at = 0;
	uint32_t placed = 0;

	if (!o->exports_max)
		fill_up_to(o, count_entries(shape));
	for (const char *line = shape; *line; line = next_line(line)) {
		if (is_disk(line, &name) && at < o->exports.n)
			placed |= place(o, at++, name, placed);
		memory = behind(line, MEMORY);
		if (memory && at)
			take_memory(&o->disk[at - 1], memory);
	}
}

/*
 * Changes
 */

static int find(const struct export_set *s, const char *name)
{
	struct option_error error;

	return export_set_find(s, name, &error);
}

/* Keep, or remove, what is there. An export keeps its disk. */
static void keep_entry(const struct arenad_options *wanted, struct slots_change *c, unsigned int i)
{
	struct export_options *e = &c->exports.export[i];
	int found = export_is_vacant(e) ? -1 : find(&wanted->exports, e->name);

	if (found >= 0) {
		*e = wanted->exports.export[found];
		c->disk[i].limit = wanted->disk[found].limit;
	} else if (!export_is_vacant(e)) {
		c->removed |= 1U << i;
		*e = (struct export_options){ .name = "" };
		c->disk[i] = (struct arenad_disk){ .memory = c->disk[i].memory };
	}
}

static int log_full(const struct arenad_options *o, const struct export_options *e,
		    uint32_t usable)
{
	if (usable)
		log_error("reload: there is no room of that size for export '%s'; leave "
			  "--disk-memory out, or give that of an export that was removed",
			  e->label);
	else
		log_error("reload: there is no room for export '%s' now: the region has parts for "
			  "%u exports; for more of them, stop arenad and start it with a larger "
			  "--exports-max. For the room of another one, reload without either, and "
			  "try again when its process has ended and no process is being replaced",
			  e->label, o->exports.n);
	return -ENOSPC;
}

/*
 * The part of the region that an entry has cannot change. Without --disk-memory it may be any.
 * Return: the entry; -1 if there is none.
 */
static int choose(const struct slots_change *c, uint32_t usable, uint64_t memory)
{
	int other = -1;

	for (unsigned int i = 0; i < c->exports.n; i++) {
		if (!(usable >> i & 1))
			continue;
		if (c->disk[i].memory == memory)
			return (int)i;
		other = other < 0 ? (int)i : other;
	}
	return memory ? -1 : other;
}

static int add(const struct arenad_options *o, const struct arenad_options *wanted,
	       unsigned int from, uint32_t *usable, struct slots_change *c)
{
	const struct export_options *e = &wanted->exports.export[from];
	int to = choose(c, *usable, wanted->disk[from].memory);
	int ret = preflight_check_disk(&wanted->disk[from], e);
	uint64_t memory;

	if (ret)
		return ret;
	if (to < 0)
		return log_full(o, e, *usable);
	*usable &= ~(1U << to);
	memory = c->disk[to].memory;
	c->exports.export[to] = *e;
	c->disk[to] = wanted->disk[from];
	c->disk[to].memory = memory;
	c->disk[to].is_late = true;
	c->added |= 1U << to;
	return 0;
}

int slots_change(const struct arenad_options *o, const struct arenad_options *wanted,
		 uint32_t usable, struct slots_change *c)
{
	int ret = 0;

	*c = (struct slots_change){ .exports = o->exports };
	memcpy(c->disk, o->disk, sizeof(c->disk));
	for (unsigned int i = 0; i < o->exports.n; i++)
		keep_entry(wanted, c, i);
	for (unsigned int i = 0; i < wanted->exports.n && !ret; i++) {
		const struct export_options *e = &wanted->exports.export[i];

		if (!export_is_vacant(e) && find(&o->exports, e->name) < 0)
			ret = add(o, wanted, i, &usable, c);
	}
	c->exports.chosen = wanted->exports.chosen;
	return ret;
}
