/* SPDX-License-Identifier: MIT */
/*
 * What has come of reading the files of options again, for those who ask. The log has it, too, but
 * who has caused it need not see the log. This header must not know who asks, nor what is read.
 */
#ifndef ARENAD_OUTCOME_H
#define ARENAD_OUTCOME_H

#include <common/log.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct outcome_line - one thing to tell
 * @export: the export that it is about, as text in UTF-8; NULL if it is about all
 * @what: the name of an option or of a change, or the path of a file; NULL for the command line
 * @line: the line of the file; 0 if it is not known
 */
struct outcome_line {
	char *export;
	char *what;
	unsigned int line;
};

/**
 * struct outcome_list - several of them
 * @n: used entries of @line
 * @line: the lines
 */
struct outcome_list {
	unsigned int n;
	struct outcome_line *line;
};

/**
 * struct outcome - what has come of it
 * @has_files: there was a file at all
 * @needs_restart: what is in @kept is put in use by a stop and a start only, not by an upgrade
 * @lacks_memory: something is missing in the lists
 * @changed: exports, and "added", "removed", "limit", "rules" or "description"
 * @kept: options that are others now in the files, and stay as they were
 * @places: where the files, or the command line, name each export
 */
struct outcome {
	bool has_files;
	bool needs_restart;
	bool lacks_memory;
	struct outcome_list changed;
	struct outcome_list kept;
	struct outcome_list places;
};

/**
 * outcome_add() - add a line, unless the list has it already
 * @o: the outcome, of which @list is a part
 * @list: the list
 * @export: struct outcome_line; copied, and what is no UTF-8 is replaced
 * @what: likewise
 * @line: likewise
 */
void outcome_add(struct outcome *o, struct outcome_list *list, const char *export,
		 const char *what, unsigned int line);

/**
 * struct outcome_last - what has come of the last reload, whoever has caused it
 * @is_successful: there was no error, and all that the files say is in use
 * @success_us: when that was so last, in microseconds since 1970
 * @error: the first error, and how many there were
 * @outcome: what has changed, and what stays as it was
 *
 * The start of arenad counts as a reload.
 */
struct outcome_last {
	bool is_successful;
	int64_t success_us;
	struct log_catch error;
	struct outcome outcome;
};

/** outcome_begin() - arenad has started */
void outcome_begin(struct outcome_last *last);

/**
 * outcome_keep() - keep what has come of a reload
 * @last: gets it, to be freed with outcome_free()
 * @error: what was logged meanwhile
 * @out: what has come of it; it belongs to @last now
 */
void outcome_keep(struct outcome_last *last, const struct log_catch *error,
		  const struct outcome *out);

/** outcome_free() - free everything, and have nothing again */
void outcome_free(struct outcome *o);

#endif /* ARENAD_OUTCOME_H */
