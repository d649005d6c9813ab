// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <arenad/service.h>

#include <arenad/own_fd.h>
#include <arenad/runtime.h>
#include <common/clock.h>
#include <common/log.h>
#include <common/utf8.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-varlink.h>
#include <unistd.h>

#include "interface.h"
#include "methods.h"
#include "outcomes.h"

/* Steps of a connection, and connections accepted, in one turn. */
#define STEPS	16
#define ACCEPTS	4

/**
 * struct connection - a client
 * @link: its connection; NULL if the entry is unused
 * @caller: what its methods know
 * @deadline: when it is ended
 * @bytes: what it has sent so far
 * @is_busy: there may be something to do that poll(2) does not tell
 */
struct connection {
	struct sd_varlink *link;
	struct service_caller caller;
	int64_t deadline;
	uint64_t bytes;
	bool is_busy;
};

/**
 * struct service - all of it
 * @server: what answers
 * @crew: the processes
 * @runtime: the folder of the socket
 * @name: the name of the socket there
 * @fd: the listening socket
 * @instance: tells this program from others that arenad executes
 * @connection: the clients
 */
struct service {
	struct sd_varlink_server *server;
	struct crew *crew;
	const struct runtime *runtime;
	char name[RUNTIME_NAME_SIZE];
	int fd;
	char instance[24];
	struct connection connection[SERVICE_CONNECTIONS];
};

/*
 * Clients
 */

static void drop(struct connection *c)
{
	sd_varlink_close_unref(c->link);
	c->link = NULL;
	c->caller.wish = SERVICE_NOTHING;
}

static struct connection *find_unused(struct service *s)
{
	for (unsigned int i = 0; i < SERVICE_CONNECTIONS; i++)
		if (!s->connection[i].link)
			return &s->connection[i];
	return NULL;
}

/* Return: 0, and the connection has @fd, or -errno. */
static int admit(struct service *s, int fd)
{
	struct connection *c = find_unused(s);
	struct sd_varlink *link;
	int ret;

	if (!c)
		return -EUSERS;
	ret = sd_varlink_server_add_connection(s->server, fd, &link);
	if (ret < 0)
		return ret;
	*c = (struct connection){
		.link = sd_varlink_ref(link),
		.caller = { .crew = s->crew, .instance = s->instance },
		.deadline = clock_deadline(SERVICE_SECONDS * 1000LL),
	};
	sd_varlink_set_userdata(link, &c->caller);
	return 0;
}

static void accept_clients(struct service *s)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), ret;

		if (fd < 0)
			return;
		ret = admit(s, fd);
		if (!ret)
			continue;
		log_limited(LOG_LEVEL_WARN, "Varlink: a client is refused: %s",
			    ret == -EUSERS ? "there are too many; end some" : log_reason(-ret));
		close(fd);
	}
}

static bool is_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) > 0 && p.revents & POLLOUT;
}

/*
 * It is asked before each step, as any may read, also one that begins with a message that was read
 * before. One takes no more than is there, or 64 KiB. What a step leaves is counted again.
 */
static bool sends_too_much(struct connection *c, int fd)
{
	int waiting = 0;

	if (ioctl(fd, SIOCINQ, &waiting))
		return false;
	c->bytes += (unsigned int)waiting;
	if (c->bytes <= SERVICE_BYTES)
		return false;
	log_limited(LOG_LEVEL_WARN, "Varlink: a client is cut off that has sent more than %u "
		    "bytes; look for the mistake in that client", SERVICE_BYTES);
	return true;
}

/*
 * One step of the library reads what is there, or parses one message, answers one, or writes.
 * Return: is there more to do? The connection may have ended then.
 */
static bool take_step(struct connection *c)
{
	int fd = sd_varlink_get_fd(c->link), events = sd_varlink_get_events(c->link), ret;

	if (fd < 0 || events < 0 || sends_too_much(c, fd)) {
		drop(c);
		return false;
	}
	/* Who does not read its answers gets no further ones. */
	if (events & POLLOUT && !is_writable(fd))
		return false;
	ret = sd_varlink_process(c->link);
	if (ret < 0)
		drop(c);
	return ret > 0;
}

static void serve(struct connection *c, short revents)
{
	bool goes_on = true;

	for (int i = 0; i < STEPS && goes_on; i++)
		goes_on = take_step(c);
	c->is_busy = goes_on;
	/* Nothing else tells that a client has gone while its call waits. */
	if (c->link && !goes_on && revents & (POLLHUP | POLLERR))
		drop(c);
}

static void end_late(struct connection *c)
{
	if (c->link && !c->caller.wish && !clock_left_ms(c->deadline))
		drop(c);
}

unsigned int service_poll(const struct service *s, struct pollfd *fd)
{
	if (!s)
		return 0;
	fd[0] = (struct pollfd){ .fd = s->fd, .events = POLLIN };
	for (unsigned int i = 0; i < SERVICE_CONNECTIONS; i++) {
		const struct connection *c = &s->connection[i];
		int events = c->link ? sd_varlink_get_events(c->link) : 0;

		fd[1 + i] = (struct pollfd){
			.fd = c->link ? sd_varlink_get_fd(c->link) : -1,
			.events = (short)(events > 0 ? events : 0),
		};
	}
	return SERVICE_FDS;
}

