// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "http.h"

#include <common/clock.h>
#include <common/log.h>
#include <control/packet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <query/openmetrics.h>
#include <sandbox/sandbox.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

/* A client that sends or takes nothing for so long is cut off. */
#define SILENT_SECONDS		10U
/* What a connection may use for what the client sends. */
#define CONNECTION_BYTES	(16UL << 10)

/* Files beside those of the connections, each of which may also have a page. */
#define OTHER_FILES		64U

#define MEMORY			(64ULL << 20)
#define OOM_SCORE		700

/* The library makes room for its answers by mmap(2), and sends pages by sendfile(2). */
static const char *const calls[] = {
	"accept4", "epoll_ctl", "epoll_wait", "getpeername", "getrandom", "getsockname",
	"getsockopt", "lseek", "pread64", "recvfrom", "recvmsg", "sendfile", "sendmsg", "sendto",
	"shutdown", NULL,
};

/**
 * struct http - the process
 * @line: own end of the pair of sockets to the parent
 * @number: of the last question
 * @timeout_ms: how long the parent may take for an answer
 * @n: used entries of @daemon
 * @daemon: one for each listening socket
 */
struct http {
	int line;
	uint32_t number;
	int timeout_ms;
	unsigned int n;
	struct MHD_Daemon *daemon[LISTEN_MAX];
};

static const struct sandbox_rule rules[] = {
	{ "setsockopt", 2, { { 1, IPPROTO_TCP }, { 2, TCP_NODELAY } } },
	{ "setsockopt", 2, { { 1, IPPROTO_TCP }, { 2, TCP_CORK } } },
	{ .call = NULL },
};

static enum MHD_Result reply(struct MHD_Connection *c, unsigned int code, struct MHD_Response *r,
			     const char *type)
{
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	ret = MHD_queue_response(c, code, r);
	MHD_destroy_response(r);
	return ret;
}

/* @text is static. */
static enum MHD_Result say(struct MHD_Connection *c, unsigned int code, const char *text)
{
	return reply(c, code, MHD_create_response_from_buffer(strlen(text), (void *)text,
							      MHD_RESPMEM_PERSISTENT),
		     "text/plain; charset=utf-8");
}

/*
 * Take an answer to the last question, and throw away those to earlier ones, which came too late.
 * Return: as packet_receive(); -EAGAIN if there is none.
 */
static int take_answer(const struct http *h, struct http_answer *a, int *page)
{
	ssize_t n;

	for (;;) {
		n = packet_receive(h->line, a, sizeof(*a), page);
		if (n < 0 && n != -EPROTO)
			return (int)n;
		if (n == sizeof(*a) && a->number == h->number)
			return 0;
		if (*page >= 0)
			close(*page);
	}
}

/* Return: 0, and @page is a descriptor of the page; enum query_status; or -errno. */
static int ask(struct http *h, int *page)
{
	struct http_question q = { .number = ++h->number };
	struct iovec question = { .iov_base = &q, .iov_len = sizeof(q) };
	int64_t deadline = clock_deadline(h->timeout_ms);
	struct http_answer answer = { .status = QUERY_FAILED };
	int ret = packet_send(h->line, &question, 1, -1);

	*page = -1;
	while (!ret) {
		ret = packet_await(h->line, clock_left_ms(deadline));
		if (ret)
			break;
		ret = take_answer(h, &answer, page);
		if (ret != -EAGAIN)
			break;
		ret = 0;
	}
	return ret ? ret : answer.status;
}

static enum MHD_Result serve_page(struct http *h, struct MHD_Connection *c)
{
	struct MHD_Response *r = NULL;
	struct stat s;
	int page, ret = ask(h, &page);

	if (!ret && page >= 0 && !fstat(page, &s))
		r = MHD_create_response_from_fd64((uint64_t)s.st_size, page);
	if (r)
		return reply(c, MHD_HTTP_OK, r, OPENMETRICS_TYPE);
	if (page >= 0)
		close(page);
	return say(c, MHD_HTTP_SERVICE_UNAVAILABLE, ret == QUERY_NO_ARENAD ?
		   "no arenad answers\n" : "the numbers cannot be had; the log says why\n");
}

static bool is_served(const char *method)
{
	return !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	static int has_begun;

	(void)version;
	(void)upload;
	if (!is_served(method))
		return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are served\n");
	/* The first call is for the headers alone. */
	if (!*state) {
		*state = &has_begun;
		return MHD_YES;
	}
	*upload_size = 0;
	if (!strcmp(url, "/metrics"))
		return serve_page(context, c);
	if (!strcmp(url, "/"))
		return say(c, MHD_HTTP_OK, "arena-metrics: the numbers are at /metrics\n");
	return say(c, MHD_HTTP_NOT_FOUND, "there is only /metrics\n");
}

