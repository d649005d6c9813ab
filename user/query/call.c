// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "call.h"

#include <arenad/service/interface.h>
#include <common/clock.h>
#include <common/log.h>
#include <common/runtime_path.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/msharearena.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "json.h"

#define SECOND_US	1000000ULL

/* An arenad that is replaced by another one answers again within this time, or hangs. */
#define PATIENCE_MS	10000

/* How often it is tried again meanwhile. */
#define LOOK_MS		50

/* Room for the names of all arenads between which one has to be chosen. */
#define LIST_SIZE	800

/**
 * struct site - what there is in the runtime folder
 * @folder: the folder
 * @found: the sockets there that match, to be freed with globfree()
 * @n: how many these are, or -errno
 */
struct site {
	char folder[PATH_MAX];
	glob_t found;
	int n;
};

/*
 * Root's arenads have a folder each where a unit has several instances, see arenad@.service.
 * Return: how many files with that ending match; or -errno.
 */
static int find(const struct query_target *t, const char *folder, const char *ending, glob_t *found)
{
	bool is_any = !t->runtime_dir && !strcmp(folder, RUNTIME_PATH_SYSTEM);
	char pattern[PATH_MAX + MSHAREARENA_NAME_SIZE + 16];
	int n;

	snprintf(pattern, sizeof(pattern), "%s%s/%s%s", folder, is_any ? "*" : "",
		 t->region ? t->region : "*", ending);
	n = glob(pattern, GLOB_ERR, NULL, found);
	if (n)
		return n == GLOB_NOMATCH || errno == ENOENT ? 0 : -errno;
	return (int)found->gl_pathc;
}

/* Has a process locked the file, as an arenad does from its start to its end? */
static bool is_locked(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return false;
	ret = fcntl(fd, F_GETLK, &lock);
	close(fd);
	return !ret && lock.l_type != F_UNLCK;
}

/*
 * Does the arenad run that does not listen? When it is replaced, the next one executes in the same
 * process, and nobody listens until it has adopted all other processes.
 */
static bool is_held(const struct query_target *t, const struct site *s)
{
	glob_t found = { 0 };
	bool ret = find(t, s->folder, RUNTIME_PATH_LOCK, &found) == 1 &&
		   is_locked(found.gl_pathv[0]);

	globfree(&found);
	return ret;
}

/* "REGION in FOLDER" for each socket */
static void list_sites(const struct site *s, char list[LIST_SIZE])
{
	size_t n = 0;

	list[0] = '\0';
	for (size_t i = 0; i < s->found.gl_pathc && n < LIST_SIZE; i++) {
		const char *path = s->found.gl_pathv[i], *name = strrchr(path, '/') + 1;

		n += (size_t)snprintf(list + n, LIST_SIZE - n, "%s%.*s in %.*s", i ? ", " : "",
				      (int)(strlen(name) - strlen(SERVICE_ENDING)), name,
				      (int)(name - 1 - path), path);
	}
}

static enum query_status explain_choice(const struct query_target *t, const struct site *s)
{
	char list[LIST_SIZE];

	if (s->n > 1) {
		list_sites(s, list);
		log_error("there are %d arenads, %s; choose one by --region, or by --runtime-dir",
			  s->n, list);
		return QUERY_FAILED;
	}
	if (!s->n)
		log_error("no arenad%s%s has its folder at %s; --runtime-dir names another one",
			  t->region ? " of region " : "", t->region ? t->region : "", s->folder);
	else
		log_error("cannot look into %s: %s; %s", s->folder, strerror(-s->n),
			  s->n == -EACCES ? "only root and the user of arenad may" :
			  "use --runtime-dir");
	return s->n == -EACCES ? QUERY_DENIED : QUERY_NO_ARENAD;
}

static int connect_to(const char *path, uint32_t timeout_seconds)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = timeout_seconds };
	int fd, ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strlen(path) + 1);
	/* It waits if many others do. */
	if (!setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) &&
	    !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* Return: 0 or -errno. */
static int open_link(const struct query_target *t, const char *path, struct sd_varlink **link)
{
	int fd = connect_to(path, t->timeout_seconds), ret;

	if (fd < 0)
		return fd;
	ret = sd_varlink_connect_fd(link, fd);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	sd_varlink_set_relative_timeout(*link, t->timeout_seconds * SECOND_US);
	return 0;
}

