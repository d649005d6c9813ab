// SPDX-License-Identifier: MIT
/*
 * Many clients of one export, each a process that writes and verifies without pause a part of the
 * export that is its own. A test ends or stops a part of the server meanwhile, and asks which
 * clients go on.
 *
 *	nbd-many HOST PORT EXPORT CLIENTS [ROUNDS]
 *	nbd-many HOST PORT EXPORT CLIENTS across
 *
 * The first form prints "ready MS" when all clients have done some rounds, 20 if ROUNDS does not
 * say how many. Then it reads numbers from its input, and answers each number N by "going MS" when
 * N clients have done as many rounds more, or by "stuck N" with the number of those that have, if
 * that takes too long. MS is how long the slowest round that ended meanwhile took, in milliseconds.
 *
 * It answers "watch SECONDS N", after that time, by "watched ROUNDS P50 P99 MAX": the rounds that
 * the N clients with most of them have ended meanwhile, and how long these took, in microseconds;
 * MAX may be that of a round that has not ended.
 *
 * At anything else it stops the clients and prints "lost N wrong N": how many lost their
 * connection, and how many read other data than they wrote.
 *
 * In the second form each client writes on one connection, and flushes and reads on another one. It
 * reports by TAP.
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "nbd-client.h"

#define CLIENTS_MAX	64
#define BLOCK		(256U << 10)
#define ROUNDS		200
/* How long the rounds may take after which a client goes on. */
#define STUCK_SECONDS	60
/* Times are counted by their powers of two, and eight steps between them. */
#define STEPS		8U
#define TIMES		(32U * STEPS)

enum outcome { GOOD, LOST, WRONG };

/**
 * struct progress - what a client tells, in shared memory
 * @rounds: how many rounds it has done
 * @slowest_us: the slowest of them since the program was last asked
 * @began_us: when the round began that it is in
 * @times: how many rounds took how long
 */
struct progress {
	volatile unsigned int rounds;
	volatile unsigned int slowest_us;
	volatile int64_t began_us;
	volatile unsigned int times[TIMES];
};

/**
 * struct client - a client
 * @pid: its process
 * @progress: of this client
 * @seen: its rounds when the program was last asked
 * @times: its times then
 */
struct client {
	pid_t pid;
	struct progress *progress;
	unsigned int seen;
	unsigned int times[TIMES];
};

static struct client client[CLIENTS_MAX];
static unsigned int n_clients;
/* Rounds after which a client goes on. */
static unsigned int some_rounds = 20;

/* Write a block, flush it, and read it again. */
static enum outcome go_round(int writer, int reader, uint64_t offset)
{
	static uint8_t want[BLOCK], got[BLOCK];

	for (uint32_t i = 0; i < BLOCK; i += 8) {
		uint64_t v = random64();

		memcpy(want + i, &v, 8);
	}
	if (!transfer(writer, NBD_CMD_WRITE, offset, want, BLOCK) ||
	    !transfer(reader, NBD_CMD_FLUSH, 0, NULL, 0) ||
	    !transfer(reader, NBD_CMD_READ, offset, got, BLOCK))
		return LOST;
	return memcmp(want, got, BLOCK) ? WRONG : GOOD;
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static unsigned int time_index(unsigned int us)
{
	unsigned int shift = us < STEPS ? 0 : 28 - (unsigned int)__builtin_clz(us);

	return shift * STEPS + (us >> shift);
}

/* The longest time that is counted at this index. */
static unsigned int time_at(unsigned int index)
{
	unsigned int shift = index < 2 * STEPS ? 0 : index / STEPS - 1;

	return ((index - shift * STEPS + 1) << shift) - 1;
}

static void count_round(struct progress *p)
{
	unsigned int us = (unsigned int)(now_us() - p->began_us);

	if (us > p->slowest_us)
		p->slowest_us = us;
	p->times[time_index(us)]++;
	p->rounds++;
}

static enum outcome be_client(unsigned int i, int writer, int reader, unsigned int rounds)
{
	uint64_t span = export_bytes / n_clients / BLOCK * BLOCK, base = i * span;
	enum outcome outcome = writer < 0 || reader < 0 ? LOST : GOOD;

	seed += i;
	for (unsigned int n = 0; n < rounds && outcome == GOOD; n++) {
		client[i].progress->began_us = now_us();
		outcome = go_round(writer, reader, base + random64() % (span / BLOCK) * BLOCK);
		if (outcome == GOOD)
			count_round(client[i].progress);
	}
	return outcome;
}

/*
 * The connections are made here, one after the other, so that they are spread as if the clients
 * came by and by.
 */
static void start(unsigned int i, bool across)
{
	int fd[2] = { enter(), across ? enter() : -1 };
	/* The connections go to the server's processes in turn, and so do those that write. */
	int writer = fd[across && i % 2], reader = fd[across && i % 2 == 0];

	client[i].pid = fork();
	if (client[i].pid)
		return;
	/* A stopped server answers again when it goes on. */
	setsockopt(writer, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ 0 }, sizeof(struct timeval));
	_exit(be_client(i, writer, reader, across ? ROUNDS : ~0U));
}

static void start_all(bool across)
{
	struct progress *progress = mmap(NULL, CLIENTS_MAX * sizeof(*progress),
					 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
					 -1, 0);

	for (unsigned int i = 0; i < n_clients; i++) {
		client[i].progress = &progress[i];
		start(i, across);
	}
}

