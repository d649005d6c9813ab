// SPDX-License-Identifier: MIT
/* The controller starts workers, gives them orders, and kills them. */
#include "fuzz.h"

#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* A time limit that is enough for an emulated debug kernel on a busy machine. */
#define PATIENCE_MS 180000

/* A pidfd of a process that has ended and was waited for or not. */
static int ended_process(bool waited_for)
{
	struct pollfd p = { .events = POLLIN };
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	poll(&p, 1, -1);
	if (waited_for)
		waitpid(pid, NULL, 0);
	return p.fd;
}

static void *sleep_forever(void *tid)
{
	__atomic_store_n((pid_t *)tid, gettid(), __ATOMIC_RELEASE);
	for (;;)
		pause();
	return NULL;
}

pid_t a_thread(void)
{
	static pid_t tid;
	pthread_t thread;

	if (!tid && pthread_create(&thread, NULL, sleep_forever, &tid))
		fail("there is no thread to be had");
	while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		usleep(100);
	return tid;
}

/* The child's part. Its descriptors are opened before it drops its privileges. */
static void become(const struct worker *k, int sock)
{
	struct rlimit memlock = { model.memlock, model.memlock };
	char num[16];
	int ends[2];

	if (dup2(open("/dev/msharearena", O_RDWR), FD_CONTROL) < 0 || pipe2(ends, O_NONBLOCK) ||
	    dup2(ends[1], FD_PIPE_IN) < 0 || dup2(ends[0], FD_PIPE_OUT) < 0 ||
	    dup2(memfd_create("file", 0), FD_FILE) < 0 || ftruncate(FD_FILE, 65536))
		_exit(4);
	if (dup2(ended_process(true), FD_DEAD) < 0 || dup2(ended_process(false), FD_ZOMBIE) < 0)
		_exit(4);
	if (dup2(sock, 3) < 0 || dup2(FD_FILE, 4) < 0)
		_exit(4);
	close_range(4, FD_CONTROL - 1, 0);
	close_range(FD_ZOMBIE + 1, ~0U, 0);
	if (!k->root && (setrlimit(RLIMIT_MEMLOCK, &memlock) || setgroups(0, NULL) ||
			 setresgid(k->gid, k->gid, k->gid) || setresuid(k->uid, k->uid, k->uid)))
		_exit(5);
	snprintf(num, sizeof(num), "%d", 3);
	execl("/proc/self/exe", "fuzz", "--worker", num, (char *)NULL);
	_exit(127);
}

void worker_start(unsigned int w)
{
	struct worker *k = &model.worker[w];
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
		fail("socketpair: %s", strerror(errno));
	k->pid = fork();
	if (k->pid < 0)
		fail("fork: %s", strerror(errno));
	if (!k->pid)
		become(k, sv[1]);
	close(sv[1]);
	k->sock = sv[0];
	if (worker_wait(w, NULL, 0))
		fail("worker %u does not start", w);
}

static void worker_reap(unsigned int w)
{
	struct worker *k = &model.worker[w];

	close(k->sock);
	if (waitpid(k->pid, NULL, 0) != k->pid)
		fail("waitpid of worker %u: %s", w, strerror(errno));
	k->pid = 0;
	worker_drop_all(w);
}

void worker_kill(unsigned int w)
{
	kill(model.worker[w].pid, SIGKILL);
	worker_reap(w);
}

void worker_end(unsigned int w)
{
	shutdown(model.worker[w].sock, SHUT_RDWR);
	worker_reap(w);
}

void worker_send(unsigned int w, const struct order *o, const void *blob)
{
	struct iovec iov[2] = { { (void *)o, sizeof(*o) }, { (void *)blob, o->length } };

	if (writev(model.worker[w].sock, iov, 2) != (ssize_t)(sizeof(*o) + o->length))
		fail("worker %u is gone", w);
}

