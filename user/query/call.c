// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "call.h"

#include <arenad/service/interface.h>
#include <common/log.h>
#include <common/runtime_path.h>
#include <errno.h>
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

/*
 * Root's arenads have a folder each where a unit has several instances, see arenad@.service.
 * Return: how many sockets match; or -errno.
 */
static int find(const struct query_target *t, const char *folder, char *path, size_t size)
{
	bool is_any = !t->runtime_dir && !strcmp(folder, RUNTIME_PATH_SYSTEM);
	char pattern[PATH_MAX + MSHAREARENA_NAME_SIZE + 16];
	glob_t found;
	int n;

	snprintf(pattern, sizeof(pattern), "%s%s/%s" SERVICE_ENDING, folder, is_any ? "*" : "",
		 t->region ? t->region : "*");
	n = glob(pattern, GLOB_ERR, NULL, &found);
	if (n)
		return n == GLOB_NOMATCH || errno == ENOENT ? 0 : -errno;
	n = (int)found.gl_pathc;
	if (snprintf(path, size, "%s", found.gl_pathv[0]) >= (int)size)
		n = -ENAMETOOLONG;
	globfree(&found);
	return n;
}

static enum query_status choose(const struct query_target *t, bool is_quiet, char *path,
				size_t size)
{
	char folder[PATH_MAX];
	int n = runtime_path(t->runtime_dir, folder);

	if (!n)
		n = find(t, folder, path, size);
	if (n == 1)
		return QUERY_OK;
	if (is_quiet)
		return QUERY_NO_ARENAD;
	if (n > 1) {
		log_error("there are %d arenads: choose one by --region, or by --runtime-dir", n);
		return QUERY_FAILED;
	}
	if (!n)
		log_error("no arenad%s%s has its folder at %s; --runtime-dir names another one",
			  t->region ? " of region " : "", t->region ? t->region : "", folder);
	else
		log_error("cannot look into %s: %s; %s", folder, strerror(-n), n == -EACCES ?
			  "only root and the user of arenad may" : "use --runtime-dir");
	return n == -EACCES ? QUERY_DENIED : QUERY_NO_ARENAD;
}

static int connect_to(const char *path, uint32_t timeout_seconds)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = timeout_seconds };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;

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

static enum query_status explain(const char *path, int err, bool is_quiet)
{
	if (err == -EACCES || err == -EPERM) {
		if (!is_quiet)
			log_error("cannot connect to %s: only root and the user of arenad may",
				  path);
		return QUERY_DENIED;
	}
	if (!is_quiet && err == -EAGAIN)
		log_error("arenad does not take clients at %s: it hangs, or has very many", path);
	else if (!is_quiet && err == -ECONNREFUSED)
		log_error("the arenad of %s has died, and its processes serve on: start "
			  "another one", path);
	else if (!is_quiet)
		log_error("cannot connect to %s: %s", path, strerror(-err));
	return QUERY_NO_ARENAD;
}

enum query_status call_open(const struct query_target *t, bool is_quiet,
			    struct sd_varlink **link)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	enum query_status status = choose(t, is_quiet, path, sizeof(path));
	int ret;

	*link = NULL;
	if (status)
		return status;
	ret = open_link(t, path, link);
	return ret ? explain(path, ret, is_quiet) : QUERY_OK;
}

static enum query_status explain_error(const char *method, const char *error,
				       struct sd_json_variant *reply)
{
	if (!strcmp(error, SD_VARLINK_ERROR_METHOD_NOT_FOUND)) {
		log_error("%s: the arenad that runs is another version, which does not know it",
			  method);
		return QUERY_FAILED;
	}
	if (!strcmp(error, SD_VARLINK_ERROR_DISCONNECTED) ||
	    !strcmp(error, SD_VARLINK_ERROR_TIMEOUT)) {
		log_error("%s: arenad does not answer: %s", method, error);
		return QUERY_NO_ARENAD;
	}
	if (!strcmp(error, SERVICE_ERROR_FAILED))
		log_error("%s: %s (the log of arenad has more)", method,
			  json_text(reply, "reason"));
	else
		log_error("%s: arenad answers %s", method, error);
	return QUERY_FAILED;
}

/* Return: 0, and @error is NULL or what arenad has answered; -errno without an answer. */
static int call(struct sd_varlink *link, const char *method, struct sd_json_variant *parameters,
		struct sd_json_variant **answer, const char **error)
{
	char name[128];

	*answer = NULL;
	*error = NULL;
	snprintf(name, sizeof(name), "%s.%s", SERVICE_INTERFACE, method);
	return sd_varlink_call(link, name, parameters, answer, error);
}

static enum query_status judge(const char *method, int ret, const char *error,
			       struct sd_json_variant *answer, bool is_quiet)
{
	if (ret >= 0 && !error)
		return QUERY_OK;
	if (is_quiet)
		return QUERY_FAILED;
	if (error)
		return explain_error(method, error, answer);
	log_error("%s: arenad does not answer: %s", method, strerror(-ret));
	return QUERY_NO_ARENAD;
}

enum query_status call_method(struct sd_varlink *link, const char *method,
			      struct sd_json_variant *parameters, bool is_quiet,
			      struct sd_json_variant **reply)
{
	struct sd_json_variant *answer;
	const char *error;
	int ret = call(link, method, parameters, &answer, &error);

	if (reply)
		*reply = answer;
	return judge(method, ret, error, answer, is_quiet);
}

enum query_status call_if_known(struct sd_varlink *link, const char *method, bool is_quiet,
				struct sd_json_variant **reply)
{
	const char *error;
	int ret = call(link, method, NULL, reply, &error);

	if (ret >= 0 && error && !strcmp(error, SD_VARLINK_ERROR_METHOD_NOT_FOUND)) {
		*reply = NULL;
		return QUERY_OK;
	}
	return judge(method, ret, error, *reply, is_quiet);
}