/* @is_running: the arenad runs that does not listen */
static enum query_status explain(const char *path, int err, bool is_running)
{
	if (err == -EACCES || err == -EPERM) {
		log_error("cannot connect to %s: only root and the user of arenad may; try sudo",
			  path);
		return QUERY_DENIED;
	}
	if (err == -EAGAIN)
		log_error("arenad does not take clients at %s: it hangs, or has very many; its log "
			  "may say why", path);
	else if (err == -ECONNREFUSED && is_running)
		log_error("the arenad of %s runs, and does not answer yet: it starts, or is being "
			  "replaced; try again in a moment", path);
	else if (err == -ECONNREFUSED)
		log_error("the arenad of %s has died, and its processes serve on; start another "
			  "one", path);
	else
		log_error("cannot connect to %s: %s", path, log_reason(-err));
	return QUERY_NO_ARENAD;
}

/* Return: 0, or -errno, and @s says what was found. */
static int try_open(const struct query_target *t, struct site *s, struct sd_varlink **link)
{
	*link = NULL;
	s->found = (glob_t){ 0 };
	s->n = runtime_path(t->runtime_dir, s->folder);
	if (!s->n)
		s->n = find(t, s->folder, SERVICE_ENDING, &s->found);
	if (s->n < 0)
		return s->n;
	return s->n == 1 ? open_link(t, s->found.gl_pathv[0], link) : -ENOENT;
}

/* Can nobody listen because arenad is being replaced? */
static bool is_gap(const struct site *s, int err)
{
	return !s->n || (s->n == 1 && (err == -ECONNREFUSED || err == -ENOENT));
}

static int64_t end_of_patience(const struct query_target *t)
{
	int64_t ms = t->timeout_seconds * 1000LL;

	return clock_deadline(ms < PATIENCE_MS ? ms : PATIENCE_MS);
}

enum query_status call_open(const struct query_target *t, bool is_quiet,
			    struct sd_varlink **link)
{
	int64_t deadline = end_of_patience(t);
	enum query_status status;
	bool is_running;
	struct site s;
	int ret;

	for (;;) {
		ret = try_open(t, &s, link);
		is_running = ret && is_gap(&s, ret) && is_held(t, &s);
		if (!is_running || !clock_left_ms(deadline))
			break;
		globfree(&s.found);
		clock_sleep_ms(LOOK_MS);
	}
	if (!ret)
		status = QUERY_OK;
	else if (is_quiet)
		status = QUERY_NO_ARENAD;
	else if (s.n == 1)
		status = explain(s.found.gl_pathv[0], ret, is_running);
	else
		status = explain_choice(t, &s);
	globfree(&s.found);
	return status;
}

enum query_status call_open_now(const struct query_target *t, struct sd_varlink **link)
{
	struct site s;
	int ret = try_open(t, &s, link);

	globfree(&s.found);
	return ret ? QUERY_NO_ARENAD : QUERY_OK;
}

/**
 * struct answer - what became of a call
 * @ret: -errno if there was no answer
 * @error: NULL, or the error that arenad has answered, or one of the library
 * @reply: the answer, which belongs to the connection
 */
struct answer {
	int ret;
	const char *error;
	struct sd_json_variant *reply;
};

static struct answer call(struct sd_varlink *link, const char *method,
			  struct sd_json_variant *parameters)
{
	struct answer a = { 0 };
	char name[128];

	snprintf(name, sizeof(name), "%s.%s", SERVICE_INTERFACE, method);
	a.ret = sd_varlink_call(link, name, parameters, &a.reply, &a.error);
	return a;
}

static bool is_error(const struct answer *a, const char *error)
{
	return a->ret >= 0 && a->error && !strcmp(a->error, error);
}

/* Has the connection ended before the answer, as it does when arenad is replaced? */
static bool is_cut_off(const struct answer *a)
{
	return a->ret == -ECONNRESET || a->ret == -EPIPE || a->ret == -ENOTCONN ||
	       is_error(a, SD_VARLINK_ERROR_DISCONNECTED);
}

