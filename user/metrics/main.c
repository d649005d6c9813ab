// SPDX-License-Identifier: MIT
/*
 * arena-metrics: serve the numbers of arenad over HTTP. One process speaks with arenad, as only
 * root and arenad's user may, and reads nothing that comes from the network; its child speaks HTTP
 * and has no right.
 */
#define _GNU_SOURCE
#include <common/clock.h>
#include <common/log.h>
#include <common/start.h>
#include <control/packet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http.h"
#include "options.h"
#include "page.h"

/* How long the child has to end, and how often it is looked at then. */
#define END_MS		3000
#define LOOK_MS		5

static int answer(int line, struct page *p, const struct query_target *t)
{
	struct http_question q = { 0 };
	struct http_answer a;
	struct iovec part = { .iov_base = &a, .iov_len = sizeof(a) };
	int passed;
	ssize_t n = packet_receive(line, &q, sizeof(q), &passed);

	if (passed >= 0)
		close(passed);
	if (n == -EAGAIN || n == -EPROTO)
		return 0;
	if (n < 0)
		return (int)n;
	page_refresh(p, t);
	a = (struct http_answer){ .number = q.number, .status = p->status };
	/* A child that has left so many answers unread that there is no room gets none. */
	packet_send(line, &part, 1, p->fd);
	return 0;
}

/* Return: 0 if it was asked to stop, or the child has ended; -errno. */
static int loop(const struct metrics_options *o, int line, int signals)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN }, { .fd = line, .events = POLLIN },
	};
	struct page page = PAGE_NONE;
	int ret = 0;

	while (!ret) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			ret = -errno;
		else if (fds[0].revents)
			break;
		else if (fds[1].revents)
			ret = answer(line, &page, &o->target);
	}
	if (page.fd >= 0)
		close(page.fd);
	return ret == -EPIPE ? 0 : ret;
}

/* SIGTERM, SIGINT, and the end of the child, which may be stopped and continued meanwhile. */
static int take_signals(void)
{
	const struct sigaction ends_only = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP };
	sigset_t set;

	if (sigaction(SIGCHLD, &ends_only, NULL))
		return -errno;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

__attribute__((noreturn))
static void be_child(const struct metrics_options *o, const struct listen_set *sockets, int line)
{
	/* SIGTERM and SIGINT stay blocked: the child ends when its parent has closed the line. */
	prctl(PR_SET_NAME, "arena-http", 0, 0, 0);
	_exit(http_serve(o, sockets, line) ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* The child ends when it sees that the line is closed, and has to if it does not. */
static int end_child(pid_t pid)
{
	int64_t deadline = clock_deadline(END_MS);
	int status;
	pid_t ended;

	while (!(ended = waitpid(pid, &status, WNOHANG)) && clock_left_ms(deadline))
		clock_sleep_ms(LOOK_MS);
	if (!ended) {
		kill(pid, SIGKILL);
		ended = waitpid(pid, &status, 0);
	}
	if (ended < 0)
		return -errno;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (WIFSIGNALED(status))
		log_error("the process that serves HTTP was killed by signal %d (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	return -EIO;
}

static int serve(const struct metrics_options *o, const struct listen_set *sockets)
{
	int ends[2], signals = take_signals(), ret = signals < 0 ? signals : packet_open(ends), end;
	pid_t pid;

	if (ret)
		return ret;
	pid = fork();
	if (!pid) {
		close(ends[0]);
		close(signals);
		be_child(o, sockets, ends[1]);
	}
	ret = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (!ret)
		ret = loop(o, ends[0], signals);
	close(ends[0]);
	close(signals);
	end = pid < 0 ? 0 : end_child(pid);
	return ret ? ret : end;
}

int main(int argc, char **argv)
{
	struct metrics_options o;
	struct listen_set sockets;
	int ret;

	start_program("arena-metrics");
	metrics_options_parse(&o, argc, argv);
	log_set_format(o.log_format);
	ret = listen_open(&o.listen, &sockets);
	if (ret)
		return EXIT_FAILURE;
	for (unsigned int i = 0; i < sockets.n; i++) {
		char where[ADDRESS_TEXT_SIZE];

		listen_format(sockets.socket[i].fd, where, sizeof(where));
		log_info("serving http://%s/metrics", where);
	}
	ret = serve(&o, &sockets);
	if (ret)
		log_error("arena-metrics ends: %s", strerror(-ret));
	listen_close(&sockets);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
