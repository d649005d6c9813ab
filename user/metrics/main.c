// SPDX-License-Identifier: MIT
/*
 * arena-metrics: serve the numbers of arenad over HTTP. One process speaks with arenad, as only
 * root and arenad's user may, and reads nothing that comes from the network; its child speaks HTTP
 * and has no right. Another child, which is there only if it is wanted, asks NVMe controllers for
 * their health.
 */
#define _GNU_SOURCE
#include <common/clock.h>
#include <common/log.h>
#include <common/start.h>
#include <control/packet.h>
#include <errno.h>
#include <poll.h>
#include <sandbox/sandbox.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disks.h"
#include "http.h"
#include "options.h"
#include "page.h"

/* How long the child has to end, and how often it is looked at then. */
#define END_MS		3000
#define LOOK_MS		5

/**
 * struct metrics - this process
 * @options: command line
 * @line: own end of the pair of sockets to the process that serves HTTP
 * @signals: where signals are read
 * @http: the process that serves HTTP
 * @page: the page
 * @disks: what NVMe controllers have told
 */
struct metrics {
	const struct metrics_options *options;
	int line;
	int signals;
	pid_t http;
	struct page page;
	struct disks disks;
};

static int answer(struct metrics *m)
{
	const struct openmetrics_more more = { .write = disks_write, .context = &m->disks };
	struct http_question q = { 0 };
	struct http_answer a;
	struct iovec part = { .iov_base = &a, .iov_len = sizeof(a) };
	int passed;
	ssize_t n = packet_receive(m->line, &q, sizeof(q), &passed);

	if (passed >= 0)
		close(passed);
	if (n == -EAGAIN || n == -EPROTO)
		return 0;
	if (n < 0)
		return (int)n;
	page_refresh(&m->page, &m->options->target, &more);
	a = (struct http_answer){ .number = q.number, .status = m->page.status };
	/* A child that has left so many answers unread that there is no room gets none. */
	packet_send(m->line, &part, 1, m->page.fd);
	return 0;
}

/* Return: 1 if it has to end: it was asked to, or the process that serves HTTP has ended. */
static int take_signal(struct metrics *m)
{
	struct signalfd_siginfo info;
	siginfo_t ended = { .si_pid = 0 };

	if (read(m->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo != SIGCHLD)
		return 1;
	/* Of two that end at once there may be one signal only. */
	disks_reap(&m->disks);
	waitid(P_PID, (id_t)m->http, &ended, WEXITED | WNOHANG | WNOWAIT);
	return ended.si_pid == m->http;
}

/* Return: 0 if it was asked to stop, or the child has ended; -errno. */
static int loop(struct metrics *m)
{
	int ret = 0;

	while (!ret) {
		struct pollfd fds[] = {
			{ .fd = m->signals, .events = POLLIN },
			{ .fd = m->line, .events = POLLIN },
			{ .fd = m->disks.line, .events = POLLIN },
		};

		if (poll(fds, 3, -1) < 0) {
			ret = errno == EINTR ? 0 : -errno;
			continue;
		}
		if (fds[0].revents && take_signal(m))
			break;
		if (fds[2].revents && m->disks.line >= 0)
			disks_take(&m->disks);
		if (fds[1].revents)
			ret = answer(m);
	}
	if (m->page.fd >= 0)
		close(m->page.fd);
	return ret == -EPIPE ? 0 : ret;
}

/* SIGTERM, SIGINT, and the end of a child, which may be stopped and continued meanwhile. */
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
		log_error("the process that serves HTTP was killed by signal %d (%s); if nobody "
			  "did that, the kernel's log may say why", WTERMSIG(status),
			  strsignal(WTERMSIG(status)));
	return -EIO;
}

static int start_http(struct metrics *m, const struct listen_set *sockets)
{
	int ends[2], ret = packet_open(ends);

	if (ret)
		return ret;
	m->http = fork();
	if (!m->http) {
		close(ends[0]);
		close(m->signals);
		if (m->disks.line >= 0)
			close(m->disks.line);
		/* A sandbox takes it together with all other rights. */
		if (m->options->sandbox == SANDBOX_OFF && disks_settle(&m->disks))
			_exit(EXIT_FAILURE);
		be_child(m->options, sockets, ends[1]);
	}
	ret = m->http < 0 ? -errno : 0;
	close(ends[1]);
	m->line = ends[0];
	return ret;
}

static int serve(const struct metrics_options *o, const struct listen_set *sockets)
{
	static struct metrics m;
	int ret, end = 0;

	m = (struct metrics){ .options = o, .line = -1, .page = PAGE_NONE, .disks = DISKS_NONE };
	m.signals = take_signals();
	if (m.signals < 0)
		return m.signals;
	/* Both children begin with the rights that they give up, or keep one of. */
	ret = disks_start(&m.disks, o, sockets, m.signals);
	if (!ret)
		ret = start_http(&m, sockets);
	if (!ret)
		ret = disks_settle(&m.disks);
	if (!ret)
		ret = loop(&m);
	disks_end(&m.disks);
	if (m.line >= 0)
		close(m.line);
	close(m.signals);
	if (m.http > 0)
		end = end_child(m.http);
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
		log_error("arena-metrics ends: %s", ret == -EIO ?
			  "the process that serves HTTP has ended" LOG_SEE_ABOVE :
			  log_reason(-ret));
	listen_close(&sockets);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
