/* SPDX-License-Identifier: MIT */
/*
 * The options of exports that both arenad and arena-np have. Each names the export before its first
 * equals sign, and follows the option that adds the export. This header must not know what an
 * export is made of.
 */
#ifndef EXPORTS_OPTIONS_H
#define EXPORTS_OPTIONS_H

#include <common/options.h>
#include <common/utf8.h>
#include <proto/layout.h>
#include <stdbool.h>

#include "access.h"

/**
 * enum export_no_disk - what becomes of an export that has no disk at the moment
 * @EXPORT_STOP: nothing serves on without the disk
 * @EXPORT_HIDE: clients find no such export
 * @EXPORT_REFUSE: clients find the export, and are told that its disk is not there
 */
enum export_no_disk {
	EXPORT_STOP,
	EXPORT_HIDE,
	EXPORT_REFUSE,
};

/**
 * struct export_options - what the options say of an export
 * @name: its name, UTF-8, not copied; "" is a vacant entry, which is no export, but can become one
 * @label: the name, as logs have it
 * @description: a text for people, or NULL
 * @access: who may use it
 * @no_disk: what becomes of it while it has no disk
 * @is_drained: it takes no further clients, while those go on that it has
 */
struct export_options {
	const char *name;
	char label[UTF8_LABEL_SIZE];
	const char *description;
	struct access access;
	enum export_no_disk no_disk;
	bool is_drained;
};

/** export_is_vacant() - is there no export in this entry? */
static inline bool export_is_vacant(const struct export_options *e)
{
	return !e->name[0];
}

/** export_describe() - take a description, not copied; 0, or what option_refuse() returns */
int export_describe(struct export_options *e, const char *text, struct option_error *error);

/** export_take_no_disk() - take a word of --no-disk; 0, or what option_refuse() returns */
int export_take_no_disk(struct export_options *e, const char *word, struct option_error *error);

/* The words of --no-disk; that of EXPORT_STOP cannot be given. */
extern const char *const export_no_disk_words[];

/**
 * struct export_set - all exports, in the order of their SPs
 * @n: used entries of @export
 * @export: the exports
 * @chosen: name of the default export, or NULL
 */
struct export_set {
	unsigned int n;
	struct export_options export[PROTO_MAX_SPS];
	const char *chosen;
};

/**
 * export_set_add() - add an export
 * @s: the exports
 * @name: name of the export, which has to outlive @s
 * @error: says what is wrong with the name
 *
 * Return: 0, or what option_refuse() returns.
 */
int export_set_add(struct export_set *s, const char *name, struct option_error *error);

/** export_set_add_vacant() - add a vacant entry; 0, or -E2BIG if there are too many */
int export_set_add_vacant(struct export_set *s);

/** export_set_count() - how many exports there are, without vacant entries */
unsigned int export_set_count(const struct export_set *s);

/**
 * export_set_take() - find the export that an option is about
 * @s: the exports
 * @text: "NAME=REST", of which the first equals sign is overwritten by NUL
 * @form: how the help writes the option's value
 * @out: the number of the export
 * @error: says what is wrong
 *
 * Return: REST; or NULL if the text has no equals sign, or names no export.
 */
char *export_set_take(const struct export_set *s, char *text, const char *form,
		      unsigned int *out, struct option_error *error);

/** export_set_find() - the number of the export of that name; -1 and an error if there is none */
int export_set_find(const struct export_set *s, const char *name, struct option_error *error);

/**
 * export_set_default() - the number of the default export, whose name is empty
 *
 * If the user has chosen none, a single export is the default one, and of several none is.
 *
 * Return: the number, or -1 if there is none.
 */
int export_set_default(const struct export_set *s);

/* The options, as part of a program's table; their values are a struct export_set. */
extern const struct option_rule export_rules[];

#endif /* EXPORTS_OPTIONS_H */