__attribute__((format(printf, 2, 0)))
static void on_log(void *context, const char *fmt, va_list args)
{
	char text[256];

	(void)context;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_limited(LOG_LEVEL_DEBUG, "HTTP: %s", text);
}

static void stop(struct http *h)
{
	while (h->n)
		MHD_stop_daemon(h->daemon[--h->n]);
}

static int start(struct http *h, const struct listen_set *sockets, unsigned int connections)
{
	for (unsigned int i = 0; i < sockets->n; i++) {
		h->daemon[i] = MHD_start_daemon(
			MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, h,
			MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
			/* It is ignored since the start. */
			MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
			MHD_OPTION_LISTEN_SOCKET, sockets->socket[i].fd,
			MHD_OPTION_CONNECTION_LIMIT, connections,
			MHD_OPTION_CONNECTION_TIMEOUT, SILENT_SECONDS,
			MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
			MHD_OPTION_END);
		if (!h->daemon[i])
			return -EIO;
		h->n++;
	}
	return 0;
}

/* Everything is open but connections and pages. */
static int close_up(const struct metrics_options *o, unsigned int n_sockets)
{
	const struct sandbox_profile profile = {
		.mode = o->sandbox, .calls = calls, .rules = rules, .memory = MEMORY,
		.oom_score = OOM_SCORE,
	};
	rlim_t files = OTHER_FILES + 2UL * n_sockets * o->connections;
	struct rlimit limit = { .rlim_cur = files, .rlim_max = files };
	int ret = user_become(&o->user);

	if (!ret && setrlimit(RLIMIT_NOFILE, &limit))
		ret = -errno;
	/* For the header Date, which is written when there are no files any more. */
	tzset();
	/* Another user's process has no /proc of its own until it can be dumped again. */
	if (!ret && o->sandbox != SANDBOX_OFF) {
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		ret = sandbox_drop(&profile);
		if (ret > 0)
			sandbox_log_missing((unsigned int)ret);
		if (ret >= 0)
			ret = sandbox_filter(&profile);
	}
	return ret < 0 ? ret : 0;
}

/* Return: milliseconds until a connection has been silent for too long, or -1. */
static int next_timeout(const struct http *h)
{
	int ms = -1;

	for (unsigned int i = 0; i < h->n; i++) {
		int next = MHD_get_timeout_i(h->daemon[i]);

		if (next >= 0 && (ms < 0 || next < ms))
			ms = next;
	}
	return ms;
}

static unsigned int connected(struct MHD_Daemon *d)
{
	return MHD_get_daemon_info(d, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/*
 * The library stops listening while it has as many connections as it may, or no more files, and
 * begins again only in the next MHD_run() after connections have ended. Nothing else may cause that
 * one: if all have ended, no event and no timeout is left.
 */
static void run(struct MHD_Daemon *d)
{
	unsigned int before;

	do {
		before = connected(d);
		MHD_run(d);
	} while (connected(d) < before);
}

/* The parent says nothing by itself: the line is readable when it has ended. */
static int loop(struct http *h)
{
	struct pollfd fds[LISTEN_MAX + 1] = { { .fd = h->line, .events = POLLIN } };

	for (unsigned int i = 0; i < h->n; i++)
		fds[i + 1] = (struct pollfd){
			.fd = MHD_get_daemon_info(h->daemon[i], MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd,
			.events = POLLIN,
		};
	for (;;) {
		struct http_answer late;
		int page;

		if (poll(fds, h->n + 1, next_timeout(h)) < 0 && errno != EINTR)
			return -errno;
		/* What comes now comes too late. */
		h->number++;
		if (fds[0].revents && take_answer(h, &late, &page) == -EPIPE)
			return 0;
		for (unsigned int i = 0; i < h->n; i++)
			run(h->daemon[i]);
	}
}

int http_serve(const struct metrics_options *o, const struct listen_set *sockets, int line)
{
	struct http h = {
		.line = line, .timeout_ms = (int)(o->target.timeout_seconds + 1) * 1000,
	};
	int ret = start(&h, sockets, o->connections);

	if (ret)
		log_error("cannot serve HTTP; see the line of libmicrohttpd before, or check "
			  "--listen");
	else
		ret = close_up(o, sockets->n);
	if (!ret) {
		ret = loop(&h);
		if (ret)
			log_error("HTTP is served no more: %s", log_reason(-ret));
	}
	stop(&h);
	return ret;
}
