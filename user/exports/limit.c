// SPDX-License-Identifier: MIT
#include "limit.h"

#include <common/clock.h>
#include <common/parse.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int take_count(const char *text, uint32_t most, uint32_t *out, struct option_error *error)
{
	if (!parse_u32(text, most, out) && *out)
		return 0;
	return option_refuse(error, "%s is not a number from 1 to %" PRIu32, text, most);
}

static int take_bytes(const char *text, uint64_t *out, struct option_error *error)
{
	if (!parse_size(text, out) && *out >= LIMIT_BYTES_MIN && *out <= LIMIT_BYTES_MAX)
		return 0;
	return option_refuse(error, "%s is not a size from 64K to 1T", text);
}

static int refuse_form(const char *text, struct option_error *error)
{
	return option_refuse(error, "%.*s is none of iops=N, bytes=SIZE, connections=N",
			     (int)LIMIT_TEXT_SIZE, text);
}

static int take_part(char *part, struct limit *out, struct option_error *error)
{
	char *equals = strchr(part, '=');

	if (!equals)
		return refuse_form(part, error);
	if (!strncmp(part, "iops=", 5) && !out->iops)
		return take_count(equals + 1, LIMIT_IOPS_MAX, &out->iops, error);
	if (!strncmp(part, "bytes=", 6) && !out->bytes)
		return take_bytes(equals + 1, &out->bytes, error);
	if (!strncmp(part, "connections=", 12) && !out->connections)
		return take_count(equals + 1, LIMIT_CONNECTIONS_MAX, &out->connections, error);
	return refuse_form(part, error);
}

int limit_parse(const char *text, struct limit *out, struct option_error *error)
{
	char copy[LIMIT_TEXT_SIZE], *rest = copy, *part;
	size_t length = strlen(text);
	int ret = 0;

	*out = (struct limit){ 0 };
	if (length >= sizeof(copy))
		return refuse_form(text, error);
	memcpy(copy, text, length + 1);
	while (!ret && (part = strsep(&rest, ",")))
		ret = take_part(part, out, error);
	return ret;
}

void limit_format(const struct limit *l, char text[LIMIT_TEXT_SIZE])
{
	size_t n = 0;

	*text = '\0';
	if (l->iops)
		n += snprintf(text + n, LIMIT_TEXT_SIZE - n, ",iops=%" PRIu32, l->iops);
	if (l->bytes)
		n += snprintf(text + n, LIMIT_TEXT_SIZE - n, ",bytes=%" PRIu64, l->bytes);
	if (l->connections)
		n += snprintf(text + n, LIMIT_TEXT_SIZE - n, ",connections=%" PRIu32,
			      l->connections);
	/* The first part has no comma before it. */
	if (n)
		memmove(text, text + 1, n);
}

void limit_take(struct limit_bucket *b, int64_t now_ns, uint64_t n)
{
	if (!b->rate)
		return;
	if (n > LIMIT_COST_MAX)
		n = LIMIT_COST_MAX;
	if (b->even_ns < now_ns - LIMIT_BURST_NS)
		b->even_ns = now_ns - LIMIT_BURST_NS;
	b->even_ns += (int64_t)(n * CLOCK_NS_PER_S / b->rate);
}
