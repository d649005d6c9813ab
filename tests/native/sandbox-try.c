// SPDX-License-Identifier: MIT
/*
 * Takes the sandbox of an NP or an SP and then tries to break out of it.
 *
 * Usage: sandbox-try np|sp drop|filter ATTEMPT
 *
 * With "drop" the filter of system calls is left out, as io_uring's operations pass it by. Exit
 * status: 0 if the attempt was refused, 1 if it succeeded, 2 if it failed
 * otherwise, 77 in builds with sanitizers, whose sandbox is wider. A filter kills the process.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <listen/socket.h>
#include <np/profile.h>
#include <sandbox/measures.h>
#include <signal.h>
#include <sp/profile.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static long try_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long try_create(void)
{
	return open("new-file", O_WRONLY | O_CREAT, 0600);
}

static long try_unlink(void)
{
	return unlink("victim");
}

static long try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long try_kill(void)
{
	return kill(getppid(), SIGCONT);
}

static long try_signal_init(void)
{
	return syscall(SYS_tgkill, 1, 1, 0);
}

static long try_exec(void)
{
	return execl("/bin/true", "true", NULL);
}

static long try_fork(void)
{
	return fork();
}

static long try_rings(void)
{
	struct io_uring_params p = { 0 };

	return syscall(SYS_io_uring_setup, 4, &p);
}

static long try_nop(void)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	int ret = io_uring_queue_init(4, &ring, 0);

	if (!ret) {
		io_uring_prep_nop(io_uring_get_sqe(&ring));
		ret = io_uring_submit_and_wait(&ring, 1) < 0 ? -EIO : 0;
	}
	if (!ret)
		ret = io_uring_peek_cqe(&ring, &cqe);
	if (!ret)
		ret = cqe->res;
	errno = -ret;
	return ret < 0 ? -1 : 0;
}

static long try_exec_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED ? -1 : 0;
}

static long connect_by(int fd)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(1) };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(fd, (struct sockaddr *)&to, sizeof(to));
}

static long try_connect(void)
{
	return connect_by(socket(AF_INET, SOCK_STREAM, 0));
}

/* Opened before the sandbox, as the sockets that a process has when it serves. */
static int early_socket = -1;

static long try_connect_early(void)
{
	return connect_by(early_socket);
}

/* Other NPs have the same listening sockets. */
static long try_blocking(void)
{
	return fcntl(STDIN_FILENO, F_SETFL, 0);
}

/* A mailbox is shared memory, and has to keep the pages of its ring. */
static long try_punch(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : madvise(p, 4096, MADV_REMOVE);
}

static const struct {
	const char *name;
	long (*run)(void);
} attempts[] = {
	{ "open", try_open }, { "create", try_create }, { "unlink", try_unlink },
	{ "socket", try_socket }, { "connect", try_connect },
	{ "connect-early", try_connect_early }, { "ptrace", try_ptrace },
	{ "kill", try_kill }, { "tgkill", try_signal_init }, { "exec", try_exec },
	{ "fork", try_fork }, { "io_uring_setup", try_rings },
	{ "nop", try_nop },
	{ "exec-memory", try_exec_memory }, { "F_SETFL", try_blocking },
	{ "MADV_REMOVE", try_punch },
};

static int enter(const char *who, const char *how)
{
	struct listen_set none = { .n = 0 };
	struct sandbox_profile p;

	if (!strcmp(who, "np"))
		np_profile_init(&p, SANDBOX_REQUIRE, 1, &none);
	else
		sp_profile_init(&p, SANDBOX_REQUIRE, 0);
	if (sandbox_drop(&p))
		return -1;
	return strcmp(how, "filter") ? 0 : sandbox_filter(&p);
}

int main(int argc, char **argv)
{
	if (SANDBOX_FOR_SANITIZER)
		return 77;
	early_socket = socket(AF_INET, SOCK_STREAM, 0);
	if (argc != 4 || early_socket < 0 || enter(argv[1], argv[2]))
		return 2;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		if (strcmp(attempts[i].name, argv[3]))
			continue;
		if (attempts[i].run() >= 0)
			return 1;
		/* The file system is empty and read-only. */
		return errno == EACCES || errno == EPERM || errno == ENOENT || errno == EROFS ?
		       0 : 2;
	}
	return 2;
}
