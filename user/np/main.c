// SPDX-License-Identifier: MIT
/*
 * arena-np, the network process: it owns the sockets and never sees a disk.
 */
#include <common/address.h>
#include <common/clock.h>
#include <common/log.h>
#include <common/start.h>
#include <common/uring_error.h>
#include <errno.h>
#include <limits.h>
#include <proto/region.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tls/credentials.h>
#include <unistd.h>

#include "counters.h"
#include "np.h"
#include "profile.h"

/* The signals, the tick and the look for clients are sources of the ring, besides the channels. */
#define OTHER_SOURCES	3U

static int check_layout(const struct np *np)
{
	const struct arena_layout *l = arena_layout(np->arena);

	if (!proto_has_np(l, np->options->id) ||
	    share_buffers(l, np->role, PROTO_USE_NET) < CONN_NET_BUFFERS)
		return -EPROTO;
	for (unsigned int i = 0; i < np->options->exports.n; i++)
		if (!proto_has_sp(l, i))
			return -EPROTO;
	return 0;
}

static int open_region(struct np *np)
{
	int ret;

	np->role = PROTO_ROLE_NP(np->options->id);
	ret = proto_open_region(np->options->region, np->role, np->options->layout_fd,
				&np->arena);
	if (ret)
		return ret;
	stats_show_groups(np->stats, np->arena, np->role);
	ret = check_layout(np);
	if (ret)
		log_error("region %s has processes or buffers that are not supported: %s"
			  LOG_REPORT, np->options->region, strerror(-ret));
	return ret;
}

/* Each connection needs two network buffers, one for each direction. */
static unsigned int count_connections(const struct np *np)
{
	uint32_t n = share_buffers(arena_layout(np->arena), np->role, PROTO_USE_NET);
	unsigned int max = np->options->connections_max;

	if (max <= n / CONN_NET_BUFFERS)
		return max;
	log_warn("%u network buffers are enough for %u connections only; a larger --np-buffers "
		 "allows more", n, n / CONN_NET_BUFFERS);
	return n / CONN_NET_BUFFERS;
}

static int make_tables(struct np *np)
{
	int ret = request_table_init(&np->requests, proto_requests(arena_layout(np->arena)));

	if (ret) {
		log_error("cannot make the tables: %s", log_reason(-ret));
		return ret;
	}
	np->fence.start_ns = clock_boot_ns();
	np->has_others = proto_nps(arena_layout(np->arena)) > 1;
	LIST_INIT(&np->batches);
	conn_table_init(&np->conns, count_connections(np));
	client_table_init(&np->clients, np->options->client_connections_max ?
			  np->options->client_connections_max : UINT_MAX);
	share_init(np);
	return 0;
}

static void log_ring_error(const struct np *np, uint32_t files, int err)
{
	if (err == -EMFILE)
		log_error("--max-connections %u needs a limit of %u open files; raise it (ulimit "
			  "-n, LimitNOFILE= of a unit) or serve fewer clients", np->conns.max,
			  NP_FILES_NEEDED(files));
	else
		uring_log_error(err);
}

static int make_ring(struct np *np)
{
	struct arena_ring_options o = {
		.size = sizeof(o),
		.entries = NP_OPERATIONS_A_CONNECTION * np->conns.max + 2 * LISTEN_MAX + 1,
		.files = np->conns.max + LISTEN_MAX + 2,
		/* A channel that is opened anew has a second one while the first is cancelled. */
		.sources = OTHER_SOURCES + 2 * np->options->exports.n,
		.wait = np->options->wait,
		.uses = ARENA_USES_SOCKETS,
		/* A successor waits until nothing is sent from the buffers any more. */
		.closes_at_death = true,
	};
	int ret;

	if (o.entries > ARENA_RING_MAX_ENTRIES)
		o.entries = ARENA_RING_MAX_ENTRIES;
	np->ring_entries = o.entries;
	ret = arena_ring_open(np->arena, &o, &np->ring);
	if (ret)
		log_ring_error(np, o.files, ret);
	return ret;
}

static int connect_sps(struct np *np)
{
	int ret;

	np->exports.by_default = export_set_default(&np->offered.set);
	for (unsigned int i = 0; i < np->options->exports.n; i++)
		peer_init(np, i);
	np->now = clock_coarse_s();
	np->begin.until = np->now + HELLO_SECONDS;
	ret = lent_open(np);
	if (!ret)
		ret = reload_peers(np);
	for (unsigned int i = 0; i < np->options->exports.n && !ret; i++)
		ret = peer_open(np, i);
	return ret;
}

/*
 * With many requests in flight a turn waits a short time for several events, so that it has more
 * to do at once. A send mostly ends as it is submitted, so its event alone is no reason for a
 * turn. With few requests in flight the NP handles each event as soon as it comes, for a wait
 * with a short time limit sets a timer, and that costs more than the turn that it saves.
 */