static void show_file(const char *dir, pid_t pid, const char *name)
{
	char path[64], buf[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%d/%s", dir, pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n > 0)
		printf("# %s:\n%.*s\n", path, (int)n, buf);
	close(fd);
}

/* The descriptor that came with the answer to WORK_SEND_FD. */
static int last_fd = -1;

static void wait_for_answer(unsigned int w)
{
	struct pollfd p = { .fd = model.worker[w].sock, .events = POLLIN };
	int status = 0;

	if (poll(&p, 1, PATIENCE_MS) != 1) {
		show_file("/proc", model.worker[w].pid, "stack");
		show_file("/proc", model.worker[w].pid, "status");
		fail("worker %u does not answer", w);
	}
	if (p.revents & POLLIN)
		return;
	waitpid(model.worker[w].pid, &status, 0);
	fail("worker %u died, status 0x%x", w, status);
}

int64_t worker_wait(unsigned int w, void *blob, size_t size)
{
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	static char trash[BLOB_MAX];
	struct answer a;
	struct iovec iov[2] = { { &a, sizeof(a) }, { trash, sizeof(trash) } };
	struct msghdr m = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	struct cmsghdr *c;
	ssize_t n;

	wait_for_answer(w);
	n = recvmsg(model.worker[w].sock, &m, MSG_CMSG_CLOEXEC);
	if (n < (ssize_t)sizeof(a)) {
		int status = 0;

		waitpid(model.worker[w].pid, &status, 0);
		fail("worker %u died, status 0x%x", w, status);
	}
	if (blob && a.length)
		memcpy(blob, trash, a.length < size ? a.length : size);
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&last_fd, CMSG_DATA(c), sizeof(int));
	return a.result;
}

int64_t worker_call(unsigned int w, struct order *o, const void *in, void *out, size_t out_size)
{
	worker_send(w, o, in);
	return worker_wait(w, out, out_size);
}

int64_t worker_pass_fd(unsigned int from, int fd, unsigned int to, int number, bool cloexec)
{
	struct order o = { .work = WORK_SEND_FD, .a = fd };
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { &o, sizeof(o) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space,
		.msg_controllen = sizeof(space),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	last_fd = -1;
	worker_call(from, &o, NULL, NULL, 0);
	if (last_fd < 0)
		fail("worker %u passed no descriptor", from);
	o = (struct order){ .work = WORK_RECV_FD, .a = number, .b = { cloexec ? O_CLOEXEC : 0 } };
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &last_fd, sizeof(int));
	if (sendmsg(model.worker[to].sock, &m, MSG_NOSIGNAL) != (ssize_t)sizeof(o))
		fail("worker %u takes no descriptor: %s", to, strerror(errno));
	close(last_fd);
	return worker_wait(to, NULL, 0);
}

int64_t sys6(unsigned int w, long nr, const uint64_t *b)
{
	struct order o = { .work = WORK_SYSCALL, .a = nr };

	memcpy(o.b, b, sizeof(o.b));
	return worker_call(w, &o, NULL, NULL, 0);
}

int64_t sys_blob(unsigned int w, long nr, const uint64_t *b, const void *in, size_t in_len,
		 void *out, size_t out_len)
{
	struct order o = {
		.work = WORK_SYSCALL,
		.a = nr,
		.length = (uint32_t)in_len,
		.want = (uint32_t)out_len,
	};

	memcpy(o.b, b, sizeof(o.b));
	return worker_call(w, &o, in, out, out_len);
}

void worker_poke(unsigned int w, uint32_t at, const void *data, size_t length)
{
	struct order o = {
		.work = WORK_SYSCALL,
		.a = SYS_getpid,
		.at = at,
		.length = (uint32_t)length,
	};

	worker_call(w, &o, data, NULL, 0);
}

int64_t sys_path(unsigned int w, long nr, const uint64_t *b, const char *path)
{
	return sys_blob(w, nr, b, path, strlen(path) + 1, NULL, 0);
}

int64_t worker_read_file(unsigned int w, const char *path)
{
	struct order o = { .work = WORK_READ_FILE, .length = (uint32_t)strlen(path) + 1 };

	return worker_call(w, &o, path, NULL, 0);
}
