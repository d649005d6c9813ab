// SPDX-License-Identifier: MIT
/*
 * Exports that are added and removed by arenactl. The files of options stay the only place that
 * says which exports there are: each one that is added here has a file of its own,
 * FILE.d/export-NAME.conf, and arenad reads all files again. If it refuses them, the file is
 * removed.
 */
#define _GNU_SOURCE
#include "export_files.h"

#include <common/clock.h>
#include <common/log.h>
#include <common/utf8.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <query/call.h>
#include <query/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask.h"
#include "reload.h"

/* The name of a file has 255 bytes at most; each byte of a name may become three. */
#define NAME_MAX_BYTES	70U

#define STATE_SIZE	32U

/* How often it is looked whether the storage process runs. */
#define LOOK_MS		50

/**
 * struct place - where the file of an export is
 * @folder: the folder, "" if arenad reads no files
 * @name: the name of the export, in a form that a section and a file can have
 * @path: the file
 * @hidden: a file beside it that arenad does not read
 * @disk: the absolute path of the disk, for an export that is added
 */
struct place {
	char folder[PATH_MAX];
	char name[NAME_MAX_BYTES * 3 + 1];
	char path[PATH_MAX + 256];
	char hidden[PATH_MAX + 256];
	char disk[PATH_MAX];
};

/* Special characters as %XX. Return: is the name short enough? */
static bool encode(const char *text, char name[NAME_MAX_BYTES * 3 + 1])
{
	if (!*text || strlen(text) > NAME_MAX_BYTES)
		return false;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (islower(c) || isdigit(c) || strchr("-_", c))
			name += sprintf(name, "%c", c);
		else
			name += sprintf(name, "%%%02X", c);
	}
	return true;
}

/* Return: why a line of a file cannot have the value; NULL if it can. */
static const char *why_no_value(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)text[i]))
			return "a line of a file cannot have a line break or a control character";
	if (n && (text[0] == ' ' || text[n - 1] == ' '))
		return "a value does not begin or end with a blank: write KEY=VALUE without any";
	return n ? NULL : "it has no value: leave it out for the default";
}

/* Is it KEY=VALUE, with what may be the name of an option? arenad knows which there are. */
static const char *why_no_setting(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");

	if (n && !text[n])
		return "it has no value: write KEY=VALUE, such as read-only=yes";
	if (n && text[n] == ' ' && text[n + strspn(text + n, " ")] == '=')
		return "there is a blank in front of the equals sign: write KEY=VALUE without any";
	if (!n || text[n] != '=')
		return "it is not KEY=VALUE, with the name of an option as the KEY";
	return why_no_value(text + n + 1);
}

static enum query_status ask_place(const struct arenactl_options *o, struct place *p)
{
	struct sd_json_variant *status = NULL;
	struct sd_varlink *link = NULL;
	enum query_status ret = call_open(&o->target, false, &link);

	if (!ret)
		ret = call_to_read(&o->target, &link, "GetStatus", false, &status);
	if (!ret && json_has(status, "config"))
		snprintf(p->folder, sizeof(p->folder), "%s.d", json_text(status, "config"));
	sd_varlink_close_unref(link);
	return ret;
}

static enum query_status find_place(const struct arenactl_options *o, struct place *p)
{
	enum query_status ret;

	*p = (struct place){ .folder = "" };
	if (!encode(o->object, p->name)) {
		log_error("the name of an export has 1 to %u bytes here; write a file for a "
			  "longer one", NAME_MAX_BYTES);
		return QUERY_FAILED;
	}
	ret = ask_place(o, p);
	if (ret)
		return ret;
	if (p->folder[0] != '/') {
		log_error("the arenad that runs reads no files, or is of a version that does not "
			  "tell which, or has a relative path of them; write the file by an "
			  "editor, and reload");
		return QUERY_FAILED;
	}
	snprintf(p->path, sizeof(p->path), "%s/export-%s.conf", p->folder, p->name);
	snprintf(p->hidden, sizeof(p->hidden), "%s/.export-%s.%d", p->folder, p->name,
		 (int)getpid());
	return QUERY_OK;
}

/*
 * The path is absolute, as arenad has another working directory. A symbolic link stays one, such as
 * those of /dev/disk/by-id, which lead to another device after the next start of the machine.
 */
static enum query_status find_disk(const char *path, char disk[PATH_MAX])
{
	char folder[PATH_MAX] = "";
	int n;

