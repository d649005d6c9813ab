/* SPDX-License-Identifier: MIT */
/*
 * Two good clients run beside the bad clients of nbd-hostile and nbd-greedy. Each of them writes
 * and verifies without pause half of the export's upper half.
 */
#ifndef TESTS_NATIVE_NBD_BESIDE_H
#define TESTS_NATIVE_NBD_BESIDE_H

#include <signal.h>
#include <sys/wait.h>

#include "nbd-client.h"

#define EXPORT_LEAST	(128ULL * MIB)
#define ROUNDS_LEAST	10

static volatile sig_atomic_t is_told_to_stop;

static inline void tell(int signo)
{
	(void)signo;
	is_told_to_stop = 1;
}

/* Exit with status 0 if the server answered every request and each READ found what was written. */
static inline void be_good(unsigned int number)
{
	uint64_t span = export_bytes / 4, base = (2 + number) * span;
	static uint8_t want[MIB + 1], got[MIB + 1];
	unsigned int rounds = 0;
	int fd = enter();

	signal(SIGTERM, tell);
	seed += (uint64_t)getpid();
	/* The test may end early; some rounds are needed to notice a disturbance. */
	while (fd >= 0 && (!is_told_to_stop || rounds < ROUNDS_LEAST)) {
		uint32_t length = 1 + (uint32_t)(random64() % MIB);
		uint64_t offset = base + random64() % (span - length);

		for (uint32_t i = 0; i + 8 <= length; i += 8) {
			uint64_t v = random64();

			memcpy(want + i, &v, 8);
		}
		if (!transfer(fd, NBD_CMD_WRITE, offset, want, length) ||
		    !transfer(fd, NBD_CMD_READ, offset, got, length))
			_exit(1);
		if (memcmp(want, got, length))
			_exit(4);
		if (++rounds % 64 == 0) {
			say_goodbye(fd);
			fd = enter();
		}
	}
	_exit(fd < 0 ? 2 : 0);
}

static inline pid_t start_good_client(unsigned int number)
{
	pid_t pid = fork();

	if (pid == 0)
		be_good(number);
	return pid;
}

static inline void stop_good_client(pid_t pid, unsigned int number)
{
	int status = -1;

	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	is(status, 0,
	   "good client %u read all its data as it wrote them, beside bad clients", number);
}

/*
 * Run @test beside good clients of the export that @argv names: HOST PORT [EXPORT].
 *
 * Return: the status to exit with.
 */
static inline int run_beside_good_clients(int argc, char **argv, void (*test)(void))
{
	pid_t good[2];
	int fd;

	if (argc < 3)
		return 2;
	host = argv[1];
	port = argv[2];
	if (argc > 3)
		export_name = argv[3];
	signal(SIGPIPE, SIG_IGN);
	buffer = calloc(1, LONGEST + 2 * MIB);
	fd = enter();
	if (!ok(fd >= 0 && export_bytes >= EXPORT_LEAST && !(export_flags & NBD_FLAG_READ_ONLY),
		"the export exists, can be written and has 128 MiB at least"))
		return done_testing();
	say_goodbye(fd);
	good[0] = start_good_client(0);
	good[1] = start_good_client(1);
	test();
	stop_good_client(good[0], 0);
	stop_good_client(good[1], 1);
	return done_testing();
}

#endif /* TESTS_NATIVE_NBD_BESIDE_H */
