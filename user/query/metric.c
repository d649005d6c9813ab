// SPDX-License-Identifier: MIT
#include "metric.h"

void metric_describe(FILE *out, const char *name, const char *type, const char *unit,
		     const char *help)
{
	fprintf(out, "# TYPE " METRIC_PREFIX "%s %s\n", name, type);
	if (unit)
		fprintf(out, "# UNIT " METRIC_PREFIX "%s %s\n", name, unit);
	fprintf(out, "# HELP " METRIC_PREFIX "%s %s\n", name, help);
}

/* Three characters have to be escaped. */
void metric_print_value(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '\\' || *text == '"')
			fprintf(out, "\\%c", *text);
		else
			fputc(*text, out);
	}
}
