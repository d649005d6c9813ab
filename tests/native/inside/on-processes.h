/* SPDX-License-Identifier: MIT */
/*
 * Attempts on other processes, by system calls: on arenad, which has rights that a daemon has not,
 * on a peer, which has the same rights, and on a sibling, which is of the same kind and mostly has
 * the same user. Each returns a negative error if it was refused. This header must not know of
 * rings or of the region.
 */
#ifndef INSIDE_ON_PROCESSES_H
#define INSIDE_ON_PROCESSES_H

#include <linux/kcmp.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "by-call.h"

/* Processes that are to be there at a time. */
#define BOMB	64

/* A descriptor that was received from arenad; those of peers are pidfds. */
#define TOLD_MAX	16

/* The test says which process is a peer, and which one is a sibling. */
static pid_t peer_pid, sibling_pid;
static int told[TOLD_MAX];
static unsigned int n_told;

/* The control socket brings the pidfds of the peers. */
ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
	ssize_t n = REAL(recvmsg)(fd, m, flags);
	struct cmsghdr *c = n >= 0 && m->msg_control ? CMSG_FIRSTHDR(m) : NULL;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && n_told < TOLD_MAX)
		memcpy(&told[n_told++], CMSG_DATA(c), sizeof(int));
	return n;
}

static int signal_process(pid_t pid)
{
	return call(raw(SYS_kill, pid, SIGCONT));
}

static int signal_arenad(void)
{
	return signal_process(getppid());
}

static int signal_peer(void)
{
	return signal_process(peer_pid);
}

static int signal_peers_thread(void)
{
	return call(raw(SYS_tgkill, peer_pid, peer_pid, SIGCONT));
}

static int signal_sibling(void)
{
	return signal_process(sibling_pid);
}

static int signal_by_new_pidfd(pid_t pid)
{
	long fd = raw(SYS_pidfd_open, pid, 0);
	int ret = fd < 0 ? -errno : call(raw(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0));

	if (fd >= 0)
		close((int)fd);
	return ret;
}

static int signal_by_pidfd(void)
{
	return signal_by_new_pidfd(getppid());
}

static int signal_sibling_by_pidfd(void)
{
	return signal_by_new_pidfd(sibling_pid);
}

/* By one that the process has anyhow. */
static int signal_peer_by_pidfd(void)
{
	int ret = -ENOENT;

	for (unsigned int i = 0; i < n_told && ret < 0; i++)
		ret = call(raw(SYS_pidfd_send_signal, told[i], SIGCONT, NULL, 0));
	return ret;
}

static int signal_by_file(void)
{
	int ret = call(raw(SYS_fcntl, STDERR_FILENO, F_SETOWN, getppid()));

	if (!ret)
		raw(SYS_fcntl, STDERR_FILENO, F_SETOWN, 0);
	return ret;
}

static int take_descriptor_of(pid_t pid)
{
	long fd = raw(SYS_pidfd_open, pid, 0);
	int ret = fd < 0 ? -errno : call_fd(raw(SYS_pidfd_getfd, fd, STDERR_FILENO, 0));

	if (fd >= 0)
		close((int)fd);
	return ret;
}

static int take_descriptor(void)
{
	return take_descriptor_of(getppid());
}

static int take_descriptor_of_peer(void)
{
	return take_descriptor_of(peer_pid);
}

static int take_descriptor_of_sibling(void)
{
	return take_descriptor_of(sibling_pid);
}

/* A process that could be traced goes on. */
static int trace(pid_t pid)
{
	int ret = call(raw(SYS_ptrace, PTRACE_SEIZE, pid, NULL, NULL));

	if (ret)
		return ret;
	raw(SYS_ptrace, PTRACE_INTERRUPT, pid, NULL, NULL);
	raw(SYS_wait4, pid, NULL, __WALL, NULL);
	raw(SYS_ptrace, PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}

static int trace_arenad(void)
{
	return trace(getppid());
}

static int trace_peer(void)
{
	return trace(peer_pid);
}

static int trace_sibling(void)
{
	return trace(sibling_pid);
}

/* Nothing is mapped at this address, which the kernel says to those who may write there. */
static int write_memory_of(pid_t pid)
{
	char byte = 0;
	struct iovec from = { &byte, 1 }, to = { (void *)16, 1 };
	int ret = call(raw(SYS_process_vm_writev, pid, &from, 1, &to, 1, 0));

	return ret == -EFAULT ? 0 : ret;
}

static int write_peers_memory(void)
{
	return write_memory_of(peer_pid);
}

static int write_siblings_memory(void)
{
	return write_memory_of(sibling_pid);
}

static int open_peers_memory(void)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/mem", peer_pid);
	return call_fd(raw(SYS_openat, AT_FDCWD, path, O_RDWR));
}

static int compare_with_peer(void)
{
	return call(raw(SYS_kcmp, getpid(), peer_pid, KCMP_FILE, STDERR_FILENO, STDERR_FILENO));
}

/* By each call that there is for it. */
static long fork_by(int way)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	switch (way) {
	case 0:
		return raw(SYS_fork);
	case 1:
		return raw(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	default:
		return raw(SYS_clone3, &args, sizeof(args));
	}
}

static int start_process(void)
{
	int ret = 0;

	for (int way = 0; way < 3; way++) {
		long pid = fork_by(way);

		if (!pid)
			raw(SYS_exit_group, 0);
		if (pid < 0)
			ret = -errno;
		else
			raw(SYS_wait4, pid, NULL, 0, NULL);
	}
	return ret;
}

/* Processes that would stay, if there were not the end of the attempt. */
static int start_many(void)
{
	long pid[BOMB];
	int n = 0, err = 0;

	while (n < BOMB && !err) {
		pid[n] = raw(SYS_fork);
		if (!pid[n])
			for (;;)
				raw(SYS_pause);
		if (pid[n] < 0)
			err = errno;
		else
			n++;
	}
	for (int i = 0; i < n; i++) {
		raw(SYS_kill, pid[i], SIGKILL);
		raw(SYS_wait4, pid[i], NULL, 0, NULL);
	}
	return n < BOMB ? -err : 0;
}

#endif /* INSIDE_ON_PROCESSES_H */