	if (*path && *path != '/') {
		/* The kernel tells another path of a folder that no path leads to. */
		if (!getcwd(folder, sizeof(folder)) || *folder != '/') {
			log_error("%s is a path from the working directory, which has no path "
				  "itself; give an absolute path", path);
			return QUERY_FAILED;
		}
		n = snprintf(disk, PATH_MAX, "%s%s%s", folder, folder[1] ? "/" : "", path);
	} else {
		n = snprintf(disk, PATH_MAX, "%s", path);
	}
	if (n < PATH_MAX)
		return QUERY_OK;
	log_error("the path of the disk is too long; give a shorter one, as by a link");
	return QUERY_FAILED;
}

/* An option that stays as it was has nothing to do with this export, so it is only named. */
static enum query_status reload(const struct arenactl_options *o)
{
	struct sd_json_variant *reply = NULL;
	enum query_status ret = reload_ask(o, false, false, &reply);

	if (!ret)
		reload_warn_of_kept(reply);
	sd_json_variant_unref(reply);
	return ret;
}

#define NO_SP	(-1)

/**
 * struct seen - what arenad says of the export
 * @state: that of its storage process; "" if there is no such export
 * @sp: the number of its storage process, or NO_SP
 */
struct seen {
	char state[STATE_SIZE];
	int64_t sp;
};

static enum query_status look(const struct arenactl_options *o, struct seen *seen)
{
	struct sd_json_variant *reply = NULL, *exports = NULL;
	struct sd_varlink *link = NULL;
	enum query_status ret = call_open(&o->target, false, &link);

	*seen = (struct seen){ .sp = NO_SP };
	if (!ret)
		ret = call_to_read(&o->target, &link, "ListExports", false, &reply);
	if (!ret)
		exports = sd_json_variant_by_key(reply, "exports");
	for (size_t i = 0; i < sd_json_variant_elements(exports); i++) {
		struct sd_json_variant *e = sd_json_variant_by_index(exports, i);

		if (strcmp(json_text(e, "name"), o->object) != 0)
			continue;
		snprintf(seen->state, STATE_SIZE, "%s", json_text(e, "state"));
		seen->sp = json_number(e, "sp");
	}
	sd_varlink_close_unref(link);
	return ret;
}

/* Do the files, read or not yet, or the command line of arenad have the export? */
static bool is_named(const struct arenactl_options *o)
{
	struct sd_json_variant *reply = NULL, *places, *place = NULL;

	/* Bad files are told of when they are read again with the one that is added. */
	(void)reload_ask(o, true, true, &reply);
	places = sd_json_variant_by_key(reply, "places");
	for (size_t i = 0; i < sd_json_variant_elements(places) && !place; i++) {
		place = sd_json_variant_by_index(places, i);
		if (strcmp(json_text(place, "export"), o->object) != 0)
			place = NULL;
	}
	if (place && json_has(place, "file"))
		log_error("there is an export '%s' already, in %s:%" PRId64 "; choose another name",
			  o->object, json_text(place, "file"), json_number(place, "line"));
	else if (place)
		log_error("there is an export '%s' already, on the command line of arenad; choose "
			  "another name", o->object);
	sd_json_variant_unref(reply);
	return place;
}

static enum query_status is_free(const struct arenactl_options *o)
{
	enum query_status ret;
	struct seen seen;

	if (is_named(o))
		return QUERY_FAILED;
	ret = look(o, &seen);
	if (!ret && *seen.state) {
		log_error("there is an export '%s' already; choose another name", o->object);
		ret = QUERY_FAILED;
	}
	return ret;
}

/* Return: has the storage process ended, as it could not open its disk? */
static bool has_died(const char *state)
{
	return !strcmp(state, "waiting") || !strcmp(state, "lost");
}

/*
 * The storage process comes when all network processes know the export.
 *
 * Return: QUERY_FAILED, and @died is set, if it has ended.
 */
static enum query_status await_start(const struct arenactl_options *o, bool *died)
{
	int64_t deadline = clock_deadline(o->target.timeout_seconds * 1000LL);
	enum query_status ret;
	struct seen seen;

	*died = false;
	while (!(ret = look(o, &seen)) && strcmp(seen.state, "running") != 0) {
		*died = has_died(seen.state);
		if (*died || !clock_left_ms(deadline))
			return QUERY_FAILED;
		clock_sleep_ms(LOOK_MS);
	}
	return ret;
}

static enum query_status fail(const char *what, const char *path)
{
	int err = errno;