int service_wait_ms(const struct service *s)
{
	int ms = -1;

	for (unsigned int i = 0; s && i < SERVICE_CONNECTIONS; i++) {
		const struct connection *c = &s->connection[i];
		int left = c->is_busy ? 0 : clock_left_ms(c->deadline);

		if (c->link && !c->caller.wish && (ms < 0 || left < ms))
			ms = left;
	}
	return ms;
}

void service_turn(struct service *s, const struct pollfd *fd)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < SERVICE_CONNECTIONS; i++) {
		struct connection *c = &s->connection[i];

		if (c->link && (fd[1 + i].revents || c->is_busy))
			serve(c, fd[1 + i].revents);
		end_late(c);
	}
	if (fd[0].revents)
		accept_clients(s);
}

/*
 * What they want to have done
 */

enum service_wish service_take(struct service *s)
{
	for (unsigned int i = 0; s && i < SERVICE_CONNECTIONS; i++) {
		struct service_caller *caller = &s->connection[i].caller;

		if (!caller->wish || caller->is_taken)
			continue;
		caller->is_taken = true;
		return caller->wish;
	}
	return SERVICE_NOTHING;
}

/* A call that wants no answer gets none, and then these calls fail. */
static void answer(struct connection *c, const struct log_catch *failed, const struct outcome *out)
{
	struct sd_json_variant *v = NULL;
	char reason[LOG_CATCH_SIZE];

	c->caller.wish = SERVICE_NOTHING;
	/* An error may have the name of a file, which need not be UTF-8. */
	if (failed && failed->text[0])
		sd_varlink_errorbo(c->link, SERVICE_ERROR_FAILED,
				   SD_JSON_BUILD_PAIR_STRING(
					   "reason", utf8_show(reason, sizeof(reason), failed->text,
							       strlen(failed->text))),
				   SD_JSON_BUILD_PAIR_BOOLEAN("hasMore", failed->n > 1));
	else if (out && outcomes_show(out, &v))
		sd_varlink_error_errno(c->link, -ENOMEM);
	else
		sd_varlink_reply(c->link, v);
	sd_json_variant_unref(v);
	/* It goes out at once, as arenad may end now. */
	sd_varlink_process(c->link);
	c->is_busy = true;
}

void service_answer(struct service *s, enum service_wish wish, const struct log_catch *failed,
		    const struct outcome *out)
{
	for (unsigned int i = 0; s && i < SERVICE_CONNECTIONS; i++)
		if (s->connection[i].link && s->connection[i].caller.wish == wish &&
		    s->connection[i].caller.is_taken)
			answer(&s->connection[i], failed, out);
}

/*
 * The socket
 */

/*
 * Whatever is there belongs to an arenad that has died, since this one has the lock of the region.
 * The file has the mode of the socket, so nobody else can connect at any moment.
 */
static int bind_and_listen(struct service *s, const struct sockaddr_un *address)
{
	if (unlinkat(s->runtime->folder, s->name, 0) && errno != ENOENT)
		return -errno;
	return fchmod(s->fd, 0600) ||
	       bind(s->fd, (const struct sockaddr *)address, sizeof(*address)) ||
	       listen(s->fd, SERVICE_CONNECTIONS) ? -errno : 0;
}

static int listen_at(struct service *s)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n;

	runtime_file(s->runtime, SERVICE_ENDING, s->name);
	n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", s->runtime->path,
		     s->name);
	if (n >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	s->fd = own_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	return s->fd < 0 ? -errno : bind_and_listen(s, &address);
}

static int make_server(struct service *s)
{
	/* Who may open the socket is asked here, too. */
	int ret = sd_varlink_server_new(&s->server, SD_VARLINK_SERVER_ROOT_ONLY |
					SD_VARLINK_SERVER_MYSELF_ONLY);

	if (ret >= 0)
		ret = sd_varlink_server_set_info(s->server, "msharearena", "arenad",
						 MSHAREARENA_VERSION, NULL);
	return ret < 0 ? ret : methods_bind(s->server);
}

struct service *service_open(struct crew *crew, const struct runtime *r)
{
	struct service *s = calloc(1, sizeof(*s));
	int ret = -ENOMEM;

	if (s) {
		s->crew = crew;
		s->runtime = r;
		s->fd = -1;
		snprintf(s->instance, sizeof(s->instance), "%" PRIx64, clock_boot_ns());
		ret = make_server(s);
	}
	if (ret >= 0)
		ret = listen_at(s);
	if (ret >= 0)
		return s;
	log_warn("there is no Varlink service in %s: %s", r->path, log_reason(-ret));
	service_close(s);
	return NULL;
}

void service_close(struct service *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < SERVICE_CONNECTIONS; i++)
		if (s->connection[i].link)
			drop(&s->connection[i]);
	if (s->fd >= 0) {
		unlinkat(s->runtime->folder, s->name, 0);
		close(s->fd);
	}
	sd_varlink_server_unref(s->server);
	free(s);
}
