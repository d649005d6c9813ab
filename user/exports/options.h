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
 * @name: its name, UTF-8, not empty, not copied
 * @label: the name, as logs have it
 * @description: a text for people, or NULL
 * @access: who may use it
 * @no_disk: what becomes of it while it has no disk
 */
struct export_options {
	const char *name;
	char label[UTF8_LABEL_SIZE];
	const char *description;
	struct access access;
	enum export_no_disk no_disk;
};

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