	log_error("cannot %s %s: %s", what, path, log_reason(err));
	return err == EACCES || err == EPERM ? QUERY_DENIED : QUERY_FAILED;
}

/* Return: 0 or -EINVAL, which was logged. */
static int print(const struct arenactl_options *o, const struct place *p, FILE *f)
{
	fprintf(f, "# Made by: arenactl exports add\n[export %s]\n", p->name);
	for (unsigned int i = 0; i < o->n_words; i++) {
		const char *word = i ? o->word[i] : p->disk;
		const char *why = i ? why_no_setting(word) : why_no_value(word);
		char text[UTF8_LABEL_SIZE];

		if (why) {
			log_error("'%s': %s; see arenad.conf(5)",
				  utf8_show(text, sizeof(text), word, strlen(word)), why);
			return -EINVAL;
		}
		fprintf(f, "%s%s\n", i ? "" : "disk=", word);
	}
	return 0;
}

/* The file is put in place when it is whole, and only where there is none. */
static enum query_status write_file(const struct arenactl_options *o, const struct place *p)
{
	enum query_status ret = QUERY_OK;
	FILE *f;

	/* An arenad of another user reads them, too. */
	umask(022);
	if (mkdir(p->folder, 0755) && errno != EEXIST)
		return fail("make", p->folder);
	f = fopen(p->hidden, "wxe");
	if (!f)
		return fail("make", p->hidden);
	if (print(o, p, f))
		ret = QUERY_FAILED;
	else if (fflush(f) || fsync(fileno(f)))
		ret = fail("write", p->hidden);
	fclose(f);
	if (!ret && link(p->hidden, p->path))
		ret = fail("make", p->path);
	unlink(p->hidden);
	return ret;
}

/*
 * Is the export there after a reload, or is that unknown? A reload may have failed for something
 * else, as for files of TLS, or arenad has not answered in time, and may read the files yet.
 */
static bool may_be_there(const struct arenactl_options *o, enum query_status reloaded)
{
	struct seen seen;

	return reloaded == QUERY_NO_ARENAD || look(o, &seen) || *seen.state;
}

/* Return: what the reload has said; the file is gone if the export is not there. */
static enum query_status add(const struct arenactl_options *o, const struct place *p)
{
	enum query_status ret = write_file(o, p);

	if (ret)
		return ret;
	ret = reload(o);
	if (ret && may_be_there(o, ret))
		log_warn("%s stays, as arenad has read it, or may read it yet; 'arenactl exports "
			 "remove NAME' removes it", p->path);
	else if (ret)
		unlink(p->path);
	return ret;
}

/* An export that has never served is taken back, so that the next start does not fail for it. */
static enum query_status see_it_serve(const struct arenactl_options *o, const struct place *p)
{
	bool died;
	enum query_status ret = await_start(o, &died);

	if (ret != QUERY_FAILED)
		return ret;
	if (!died) {
		log_error("the export '%s' is added, and is not served within %u s: the log of "
			  "arenad says why; 'arenactl exports' shows when it is", o->object,
			  o->target.timeout_seconds);
		return ret;
	}
	if (unlink(p->path))
		(void)fail("take back", p->path);
	else if (!reload(o))
		log_error("the storage process of export '%s' has ended, so the export is taken "
			  "back; the log of arenad says why", o->object);
	else
		log_error("the storage process of export '%s' has ended, and the log of arenad "
			  "says why; its file is gone, and the next reload removes it", o->object);
	return ret;
}

static enum query_status print_path(const struct arenactl_options *o, const char *path)
{
	struct sd_json_variant *v = NULL;
	int ret = 0;

	if (!o->json)
		puts(path);
	else
		ret = sd_json_buildo(&v, SD_JSON_BUILD_PAIR_STRING("path", path));
	if (v)
		json_print(v);
	sd_json_variant_unref(v);
	if (ret >= 0)
		return QUERY_OK;
	log_error("the export is added; cannot print %s: %s", path, log_reason(-ret));
	return QUERY_FAILED;
}

enum query_status export_add(const struct arenactl_options *o)
{
	struct place p;
	enum query_status ret = find_place(o, &p);
	sigset_t signals;

	if (!ret)
		ret = find_disk(o->word[0], p.disk);
	if (!ret)
		ret = is_free(o);
	if (ret)
		return ret;
	hold_signals(&signals);
	ret = add(o, &p);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	if (!ret)
		ret = see_it_serve(o, &p);
	return ret ? ret : print_path(o, p.path);
}

