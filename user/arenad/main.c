// SPDX-License-Identifier: MIT
/*
 * arenad: make a region, or adopt one with its processes; run the processes that work in it, remove
 * it.
 */
#define _GNU_SOURCE
#include <common/log.h>
#include <common/start.h>
#include <errno.h>
#include <linux/close_range.h>
#include <listen/socket.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt.h"
#include "command.h"
#include "config.h"
#include "cpus.h"
#include "earlier.h"
#include "keep.h"
#include "module.h"
#include "options.h"
#include "peers.h"
#include "preflight.h"
#include "region.h"
#include "reload.h"
#include "runtime.h"
#include "state.h"
#include "supervise.h"
#include "upgrade.h"

/* What can be wrong for reasons of its own is tried before the region is made. */
static int prepare(struct node *n, struct mshare **region)
{
	const struct arenad_options *o = n->options;
	int ret = arenad_preflight(o);

	if (!ret)
		ret = cpus_plan(o, n->cpus);
	if (!ret)
		ret = reload_open(n->reload, o);
	if (!ret)
		ret = peers_open(n->peers, o);
	if (!ret)
		ret = listen_open(&o->listen, &n->sockets);
	if (ret)
		return ret;
	ret = arenad_region_open(o, n->cpus, n->layout, region);
	if (ret)
		listen_close(&n->sockets);
	return ret;
}

/*
 * Sockets that were passed to this arenad, too, are those that it adopts. Nothing is passed to the
 * same process: what now has the number of such a socket is something else.
 */
static int take_over(struct node *n, struct mshare **region)
{
	const struct arenad_options *o = n->options;
	struct state *s = n->earlier;
	int ret;

	if (!n->is_same_process)
		listen_forget(&o->listen);
	ret = cpus_plan(o, n->cpus);
	if (!ret)
		ret = adopt_descriptors(s);
	if (!ret)
		ret = peers_adopt(n->peers, o, &s->peers);
	if (!ret)
		ret = adopt_region(o, s, n->layout, region);
	if (ret)
		return ret;
	n->sockets = s->listening;
	reload_adopt(n->reload, o, s->bundle);
	return 0;
}

static enum arenad_exit run(struct node *n)
{
	struct mshare *region;
	enum arenad_exit status;

	if (n->earlier ? take_over(n, &region) : prepare(n, &region))
		return ARENAD_EXIT_ERROR;
	n->keep->region = region;
	n->keep->listening = &n->sockets;
	status = arenad_supervise(n);
	if (n->is_left)
		return status;
	listen_close(&n->sockets);
	arenad_region_close(n->options, region);
	return status;
}

/* Its descriptors have other numbers in the keeper of the earlier arenad than in this process. */
static int remember(struct keep *k, const struct runtime *r)
{
	int ret = state_read(r, &k->last);

	if (ret)
		return ret;
	k->is_ready = true;
	keep_adopt(k);
	return 0;
}

static enum arenad_exit run_alone(struct node *n, const struct runtime *r)
{
	const char *shape = n->config->shape;
	enum arenad_exit status = ARENAD_EXIT_ERROR;

	n->keep->runtime = r;
	n->keep->shape = shape;
	n->keep->given = n->config->given;
	if (earlier_find(r, n->options, shape, n->config->given, &n->earlier))
		return status;
	if (!n->earlier && n->config->is_behind)
		log_error("the processes that were to be adopted have ended meanwhile; start "
			  "arenad once more");
	else if (!n->earlier || !remember(n->keep, r))
		status = run(n);
	free(n->earlier);
	return status;
}

/* Processes that run keep the exports that they have. */
static int place_exports(struct node *n, const struct runtime *r)
{
	struct state *s = n->options->replace ? NULL : earlier_look(r);
	int ret = s ? config_place(n->config, state_text(s, STATE_SHAPE),
				   state_text(s, STATE_OPTIONS)) :
		      config_place(n->config, NULL, NULL);

	free(s);
	if (ret)
		log_error("there is no memory for the options; free memory, and start it again");
	return ret;
}

static enum arenad_exit check(struct node *n)
{
	const struct arenad_options *o = n->options;
	struct state *s = NULL;
	struct runtime r;
	int ret = runtime_look(&r, o->runtime_dir, o->region);

	if (!ret)
		ret = place_exports(n, &r);
	if (!ret)
		ret = earlier_check(&r, n->config->shape, &s);
	if (!ret)
		ret = adopt_try(o, s, n->layout);
	free(s);
	runtime_close(&r);
	return ret ? ARENAD_EXIT_ERROR : ARENAD_EXIT_OK;
}

static enum arenad_exit run_in(struct node *n, int lock)
{
	const struct arenad_options *o = n->options;
	enum arenad_exit status = ARENAD_EXIT_ERROR;
	struct runtime r;

	if (o->check_adopt)
		return check(n);
	if (!runtime_open(&r, o->runtime_dir, o->region, lock) && !place_exports(n, &r))
		status = run_alone(n, &r);
	runtime_close(&r);
	return status;
}

/* Nothing else, so that a unit can do it with a right that arenad itself need not have. */
static enum arenad_exit load_module(const struct arenad_options *o)
{
	if (o->backend == ARENAD_BACKEND_MEMFD || !module_load())
		return ARENAD_EXIT_OK;
	return ARENAD_EXIT_ERROR;
}

/*
 * arenad may inherit open files from the program that started it. They are not for the processes
 * that arenad starts. They stay open here, as sockets to listen on may be among them.
 */
static void keep_descriptors(void)
{
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC))
		log_warn("cannot keep open files from other processes: %s", log_reason(errno));
}

int main(int argc, char **argv)
{
	static struct arena_layout layout;
	struct reload reload = { .bundle = -1 };
	struct keep keep = { .keeper = KEEPER_NONE };
	static struct peers peers;
	static struct config config;
	const struct arenad_options *options = &config.options;
	struct command command;
	struct cpus_of cpus;
	struct node node = {
		.config = &config, .options = options, .command = &command, .cpus = &cpus,
		.layout = &layout, .reload = &reload, .keep = &keep, .peers = &peers,
	};
	int status, lock;

	start_program("arenad");
	keep_descriptors();
	/* From now on signals wait until arenad_supervise() reads them. */
	node.signal_fd = arenad_supervise_signals();
	if (node.signal_fd < 0)
		return ARENAD_EXIT_ERROR;
	status = command_keep(&command, argv);
	if (status) {
		log_error("cannot keep the command line: %s", status == -ENOENT ?
			  "there is no /proc; mount it" : log_reason(-status));
		return ARENAD_EXIT_ERROR;
	}
	config_begin(&config, argc, argv);
	log_set_format(options->log_format);
	if (options->verbose)
		log_init("arenad", LOG_LEVEL_DEBUG);
	if (options->load_module)
		return load_module(options);
	peers.filter = PEERS_FILTER_NONE;
	config.options.listen.guard = (struct listen_guard){ peers_guard, &peers };
	lock = upgrade_take_lock();
	node.is_same_process = lock >= 0;
	/* The processes are then those that an earlier --replace has started. */
	if (node.is_same_process)
		config.options.replace = false;
	status = run_in(&node, lock);
	reload_close(&reload);
	peers_filter_close(&peers.filter);
	command_free(&command);
	config_free(&config);
	return status;
}
