// SPDX-License-Identifier: MIT
#include "outcome.h"

#include <common/clock.h>
#include <common/utf8.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* No text becomes longer, but one of fewer bytes than utf8_show() needs at least. */
static char *copy(struct outcome *o, const char *text)
{
	size_t length = text ? strlen(text) : 0;
	char *to = text ? malloc(length + 4) : NULL;

	if (to)
		utf8_show(to, length + 4, text, length);
	else if (text)
		o->lacks_memory = true;
	return to;
}

/* A name of an export is UTF-8, and stays as it is. */
static char *copy_name(struct outcome *o, const char *name)
{
	char *to = name ? strdup(name) : NULL;

	if (name && !to)
		o->lacks_memory = true;
	return to;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool has(const struct outcome_list *list, const struct outcome_line *l)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (is_same(list->line[i].export, l->export) &&
		    is_same(list->line[i].what, l->what))
			return true;
	return false;
}

void outcome_add(struct outcome *o, struct outcome_list *list, const char *export,
		 const char *what, unsigned int line)
{
	struct outcome_line l = { copy_name(o, export), copy(o, what), line }, *more = NULL;

	if (!o->lacks_memory && !has(list, &l)) {
		more = realloc(list->line, (list->n + 1) * sizeof(*more));
		o->lacks_memory = !more;
	}
	if (!more) {
		free(l.export);
		free(l.what);
		return;
	}
	list->line = more;
	list->line[list->n++] = l;
}

static void free_list(struct outcome_list *list)
{
	for (unsigned int i = 0; i < list->n; i++) {
		free(list->line[i].export);
		free(list->line[i].what);
	}
	free(list->line);
}

void outcome_free(struct outcome *o)
{
	free_list(&o->changed);
	free_list(&o->kept);
	free_list(&o->places);
	*o = (struct outcome){ .has_files = false };
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / CLOCK_NS_PER_US;
}

void outcome_begin(struct outcome_last *last)
{
	*last = (struct outcome_last){ .is_successful = true, .success_us = now_us() };
}

void outcome_keep(struct outcome_last *last, const struct log_catch *error,
		  const struct outcome *out)
{
	outcome_free(&last->outcome);
	last->outcome = *out;
	last->error = *error;
	last->is_successful = !error->n && !out->kept.n;
	if (last->is_successful)
		last->success_us = now_us();
}