/* Can another export get the number? An arenad of an earlier version does not tell that. */
static bool is_listed_free(struct sd_json_variant *status, int64_t sp)
{
	struct sd_json_variant *all = sd_json_variant_by_key(status, "freeSps");

	for (size_t i = 0; i < sd_json_variant_elements(all); i++)
		if (json_number_at(all, i) == sp)
			return true;
	return !json_has(status, "freeSps");
}

/* Has another export got it? */
static bool has_export(struct sd_json_variant *reply, int64_t sp)
{
	struct sd_json_variant *all = sd_json_variant_by_key(reply, "exports");

	for (size_t i = 0; i < sd_json_variant_elements(all); i++)
		if (json_number(sd_json_variant_by_index(all, i), "sp") == sp)
			return true;
	return false;
}

static enum query_status look_at_place(const struct arenactl_options *o, int64_t sp, bool *is_free)
{
	struct sd_json_variant *reply = NULL;
	struct sd_varlink *link = NULL;
	enum query_status ret = call_open(&o->target, false, &link);

	*is_free = false;
	if (!ret)
		ret = call_to_read(&o->target, &link, "GetStatus", false, &reply);
	if (!ret)
		*is_free = is_listed_free(reply, sp);
	if (!ret && !*is_free)
		ret = call_to_read(&o->target, &link, "ListExports", false, &reply);
	if (!ret && !*is_free)
		*is_free = has_export(reply, sp);
	sd_varlink_close_unref(link);
	return ret;
}

/* Another export gets the place when the storage process has ended, and all others know that. */
static enum query_status await_place(const struct arenactl_options *o, int64_t sp)
{
	int64_t deadline = clock_deadline(o->target.timeout_seconds * 1000LL);
	bool is_free;
	enum query_status ret;

	while (!(ret = look_at_place(o, sp, &is_free)) && !is_free) {
		if (!clock_left_ms(deadline)) {
			log_error("the export is removed, and its place is not free within %u s: "
				  "its storage process has not ended, or a network process has not "
				  "heard of that; the log of arenad says which",
				  o->target.timeout_seconds);
			return QUERY_FAILED;
		}
		clock_sleep_ms(LOOK_MS);
	}
	return ret;
}

/* Sections of the file; more than one, too, if it cannot be read. */
static unsigned int count_sections(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned int n = 0;
	char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) >= 0)
		n += line[strspn(line, " \t")] == '[';
	free(line);
	if (!f || fclose(f))
		return 2;
	return n;
}

/* A section that somebody has added to the file must not be removed with it. */
static enum query_status check_file(const struct place *p)
{
	if (access(p->path, F_OK) || count_sections(p->path) < 2)
		return QUERY_OK;
	log_error("%s has another section, too; remove [export ...] by an editor, and reload",
		  p->path);
	return QUERY_FAILED;
}

static void put_back(const struct place *p)
{
	/* Somebody may have made another one meanwhile. */
	if (link(p->hidden, p->path)) {
		(void)fail("put back", p->path);
		return;
	}
	unlink(p->hidden);
	log_warn("%s stays, as the export is still there, or may be; try again", p->path);
}

static enum query_status take_out(const struct arenactl_options *o, const struct place *p)
{
	enum query_status ret;

	if (rename(p->path, p->hidden)) {
		if (errno != ENOENT)
			return fail("take out", p->path);
		log_error("'exports add' has not made the export '%s', as there is no %s; take it "
			  "out of the file that has it, and reload", o->object, p->path);
		return QUERY_FAILED;
	}
	ret = reload(o);
	if (!may_be_there(o, ret)) {
		unlink(p->hidden);
		return ret;
	}
	if (!ret)
		log_error("another file, or the command line of arenad, names the export, too; "
			  "remove it there first");
	put_back(p);
	return ret ?: QUERY_FAILED;
}

enum query_status export_remove(const struct arenactl_options *o)
{
	struct place p;
	enum query_status ret = find_place(o, &p);
	sigset_t signals;
	struct seen seen;

	if (!ret)
		ret = look(o, &seen);
	if (!ret)
		ret = check_file(&p);
	if (ret)
		return ret;
	hold_signals(&signals);
	ret = take_out(o, &p);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	if (!ret && seen.sp != NO_SP)
		ret = await_place(o, seen.sp);
	if (!ret && o->json)
		puts("{}");
	return ret;
}
