/* SPDX-License-Identifier: MIT */
/*
 * Objects of JSON, as far as programs that ask arenad need them. A member that is missing, or of
 * another type, is empty or 0: the arenad that runs may be another version.
 */
#ifndef QUERY_JSON_H
#define QUERY_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-json.h>

/** json_has() - has the object a member that is not null? */
bool json_has(struct sd_json_variant *object, const char *key);

/** json_text() - a member that is a text; "" if there is none */
const char *json_text(struct sd_json_variant *object, const char *key);

/* Room for a text that people read; a longer one is cut. */
#define JSON_SHOWN_SIZE	4200

/** json_show() - json_text(), written to @to so that a terminal does not obey control characters */
const char *json_show(char to[JSON_SHOWN_SIZE], struct sd_json_variant *object, const char *key);

/** json_number() - a member that is an integer; 0 if there is none */
int64_t json_number(struct sd_json_variant *object, const char *key);

/** json_number_at() - an integer of an array; 0 if there is none at that place */
int64_t json_number_at(struct sd_json_variant *array, size_t i);

/**
 * json_grow() - add a number that cannot be negative
 *
 * It may be the word of a process that lies. The sum does not become larger than it can be.
 */
void json_grow(int64_t *sum, int64_t n);

/**
 * json_since() - how much has come to a number that only grows
 * @now: the number
 * @before: what it was earlier
 *
 * A process that was started again begins with 0: a number that has become less is all new.
 */
static inline int64_t json_since(int64_t now, int64_t before)
{
	return before >= 0 && now >= before ? now - before : now;
}

/** json_number_since() - json_since() of a member; @before may be NULL, and then all is new */
int64_t json_number_since(struct sd_json_variant *now, struct sd_json_variant *before,
			  const char *key);

/** json_true() - is a member true? */
bool json_true(struct sd_json_variant *object, const char *key);

/** json_print() - print to standard output, with line breaks on a terminal */
void json_print(struct sd_json_variant *v);

#endif /* QUERY_JSON_H */
