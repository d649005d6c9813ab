// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: no attachment, no page and no byte is lost while many processes attach, detach and
 * are killed at any step, and others do I/O, grow the region, read smaps and fork. SEED in
 * the environment repeats the random choices of a run.
 * timeout: 900
 */
#include "util.h"

#include <pthread.h>

#define NAME "test-race"
#define WORKERS 6
#define ROUNDS 60

static unsigned int seed;

/* The loop of a worker, until it is killed. */
static void work(unsigned int mine)
{
	for (;;) {
		int fd = view_open(NAME, "rw", O_RDWR);
		char *p = fd < 0 ? NULL : attach(fd, PROT_READ | PROT_WRITE);

		if (!p)
			_exit(1);
		if (!filled(p, SZ_2M, 77))
			_exit(2);
		if (rand_r(&mine) % 4 == 0 && peer_read_file("/proc/self/smaps") < 0)
			_exit(3);
		if (rand_r(&mine) % 4 == 0) {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
		}
		close(fd);
		if (munmap(p, WINDOW))
			_exit(4);
	}
}

static pid_t start_worker(unsigned int mine)
{
	pid_t pid = fork();

	if (!pid)
		work(mine);
	return pid;
}

static void *attach_thread(void *arg)
{
	int fd = *(int *)arg;
	long *mapped = calloc(1, sizeof(*mapped));

	for (int i = 0; i < 300; i++) {
		char *p = attach(fd, PROT_READ | PROT_WRITE);

		if (p) {
			(*mapped)++;
			munmap(p, WINDOW);
		} else if (errno != EBUSY) {
			bail("attach in a thread: %s", strerror(errno));
		}
	}
	return mapped;
}

/* A thread loads and stores in the window while others attach and detach the region. */
static _Atomic bool stop;

static void *poke_thread(void *arg)
{
	char *at = arg;
	uint64_t v;

	while (!stop)
		try_load(at + SZ_2M / 2, &v);
	return NULL;
}

static void test_threads(uint64_t size)
{
	int fd = region_with("test-threads", size, size == SZ_1G ? size : two_of(size));
	char *at = (char *)(uintptr_t)view_region(fd).addr;
	pthread_t t[3], poke;
	long mapped = 0;

	stop = false;
	pthread_create(&poke, NULL, poke_thread, at);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, attach_thread, &fd);
	for (int i = 0; i < 3; i++) {
		void *n;

		pthread_join(t[i], &n);
		mapped += *(long *)n;
		free(n);
	}
	stop = true;
	pthread_join(poke, NULL);
	ok(mapped > 0, "three threads attach %ld times while a fourth one stores", mapped);
	is(view_region(fd).attached, 0, "no process is attached after the threads ended");
	region_unlink("test-threads");
	close(fd);
}

static void test_storm(uint64_t size)
{
	uint64_t part = size == SZ_4K ? SZ_2M : size;
	long before = pages_free(size);
	pid_t pid[WORKERS];
	int fd, status, bad = 0;
	char *p;

	region_unlink(NAME);
	region_create(NAME, size, part * 64);
	fd = view_open(NAME, "rw", O_RDWR);
	is(donate(fd, size, part, 0), 0,
	   "a region of %lu KiB pages gets memory", (unsigned long)size >> 10);
	p = attach(fd, PROT_READ | PROT_WRITE);
	fill(p, SZ_2M, 77);
	for (int i = 0; i < WORKERS; i++)
		pid[i] = start_worker(seed + i);
	for (int i = 0; i < ROUNDS; i++) {
		int w = rand_r(&seed) % WORKERS;

		usleep(rand_r(&seed) % 20000);
		kill(pid[w], SIGKILL);
		waitpid(pid[w], &status, 0);
		bad += !WIFSIGNALED(status);
		pid[w] = start_worker(seed + i * WORKERS);
		/* The region grows under load, as long as the pool has pages. */
		if (size != SZ_1G && i % 4 == 0)
			bad += donate(fd, size, part, (1 + i / 4) * part) != 0;
	}
	for (int i = 0; i < WORKERS; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], &status, 0);
		bad += !WIFSIGNALED(status);
	}
	is(bad, 0, "%d workers that are killed at any step see no wrong byte", ROUNDS + WORKERS);
	for (int ms = 0; ms < 5000 && view_region(fd).attached > 1; ms++)
		usleep(1000);
	is(view_region(fd).attached, 1,
	   "only this process is attached after all workers were killed");
	ok(filled(p, SZ_2M, 77), "every byte is right after all workers were killed");
	munmap(p, WINDOW);
	region_unlink(NAME);
	close(fd);
	/*
	 * The promotion takes references on the memory of processes, and a worker of the kernel
	 * drops them. So it can be that one that ends the last process that was killed.
	 */
	for (int ms = 0; ms < 5000 && pages_free(size) != before; ms++)
		usleep(1000);
	is(pages_free(size), before, "all pages are free at the end");
}

int main(int argc, char **argv)
{
	const char *env = getenv("SEED");

	peer_main(argc, argv);
	seed = env ? strtoul(env, NULL, 0) : (unsigned int)time(NULL);
	diag("SEED=%u repeats this run's choices", seed);
	reserve_2m(48);
	need_1g(1);
	test_threads(SZ_4K);
	test_threads(SZ_2M);
	test_threads(SZ_1G);
	test_storm(SZ_4K);
	test_storm(SZ_2M);
	test_storm(SZ_1G);
	return done_testing();
}
