// SPDX-License-Identifier: MIT
/*
 * arena-sp: the ladder up to the event loop, and down again.
 */
#include <assert.h>
#include <common/log.h>
#include <common/start.h>
#include <proto/lend.h>
#include <proto/record.h>
#include <proto/region.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "counters.h"
#include "event.h"
#include "options.h"
#include "sp.h"

#define CONNECT_TIMEOUT_MS	30000

static int signals_open(struct sp *sp)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sp->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (sp->signal_fd < 0) {
		log_error("signalfd: %s", strerror(errno));
		return -errno;
	}
	return 0;
}

static void signals_close(struct sp *sp)
{
	close(sp->signal_fd);
}

/* The groups this process works with have the shapes it relies on. */
static int layout_check(struct sp *sp)
{
	const struct arena_layout *l = &sp->layout;
	unsigned int id = sp->options.id;

	if (proto_group_of_sp(l, id, PROTO_USE_DISK) < 0) {
		log_error("region %s has no buffers for storage process %u",
			  sp->options.region, id);
		return -ENOENT;
	}
	if (!proto_has_sp(l, id) || !proto_has_np(l)) {
		log_error("region %s has buffers of sizes that are not supported",
			  sp->options.region);
		return -EPROTO;
	}
	sp->own = (uint32_t)proto_group_of_sp(l, id, PROTO_USE_DISK);
	sp->record_group = (uint32_t)proto_group_of_sp(l, id, PROTO_USE_RECORD);
	sp->n_requests = l->group[PROTO_GROUP_NET].count;
	return 0;
}

static int region_open(struct sp *sp)
{
	int ret = proto_open_region(sp->options.region, PROTO_ROLE_SP(sp->options.id),
				    &sp->arena);

	if (ret)
		return ret;
	sp->base = arena_base(sp->arena);
	sp->layout = *arena_layout(sp->arena);
	ret = layout_check(sp);
	if (ret)
		arena_close(sp->arena);
	return ret;
}

static void region_close(struct sp *sp)
{
	arena_close(sp->arena);
}

static void requests_close(struct sp *sp)
{
	arena_pool_free(sp->pool);
	arena_pool_free(sp->records);
	free(sp->requests);
}

static int requests_open(struct sp *sp)
{
	sp->pool = arena_pool_new(sp->layout.group[sp->own].count);
	sp->records = arena_pool_new(sp->layout.group[sp->record_group].count);
	if (sp->pool && sp->records && !sp_request_table_init(sp))
		return 0;
	log_error("out of memory");
	requests_close(sp);
	return -ENOMEM;
}

/* SIGTERM and SIGINT are blocked: they wait for the event loop. */
static bool stop_is_pending(void)
{
	sigset_t set;

	return !sigpending(&set) && (sigismember(&set, SIGTERM) == 1 ||
				     sigismember(&set, SIGINT) == 1);
}

static int connect_error(struct sp *sp, int ret)
{
	bool has_ended = ret == -ESRCH || ret == -EPIPE || ret == -EOWNERDEAD;

	if (stop_is_pending()) {
		log_info("asked to stop before the network process came");
		sp->status = SP_EXIT_OK;
	} else if (has_ended) {
		log_info("the network process has ended: stopping");
		sp->status = SP_EXIT_PEER;
	} else {
		log_error("cannot connect to the network process: %s", strerror(-ret));
	}
	return ret;
}

static int channel_open(struct sp *sp)
{
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = ARENA_CHANNEL_MSG_RING,
		.entries = proto_window(&sp->layout),
		.peer_pid = sp->options.np,
		.timeout_ms = CONNECT_TIMEOUT_MS,
		.tx_ring = &sp->ring,
		.tx_user_data = sp_event_data(SP_EVENT_SEND, 0),
	};
	int ret = arena_channel_open(sp->arena, PROTO_ROLE_NP(0), &options, &sp->channel);

	return ret ? connect_error(sp, ret) : 0;
}

static void channel_close(struct sp *sp)
{
	arena_channel_close(sp->channel);
}

/* Tell the NP which versions there are and about the disk, in the first record. */
static void send_hello(struct sp *sp)
{
	const struct proto_disk disk = {
		.magic = PROTO_DISK_MAGIC,
		.bytes = sp->disk.bytes,
		.block_size = sp->disk.block_size,
		.flags = sp->disk.readonly ? PROTO_DISK_READONLY : 0,
	};
	int64_t index = arena_pool_get(sp->records, 1);

	/* Nobody has a buffer of the pool yet. */
	assert(index >= 0);
	memcpy(arena_layout_buffer(sp->base, &sp->layout, sp->record_group, (uint32_t)index),
	       &disk, sizeof(disk));
	sp_event_send(sp, &(struct arena_msg){
		.type = PROTO_MESSAGE_HELLO,
		.value = PROTO_HELLO,
		.ref = proto_lend(sp->records, sp->record_group, (uint32_t)index),
	});
}

static void serve(struct sp *sp)
{
	log_info("serving %s: %llu bytes in blocks of %u%s, buffers %s", sp->options.disk,
		 (unsigned long long)sp->disk.bytes, sp->disk.block_size,
		 sp->disk.readonly ? ", read-only" : "",
		 sp->n_fixed ? "registered" : "not registered");
	send_hello(sp);
	sp_event_loop(sp);
	sp_counters_log(sp);
}

static int run(struct sp *sp)
{
	sp->status = SP_EXIT_ERROR;
	if (signals_open(sp))
		return sp->status;
	if (sp_disk_open(&sp->disk, sp->options.disk, sp->options.readonly))
		goto close_signals;
	if (region_open(sp))
		goto close_disk;
	if (requests_open(sp))
		goto close_region;
	if (sp_event_open(sp))
		goto close_requests;
	if (channel_open(sp))
		goto close_event;

	serve(sp);

	channel_close(sp);
close_event:
	sp_event_close(sp);
close_requests:
	requests_close(sp);
close_region:
	region_close(sp);
close_disk:
	sp_disk_close(&sp->disk);
close_signals:
	signals_close(sp);
	return sp->status;
}

int main(int argc, char **argv)
{
	static struct sp sp;

	start_program("arena-sp");
	sp_options_parse(&sp.options, argc, argv);
	if (sp.options.verbose)
		log_init("arena-sp", LOG_LEVEL_DEBUG);
	return run(&sp);
}
