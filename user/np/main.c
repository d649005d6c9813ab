// SPDX-License-Identifier: MIT
/*
 * arena-np, the network process: it owns the sockets and never sees a disk.
 */
#include <common/log.h>
#include <common/start.h>
#include <common/uring.h>
#include <proto/region.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "np.h"
#include "request.h"

static int check_layout(const struct np *np)
{
	const struct arena_layout *l = &np->layout;

	if (!proto_has_np(l) || l->group[PROTO_GROUP_NET].count < 2)
		return -EPROTO;
	for (unsigned int i = 0; i < np->options->n_sps; i++)
		if (!proto_has_sp(l, i))
			return -EPROTO;
	return 0;
}

static int open_region(struct np *np)
{
	int ret = proto_open_region(np->options->region, PROTO_ROLE_NP(0), &np->arena);

	if (ret)
		return ret;
	np->base = arena_base(np->arena);
	np->layout = *arena_layout(np->arena);
	ret = check_layout(np);
	if (ret)
		log_error("region %s: its layout is not for this program: %s",
			  np->options->region, strerror(-ret));
	return ret;
}

static int make_tables(struct np *np)
{
	uint32_t n_payload = np->layout.group[PROTO_GROUP_PAYLOAD].count;
	int ret = slot_table_init(np);

	if (!ret) {
		conn_table_init(np);
		np->payload = arena_pool_new(n_payload);
		if (!np->payload)
			ret = -ENOMEM;
	}
	if (ret)
		log_error("cannot make the tables: %s", strerror(-ret));
	return ret;
}

/* Each client has a descriptor, and the common limit is 1024. */
static int raise_file_limit(const struct np *np)
{
	rlim_t needed = np->conns.max + NP_FILES_OWN;
	struct rlimit limit;
	int ret;

	if (getrlimit(RLIMIT_NOFILE, &limit)) {
		ret = -errno;
		log_error("getrlimit: %s", strerror(-ret));
		return ret;
	}
	if (limit.rlim_cur >= needed)
		return 0;
	if (limit.rlim_max < needed) {
		log_error("--max-connections %u needs a limit of %llu open files, and it is %llu: "
			  "raise it (ulimit -n, LimitNOFILE= of a unit) or serve fewer clients",
			  np->conns.max, (unsigned long long)needed,
			  (unsigned long long)limit.rlim_max);
		return -EMFILE;
	}
	limit.rlim_cur = needed;
	if (setrlimit(RLIMIT_NOFILE, &limit)) {
		ret = -errno;
		log_error("setrlimit: %s", strerror(-ret));
		return ret;
	}
	return 0;
}

static int make_ring(struct np *np)
{
	int ret = raise_file_limit(np);

	if (ret)
		return ret;
	ret = ring_init(&np->ring);
	if (ret)
		uring_log_error(ret);
	return ret;
}

static int connect_sps(struct np *np)
{
	for (unsigned int i = 0; i < np->options->n_sps; i++) {
		int ret = peer_connect(np, i);

		if (ret)
			return ret;
	}
	/* The answers to the HELLOs. */
	ring_submit(&np->ring);
	return 0;
}

static int open_listeners(struct np *np)
{
	for (unsigned int i = 0; i < np->options->n_listen; i++) {
		int ret = listener_open(np, &np->options->listen[i]);

		if (ret)
			return ret;
	}
	return 0;
}

/* One write, so that a reader of a pipe gets the whole line at once. */
static int say_ready(const struct np *np)
{
	char line[NP_LISTENERS_MAX * (ADDRESS_TEXT_SIZE + 1)] = "READY";
	size_t n = strlen(line);

	if (np->options->ready_fd < 0)
		return 0;
	for (unsigned int i = 0; i < np->n_listeners; i++) {
		line[n++] = ' ';
		listener_address(&np->listener[i], line + n, sizeof(line) - n);
		n += strlen(line + n);
	}
	line[n++] = '\n';
	if (write(np->options->ready_fd, line, n) != (ssize_t)n) {
		log_error("cannot write to the ready fd: %s", strerror(errno));
		return -EIO;
	}
	close(np->options->ready_fd);
	return 0;
}

/* What comes free is given on, what has ended is freed, then room is used. */
static void turn(void *arg)
{
	struct np *np = arg;

	conn_table_turn(np);
	request_turn(np);
	listeners_turn(np);
	stop_turn(np);
}

static int serve(struct np *np)
{
	int ret;

	for (unsigned int i = 0; i < np->n_peers; i++)
		peer_start(&np->peer[i]);
	stop_start(np);
	listeners_turn(np);
	ret = ring_run(&np->ring, turn, np);
	if (ret)
		log_error("the ring broke: %s", strerror(-ret));
	counters_print(np);
	return ret;
}

static int run(struct np *np)
{
	int ret;

	ret = open_region(np);
	if (ret)
		goto close_region;
	ret = make_tables(np);
	if (ret)
		goto free_tables;
	ret = make_ring(np);
	if (ret)
		goto free_tables;
	ret = connect_sps(np);
	if (ret)
		goto disconnect_sps;
	ret = stop_init(np);
	if (ret)
		goto disconnect_sps;
	ret = open_listeners(np);
	if (ret)
		goto close_listeners;
	ret = say_ready(np);
	if (ret)
		goto close_listeners;
	ret = serve(np);

close_listeners:
	for (unsigned int i = 0; i < np->n_listeners; i++)
		listener_close(&np->listener[i]);
	stop_exit(np);
disconnect_sps:
	for (unsigned int i = 0; i < np->n_peers; i++)
		peer_disconnect(&np->peer[i]);
	/* Waits for what the kernel still does with the arena's buffers. */
	ring_exit(&np->ring);
free_tables:
	arena_pool_free(np->payload);
	slot_table_exit(np);
close_region:
	arena_close(np->arena);
	return ret;
}

int main(int argc, char **argv)
{
	static struct options options;
	static struct np np = { .options = &options };

	start_program("arena-np");
	/* Until somebody listens, asking for counters must not kill. */
	signal(SIGUSR1, SIG_IGN);
	np_options_parse(&options, argc, argv);
	if (options.is_verbose)
		log_init("arena-np", LOG_LEVEL_DEBUG);
	return run(&np) ? EXIT_FAILURE : EXIT_SUCCESS;
}
