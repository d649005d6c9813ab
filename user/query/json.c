// SPDX-License-Identifier: MIT
#include "json.h"

#include <common/utf8.h>
#include <stdio.h>
#include <string.h>

bool json_has(struct sd_json_variant *object, const char *key)
{
	struct sd_json_variant *v = sd_json_variant_by_key(object, key);

	return v && !sd_json_variant_is_null(v);
}

const char *json_text(struct sd_json_variant *object, const char *key)
{
	struct sd_json_variant *v = sd_json_variant_by_key(object, key);

	return v && sd_json_variant_is_string(v) ? sd_json_variant_string(v) : "";
}

const char *json_show(char to[JSON_SHOWN_SIZE], struct sd_json_variant *object, const char *key)
{
	const char *text = json_text(object, key);

	return utf8_show(to, JSON_SHOWN_SIZE, text, strlen(text));
}

int64_t json_number(struct sd_json_variant *object, const char *key)
{
	struct sd_json_variant *v = sd_json_variant_by_key(object, key);

	return v && sd_json_variant_is_integer(v) ? sd_json_variant_integer(v) : 0;
}

int64_t json_number_at(struct sd_json_variant *array, size_t i)
{
	struct sd_json_variant *v = sd_json_variant_by_index(array, i);

	return v && sd_json_variant_is_integer(v) ? sd_json_variant_integer(v) : 0;
}

void json_grow(int64_t *sum, int64_t n)
{
	if (n < 0 || __builtin_add_overflow(*sum, n, sum))
		*sum = INT64_MAX;
}

int64_t json_number_since(struct sd_json_variant *now, struct sd_json_variant *before,
			  const char *key)
{
	return json_since(json_number(now, key), json_number(before, key));
}

bool json_true(struct sd_json_variant *object, const char *key)
{
	struct sd_json_variant *v = sd_json_variant_by_key(object, key);

	return v && sd_json_variant_is_boolean(v) && sd_json_variant_boolean(v);
}

void json_print(struct sd_json_variant *v)
{
	sd_json_variant_dump(v, SD_JSON_FORMAT_PRETTY_AUTO, stdout, NULL);
}
