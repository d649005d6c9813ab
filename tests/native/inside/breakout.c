// SPDX-License-Identifier: MIT
/*
 * Code that has taken a daemon over: a library that is loaded into arena-np and arena-sp by
 * LD_PRELOAD. On SIGUSR2 it tries what the value of the signal says, from inside the process and
 * with the process's own ring, and writes the result to standard error:
 *
 *	breakout: ATTEMPT: refused (ERROR) | SUCCEEDED
 *
 * A system call that the process's list does not have ends the process before that.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The cookie of the operation of an attempt, which the daemon uses for none of its own. */
#define MARK	0xb4ea4007ULL

typedef void fill_fn(struct io_uring_sqe *sqe);

/* The ring with the most entries is the one that the daemon waits in. */
static struct io_uring *own_ring;

int io_uring_queue_init_params(unsigned int entries, struct io_uring *ring,
			       struct io_uring_params *p)
{
	int (*real)(unsigned int entries, struct io_uring *ring, struct io_uring_params *p) =
		dlsym(RTLD_NEXT, "io_uring_queue_init_params");
	int ret = real(entries, ring, p);

	if (!ret && (!own_ring || ring->sq.ring_entries > own_ring->sq.ring_entries))
		own_ring = ring;
	return ret;
}

static struct sockaddr_in loopback(void)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void fill_open(struct io_uring_sqe *sqe)
{
	io_uring_prep_openat(sqe, AT_FDCWD, "/", O_RDONLY, 0);
}

static void fill_unlink(struct io_uring_sqe *sqe)
{
	io_uring_prep_unlinkat(sqe, AT_FDCWD, "/nothing", 0);
}

static void fill_socket(struct io_uring_sqe *sqe)
{
	io_uring_prep_socket(sqe, AF_INET, SOCK_STREAM, 0, 0);
}

static void fill_listen(struct io_uring_sqe *sqe)
{
	io_uring_prep_rw(IORING_OP_LISTEN, sqe, 0, NULL, 0, 0);
}

static void fill_splice(struct io_uring_sqe *sqe)
{
	io_uring_prep_splice(sqe, 0, -1, 1, -1, 1, 0);
}

/* Return: the result of an operation of the daemon's ring. */
static int by_ring(fill_fn *fill)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(own_ring);
	struct io_uring_cqe *cqe;
	int ret;

	if (!sqe)
		return -EBUSY;
	fill(sqe);
	io_uring_sqe_set_data64(sqe, MARK);
	ret = io_uring_submit_and_wait(own_ring, 1);
	if (ret < 0)
		return ret;
	/* The daemon is idle, so that nothing else has ended. */
	ret = io_uring_peek_cqe(own_ring, &cqe);
	if (ret)
		return ret;
	if (io_uring_cqe_get_data64(cqe) != MARK)
		return -EBUSY;
	ret = cqe->res;
	io_uring_cqe_seen(own_ring, cqe);
	return ret;
}

/* With buffers that are registered here, fixed operations could reach other memory. */
static int register_buffers(void)
{
	static char memory[64];
	struct iovec part = { memory, sizeof(memory) };

	return io_uring_register_buffers(own_ring, &part, 1);
}

static int register_restrictions(void)
{
	struct io_uring_restriction all = { .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED };

	return io_uring_register_restrictions(own_ring, &all, 1);
}

static int call(long ret)
{
	return ret < 0 ? -errno : 0;
}

static int attempt(int n, const char **name)
{
	struct sockaddr_in to = loopback();
	void *memory;

	switch (n) {
	case 1:
		*name = "open a file by its ring";
		return by_ring(fill_open);
	case 2:
		*name = "unlink a file by its ring";
		return by_ring(fill_unlink);
	case 3:
		*name = "make a socket by its ring";
		return by_ring(fill_socket);
	case 4:
		*name = "listen by its ring";
		return by_ring(fill_listen);
	case 5:
		*name = "splice by its ring";
		return by_ring(fill_splice);
	case 6:
		*name = "register memory of its own";
		return register_buffers();
	case 7:
		*name = "change the restrictions of its ring";
		return register_restrictions();
	case 11:
		*name = "open a file";
		return call(open("/", O_RDONLY));
	case 12:
		*name = "make a socket";
		return call(socket(AF_INET, SOCK_STREAM, 0));
	case 13:
		*name = "connect";
		return call(connect(0, (struct sockaddr *)&to, sizeof(to)));
	case 14:
		*name = "fork";
		return call(syscall(SYS_fork));
	case 15:
		*name = "make a ring";
		return call(syscall(SYS_io_uring_setup, 1, &(struct io_uring_params){ 0 }));
	case 16:
		*name = "map a ring";
		memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, own_ring->ring_fd,
			      IORING_OFF_SQ_RING);
		return memory == MAP_FAILED ? -errno : 0;
	case 17:
		*name = "signal arenad";
		return call(kill(getppid(), SIGCONT));
	case 18:
		*name = "have a file signal arenad";
		return call(fcntl(STDERR_FILENO, F_SETOWN, getppid()));
	default:
		*name = "nothing";
		return -EINVAL;
	}
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	const char *name;
	char line[128];
	int ret = attempt(info->si_value.sival_int, &name), n;

	(void)number;
	(void)context;
	n = ret < 0 ? snprintf(line, sizeof(line), "breakout: %s: refused (%s)\n", name,
			       strerrorname_np(-ret)) :
		      snprintf(line, sizeof(line), "breakout: %s: SUCCEEDED\n", name);
	(void)!write(STDERR_FILENO, line, (size_t)n);
}

__attribute__((constructor))
static void begin(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	if (!strncmp(program_invocation_short_name, "arena-", 6))
		sigaction(SIGUSR2, &action, NULL);
}