static void gather(struct np *np)
{
	uint32_t used = np->share.requests.used, n = used / NP_REQUESTS_A_GATHER;

	if (n > NP_GATHER_MAX)
		n = NP_GATHER_MAX;
	if (used >= NP_REQUESTS_TO_GATHER && np->sends && n < np->sends + 1)
		n = np->sends + 1;
	np->sends = 0;
	if (n != np->gathers)
		arena_ring_set_gather(np->ring, n, NP_GATHER_US);
	np->gathers = n;
}

/* Connections that wait get what became free, then one submit starts all operations. */
static int turn(struct np *np)
{
	int ret;

	handoff_turn(np);
	conn_table_resume(np);
	conn_table_turn(np);
	for (unsigned int i = 0; i < np->n_peers; i++)
		peer_turn(&np->peer[i]);
	ret = begin_turn(np);
	listeners_turn(np);
	if (!ret)
		ret = stop_turn(np);
	gather(np);
	np->shakes = 0;
	np->counters.turns++;
	counters_turn(np);
	return ret;
}

static int loop(struct np *np)
{
	static struct arena_event events[NP_EVENTS_A_TURN];
	int ret = turn(np);

	while (!ret && !np->is_ending) {
		int n = arena_ring_next_many(np->ring, events, NP_EVENTS_A_TURN, -1);

		if (n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY) {
			log_error("the ring broke: %s", log_reason(-n));
			return n;
		}
		np->now = clock_coarse_s();
		np->turn_ns = 0;
		np->noted_ns = 0;
		for (int i = 0; i < n; i++)
			handler_call(&events[i]);
		ret = turn(np);
	}
	return ret ? ret : np->begin.error;
}

/* Everything is open now. */
static int close_up(struct np *np)
{
	struct sandbox_profile profile;
	int ret;

	if (np->options->sandbox == SANDBOX_OFF)
		return 0;
	np_profile_init(&profile, np->options->sandbox, np->conns.max, &np->sockets);
	profile.kept_from = (uintptr_t)arena_base(np->arena);
	profile.kept_bytes = PROTO_WINDOW_BYTES;
	address_keep_interfaces();
	ret = sandbox_drop(&profile);
	if (ret >= 0)
		ret = sandbox_filter(&profile);
	return ret < 0 ? ret : 0;
}

static int serve(struct np *np)
{
	int ret;

	np->now = clock_coarse_s();
	successor_begin(np);
	ret = loop(np);
	counters_print(np);
	return ret;
}

/* The process opens no connections when it is closed up. */
static void ask_kernel(struct np *np)
{
	static const char *const can[] = {
		[TLS_KERNEL_NONE] = "no", [TLS_KERNEL_FIXED] = "yes, but it cannot change keys",
		[TLS_KERNEL_CHANGES] = "yes",
	};

	if (np->options->tls == NEGOTIATION_TLS_OFF || np->options->ktls == TLS_KERNEL_NEVER)
		return;
	np->kernel_tls = tls_kernel_ask();
	log_debug("TLS by the kernel: %s", can[np->kernel_tls]);
}

static int run(struct np *np)
{
	int ret;

	np->stats = stats_attach(np->options->stats_fd, STATS_NP, NP_COUNTERS,
				 np->options->exports.n);
	if (!np->stats)
		return -ENOMEM;
	shown_init(&np->shown);
	np->offered.set = np->options->exports;
	ret = reload_credentials(np);
	if (ret)
		goto free_credentials;
	ask_kernel(np);
	ret = successor_take(np);
	if (ret)
		goto free_credentials;
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
	if (!ret)
		ret = reload_init(np);
	if (ret)
		goto disconnect_sps;
	ret = listeners_open(np);
	if (ret)
		goto close_listeners;
	begin_init(np);
	ret = close_up(np);
	if (ret)
		goto close_listeners;
	ret = serve(np);

close_listeners:
	listeners_close(np);
disconnect_sps:
	for (unsigned int i = 0; i < np->n_peers; i++)
		peer_disconnect(&np->peer[i]);
	/* Closing the ring waits until the kernel uses none of the arena's buffers. */
	arena_ring_close(np->ring);
free_tables:
	send_exit(np);
	request_table_exit(&np->requests);
close_region:
	/* The kernel ends the claim of the role with the process, which may not do it itself. */
free_credentials:
	successor_exit(np);
	tls_credentials_put(np->credentials);
	export_copy_free(&np->offered);
	return ret;
}

int main(int argc, char **argv)
{
	static struct options options;
	static struct np np = { .options = &options };
	static char name[32];

	start_program("arena-np");
	/* Until the ring receives SIGUSR1, the signal must not end the process; SIGHUP never. */
	signal(SIGUSR1, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	np_options_parse(&options, argc, argv);
	snprintf(name, sizeof(name), "arena-np %u", options.id);
	log_set_format(options.log_format);
	log_init(name, options.is_verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	return run(&np) ? EXIT_FAILURE : EXIT_SUCCESS;
}
