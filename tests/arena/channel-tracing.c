// SPDX-License-Identifier: MIT
/* vm: once */
/*
 * Goal: where Yama forbids processes of one user to fetch descriptors of each other, two of them
 * connect by a control socket, and no third process may fetch a descriptor from them, neither while
 * they connect nor afterwards.
 * Method: three children, none of them another one's ancestor, as a user without rights. Yama is
 * set to what most distributions have, and afterwards to what it was.
 *
 * valgrind: no, when a child ends it searches the address range of the region for leaks
 */
#include "channel.h"

#include <fcntl.h>

#define YAMA	"/proc/sys/kernel/yama/ptrace_scope"
#define USER	65534
#define ENTRIES	16

static int yama(void)
{
	char digit = 0;
	int fd = open(YAMA, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (read(fd, &digit, 1) != 1)
		bail("Yama");
	close(fd);
	return digit - '0';
}

static bool set_yama(int scope)
{
	const char digit = (char)('0' + scope);
	int fd = open(YAMA, O_WRONLY | O_CLOEXEC);
	bool is_set = fd >= 0 && write(fd, &digit, 1) == 1;

	if (fd >= 0)
		close(fd);
	return is_set;
}

static int scope_before;

static void restore_yama(void)
{
	set_yama(scope_before);
}

static void drop_rights(void)
{
	/* A process that has changed its user cannot be traced, unless it says so. */
	if (setgid(USER) || setuid(USER) || prctl(PR_SET_DUMPABLE, 1))
		_exit(9);
}

/* Fetch standard input in a process that is no descendant. Return: its result, 0 or -errno. */
static int fetch_from(pid_t pid)
{
	int status, pidfd = pidfd_of(pid);
	pid_t thief = fork();

	if (!thief) {
		drop_rights();
		_exit(syscall(SYS_pidfd_getfd, pidfd, 0, 0) < 0 ? errno : 0);
	}
	close(pidfd);
	waitpid(thief, &status, 0);
	return -WEXITSTATUS(status);
}

/* A child that opens one end, and says how; it lives until it is killed. */
static pid_t connect_child(struct pair *p, uint32_t self, int fd, uint32_t *word)
{
	struct arena_channel *ch;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	channel_base();
	drop_rights();
	p->options.socket = &fd;
	open_own_arena(self);
	set_word(word, arena_channel_open(own_arena, self == ARENA_ROLE(0, 0) ?
					  ARENA_ROLE(1, 0) : ARENA_ROLE(0, 0),
					  &p->options, &ch) ? 2 : 1);
	pause();
	_exit(0);
}

static void test_transport(enum arena_channel_transport transport)
{
	const struct way way = { .transport = transport, .by_socket = true };
	struct pair p = pair_of(way, ARENA_WAIT_SLEEP, ENTRIES);
	int fds[2], first_fetch;
	pid_t first, second;

	memset(shared, 0, sizeof(*shared));
	if (arena_channel_socketpair(fds))
		bail("control sockets");
	fflush(stdout);
	first = connect_child(&p, ARENA_ROLE(0, 0), fds[0], &shared->taken);
	usleep(20000);
	first_fetch = fetch_from(first);
	second = connect_child(&p, ARENA_ROLE(1, 0), fds[1], &shared->is_ready);
	wait_for_word(&shared->taken);
	wait_for_word(&shared->is_ready);
	ok(get_word(&shared->taken) == 1 && get_word(&shared->is_ready) == 1,
	   "%s: two processes of a user connect although Yama restricts them",
	   transport_name(transport));
	is(first_fetch, -EPERM, "%s: a third process may fetch nothing from one that connects",
	   transport_name(transport));
	is(fetch_from(first), -EPERM,
	   "%s: a third process may fetch nothing from one that has connected",
	   transport_name(transport));
	kill(first, SIGKILL);
	kill(second, SIGKILL);
	waitpid(first, NULL, 0);
	waitpid(second, NULL, 0);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	scope_before = yama();
	channel_test_begin();
	if (scope_before != 0 && scope_before != 1) {
		skip("there is no Yama here, or it forbids more");
		return channel_test_end();
	}
	if (getuid() || !set_yama(1)) {
		skip("Yama cannot be set here");
		return channel_test_end();
	}
	atexit(restore_yama);
	test_transport(ARENA_CHANNEL_MSG_RING);
	test_transport(ARENA_CHANNEL_HYBRID);
	return channel_test_end();
}