static bool is_late(const struct answer *a)
{
	return a->ret == -ETIME || a->ret == -ETIMEDOUT || is_error(a, SD_VARLINK_ERROR_TIMEOUT);
}

static enum query_status explain_no_answer(const struct query_target *t, const char *method,
					   const struct answer *a)
{
	if (is_late(a))
		log_error("%s: arenad does not answer within %u s; its log may say why", method,
			  t->timeout_seconds);
	else if (is_cut_off(a))
		log_error("%s: arenad has ended, or was replaced, before it has answered; look "
			  "whether it was done, and repeat it if not", method);
	else
		log_error("%s: arenad does not answer: %s", method, log_reason(-a->ret));
	return QUERY_NO_ARENAD;
}

static enum query_status judge(const struct query_target *t, const char *method,
			       const struct answer *a, bool is_quiet)
{
	char reason[JSON_SHOWN_SIZE];

	if (a->ret >= 0 && !a->error)
		return QUERY_OK;
	if (is_quiet)
		return QUERY_FAILED;
	if (a->ret < 0 || is_late(a) || is_cut_off(a))
		return explain_no_answer(t, method, a);
	if (is_error(a, SD_VARLINK_ERROR_METHOD_NOT_FOUND))
		log_error("%s: the arenad that runs is another version, which does not know it; "
			  "'arenactl upgrade' makes them one version", method);
	else if (is_error(a, SERVICE_ERROR_FAILED))
		log_error("%s: %s%s", method, json_show(reason, a->reply, "reason"),
			  json_true(a->reply, "hasMore") ? "; the log of arenad has more" : "");
	else
		log_error("%s: arenad answers %s; its log may say why", method, a->error);
	return QUERY_FAILED;
}

enum query_status call_method(const struct query_target *t, struct sd_varlink *link,
			      const char *method, struct sd_json_variant *parameters, bool is_quiet,
			      struct sd_json_variant **reply)
{
	struct answer a = call(link, method, parameters);

	if (reply)
		*reply = a.reply;
	return judge(t, method, &a, is_quiet);
}

enum query_status call_once(const struct query_target *t, struct sd_varlink *link,
			    const char *method, bool *was_cut_off, struct sd_json_variant **reply)
{
	struct answer a = call(link, method, NULL);

	*was_cut_off = is_cut_off(&a);
	*reply = a.reply;
	return judge(t, method, &a, *was_cut_off);
}

/* It changes nothing, so it can be sent again when the connection has ended. */
static enum query_status call_again(const struct query_target *t, struct sd_varlink **link,
				    const char *method, bool is_quiet, struct answer *a)
{
	enum query_status status = QUERY_OK;
	int64_t deadline;

	*a = call(*link, method, NULL);
	deadline = end_of_patience(t);
	while (!status && is_cut_off(a) && clock_left_ms(deadline)) {
		clock_sleep_ms(LOOK_MS);
		sd_varlink_close_unref(*link);
		status = call_open(t, is_quiet, link);
		if (!status)
			*a = call(*link, method, NULL);
	}
	return status;
}

enum query_status call_to_read(const struct query_target *t, struct sd_varlink **link,
			       const char *method, bool is_quiet, struct sd_json_variant **reply)
{
	struct answer a;
	enum query_status status = call_again(t, link, method, is_quiet, &a);

	*reply = status ? NULL : a.reply;
	return status ? status : judge(t, method, &a, is_quiet);
}

enum query_status call_if_known(const struct query_target *t, struct sd_varlink **link,
				const char *method, bool is_quiet, struct sd_json_variant **reply)
{
	struct answer a;
	enum query_status status = call_again(t, link, method, is_quiet, &a);
	bool is_unknown = !status && is_error(&a, SD_VARLINK_ERROR_METHOD_NOT_FOUND);

	*reply = status || is_unknown ? NULL : a.reply;
	return status || is_unknown ? status : judge(t, method, &a, is_quiet);
}

enum query_status call_open_to_change(const struct query_target *t, bool is_quiet,
				      struct sd_varlink **link)
{
	struct sd_json_variant *status;
	enum query_status ret = call_open(t, is_quiet, link);

	return ret ? ret : call_to_read(t, link, "GetStatus", is_quiet, &status);
}
