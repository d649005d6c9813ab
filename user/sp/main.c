// SPDX-License-Identifier: MIT
/*
 * arena-sp, the storage process: it opens everything, runs the loop, and closes everything.
 */
#include <common/disk_identity.h>
#include <common/log.h>
#include <common/start.h>
#include <errno.h>
#include <proto/region.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "await.h"
#include "counters.h"
#include "loop.h"
#include "options.h"
#include "profile.h"
#include "sp.h"

/* Block the signals that the ring receives, so that they stay pending until it does. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool has_all(const struct arena_layout *l, unsigned int id)
{
	if (proto_nps(l) > PROTO_MAX_NPS || !proto_has_sp(l, id))
		return false;
	for (uint32_t i = 0; i < proto_nps(l); i++)
		if (!proto_has_np(l, i))
			return false;
	return true;
}

/* Check that the groups which this process uses have buffers of the right sizes. */
static int layout_check(struct sp *sp)
{
	const struct arena_layout *l = sp->layout;
	unsigned int id = sp->options.id;

	if (!has_all(l, id)) {
		log_error("region %s has processes or buffers that are not supported" LOG_REPORT,
			  sp->options.region);
		return -EPROTO;
	}
	sp->n_peers = proto_nps(l);
	if (sp->options.n_nps != sp->n_peers) {
		log_error("region %s has %u network processes, and %u were named" LOG_REPORT,
			  sp->options.region, sp->n_peers, sp->options.n_nps);
		return -EPROTO;
	}
	sp_throttle_init(sp);
	sp->n_requests = 2 * sp->n_peers * proto_requests(l);
	for (uint32_t i = 0; i < sp->n_peers; i++)
		sp_peer_init(sp, i);
	return 0;
}

static int region_open(struct sp *sp)
{
	int ret = proto_open_region(sp->options.region, PROTO_ROLE_SP(sp->options.id),
				    sp->options.layout_fd, &sp->arena);

	if (ret)
		return ret;
	sp->layout = arena_layout(sp->arena);
	stats_show_groups(sp->stats, sp->arena, PROTO_ROLE_SP(sp->options.id));
	ret = layout_check(sp);
	if (ret)
		arena_close(sp->arena);
	return ret;
}

/* Can this kernel lose pages? Some of the kernels before 6.9 do, see work.c. */
static bool may_lose_pages(void)
{
	int major, minor;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		return true;
	return major < 6 || (major == 6 && minor < 9);
}

static int requests_open(struct sp *sp)
{
	int ret = sp_requests_init(sp);

	if (!ret)
		ret = sp_replay_open(sp);
	if (!ret)
		ret = sp_order_open(sp);
	if (!ret)
		ret = sp_fence_open(sp);
	if (ret)
		log_error("there is no memory for the requests; free some, or let the process have "
			  "more");
	sp->cuts = may_lose_pages();
	return ret;
}

static void serve(struct sp *sp)
{
	const struct backend_limits *l = &sp->backend.limits;

	log_info("serving %s: %llu bytes in blocks of %u%s, at most %u bytes at once",
		 sp->options.disk, (unsigned long long)l->bytes, l->block_size,
		 l->is_readonly ? ", read-only" : "", l->max_bytes);
	sp_loop_run(sp);
	sp_counters_log(sp);
}

/* Another disk may have come while this one was opened. */
static int check_identity(struct sp *sp)
{
	char found[DISK_IDENTITY_SIZE];

	disk_identity(sp->options.disk, found);
	if (disk_identity_is_same(sp->options.awaited, found))
		return 0;
	log_error("disk %s has become another one; put the right one there, or remove the export "
		  "and add it again", sp->options.disk);
	backend_close(&sp->backend);
	return -ENODEV;
}

static int disk_open(struct sp *sp)
{
	const struct sp_options *o = &sp->options;
	int ret = o->awaited ? await_disk(o->disk, o->awaited, o->readonly) : 0;

	if (!ret)
		ret = backend_open(&sp->backend, o->disk, o->backend, o->readonly);
	if (!ret && o->awaited)
		ret = check_identity(sp);
	if (ret != -ECANCELED)
		return ret;
	log_info("asked to stop before disk %s could be had", sp->options.disk);
	sp->status = SP_EXIT_OK;
	return ret;
}

/* Everything is open now. The thread starts without rights; the filter is for it as well. */
static int close_up(struct sp *sp)
{
	bool is_on = sp->options.sandbox != SANDBOX_OFF;
	struct sandbox_profile profile;
	int ret = 0;

	sp_profile_init(&profile, sp->options.sandbox, sp->backend.longest);
	profile.kept_from = (uintptr_t)arena_base(sp->arena);
	profile.kept_bytes = PROTO_WINDOW_BYTES;
	if (is_on)
		ret = sandbox_drop(&profile);
	if (ret >= 0)
		ret = sp_survey_open(sp);
	if (ret || !is_on)
		return ret;
	ret = sandbox_filter(&profile);
	if (ret >= 0)
		return 0;
	sp_survey_close(sp);
	return ret;
}

static int run(struct sp *sp)
{
	sp->status = SP_EXIT_ERROR;
	block_signals();
	sp->stats = stats_attach(sp->options.stats_fd, STATS_SP, SP_COUNTERS, 1);
	if (!sp->stats || disk_open(sp))
		return sp->status;
	if (region_open(sp))
		goto close_disk;
	if (requests_open(sp))
		goto free_requests;
	if (sp_loop_open(sp))
		goto free_requests;
	if (sp_loop_connect(sp))
		goto close_loop;
	if (close_up(sp)) {
		sp_loop_disconnect(sp);
		goto close_loop;
	}

	serve(sp);

	sp_loop_disconnect(sp);
	sp_late_leave(sp);
	sp_survey_close(sp);
close_loop:
	sp_loop_close(sp);
free_requests:
	sp_fence_close(sp);
	sp_order_close(sp);
	free(sp->requests);
	/* The kernel ends the claim of the role with the process, which may not do it itself. */
close_disk:
	backend_close(&sp->backend);
	return sp->status;
}

int main(int argc, char **argv)
{
	static struct sp sp;
	static char name[32];

	start_program("arena-sp");
	/* It means nothing here, and must not end the process. */
	signal(SIGHUP, SIG_IGN);
	sp_options_parse(&sp.options, argc, argv);
	snprintf(name, sizeof(name), "arena-sp %u", sp.options.id);
	log_set_format(sp.options.log_format);
	log_init(name, sp.options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	return run(&sp);
}