static unsigned int count_going(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_clients; i++)
		n += client[i].progress->rounds >= client[i].seen + some_rounds;
	return n;
}

static unsigned int slowest_ms(void)
{
	unsigned int us = 0;

	for (unsigned int i = 0; i < n_clients; i++)
		if (client[i].progress->slowest_us > us)
			us = client[i].progress->slowest_us;
	return us / 1000;
}

static void begin_watch(void)
{
	for (unsigned int i = 0; i < n_clients; i++) {
		client[i].seen = client[i].progress->rounds;
		client[i].progress->slowest_us = 0;
		for (unsigned int t = 0; t < TIMES; t++)
			client[i].times[t] = client[i].progress->times[t];
	}
}

/* Return: how many clients go on, at most a minute later or when there are @wanted. */
static unsigned int wait_for_going(unsigned int wanted)
{
	unsigned int n = 0;

	begin_watch();
	for (int i = 0; i < STUCK_SECONDS * 20 && n < wanted; i++) {
		usleep(50000);
		n = count_going();
	}
	return n;
}

static void reply_to(unsigned int wanted, const char *word)
{
	unsigned int n = wait_for_going(wanted);

	if (n < wanted)
		printf("stuck %u\n", n);
	else
		printf("%s %u\n", word, slowest_ms());
	fflush(stdout);
}

static unsigned int rounds_of(const struct client *c)
{
	return c->progress->rounds - c->seen;
}

/* Return: is the client one of the @n with most rounds? */
static bool is_among(const struct client *c, unsigned int n)
{
	unsigned int before = 0;

	for (unsigned int i = 0; i < n_clients; i++)
		before += rounds_of(&client[i]) > rounds_of(c) ||
			  (rounds_of(&client[i]) == rounds_of(c) && &client[i] < c);
	return before < n;
}

/**
 * struct watched - the rounds of some clients
 * @rounds: their number
 * @max_us: how long the slowest one took
 * @times: how many took how long
 */
struct watched {
	unsigned int rounds;
	unsigned int max_us;
	unsigned int times[TIMES];
};

/* The round that a client is in counts, too: it may wait for ever. */
static void add_client(struct watched *w, const struct client *c)
{
	unsigned int us = (unsigned int)(now_us() - c->progress->began_us);

	if (us < c->progress->slowest_us)
		us = c->progress->slowest_us;
	if (us > w->max_us)
		w->max_us = us;
	for (unsigned int t = 0; t < TIMES; t++)
		w->times[t] += c->progress->times[t] - c->times[t];
	w->rounds += rounds_of(c);
}

static unsigned int percentile(const struct watched *w, unsigned int percent)
{
	uint64_t left = ((uint64_t)w->rounds * percent + 99) / 100;

	for (unsigned int t = 0; t < TIMES; t++) {
		if (w->times[t] >= left)
			return time_at(t) < w->max_us ? time_at(t) : w->max_us;
		left -= w->times[t];
	}
	return w->max_us;
}

static void watch(unsigned int seconds, unsigned int n)
{
	struct watched w = { 0 };
	bool among[CLIENTS_MAX];

	begin_watch();
	sleep(seconds);
	for (unsigned int i = 0; i < n_clients; i++)
		among[i] = is_among(&client[i], n);
	for (unsigned int i = 0; i < n_clients; i++)
		if (among[i])
			add_client(&w, &client[i]);
	printf("watched %u %u %u %u\n", w.rounds, percentile(&w, 50), percentile(&w, 99), w.max_us);
	fflush(stdout);
}

/* A client that was still at work has neither lost its connection nor read wrong data. */
static void stop_all(void)
{
	unsigned int n[3] = { 0 };

	for (unsigned int i = 0; i < n_clients; i++) {
		int status;

		kill(client[i].pid, SIGTERM);
		waitpid(client[i].pid, &status, 0);
		n[WIFEXITED(status) ? WEXITSTATUS(status) % 3 : GOOD]++;
	}
	printf("lost %u wrong %u\n", n[LOST], n[WRONG]);
}

/* Return: was that a question? */
static bool take_question(const char *line)
{
	unsigned int seconds, n;

	if (sscanf(line, "watch %u %u", &seconds, &n) == 2)
		watch(seconds, n);
	else if (line[0] >= '0' && line[0] <= '9')
		reply_to((unsigned int)atoi(line), "going");
	else
		return false;
	return true;
}

static int be_asked(void)
{
	char line[64];

	start_all(false);
	reply_to(n_clients, "ready");
	while (fgets(line, sizeof(line), stdin) && take_question(line))
		;
	stop_all();
	return 0;
}

static int go_across(void)
{
	unsigned int good = 0;

	start_all(true);
	for (unsigned int i = 0; i < n_clients; i++) {
		int status = -1;

		waitpid(client[i].pid, &status, 0);
		good += !status;
	}
	is(good, n_clients,
	   "each client reads on one connection what it wrote on another and has been replied to");
	return done_testing();
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 2;
	host = argv[1];
	port = argv[2];
	export_name = argv[3];
	n_clients = (unsigned int)atoi(argv[4]) % (CLIENTS_MAX + 1);
	signal(SIGPIPE, SIG_IGN);
	buffer = calloc(1, LONGEST + 2 * MIB);
	if (argc > 5 && atoi(argv[5]) > 0)
		some_rounds = (unsigned int)atoi(argv[5]);
	else if (argc > 5)
		return go_across();
	return be_asked();
}
