// SPDX-License-Identifier: LGPL-2.1-or-later
#include <proto/region.h>

#include <arena/arena.h>
#include <common/clock.h>
#include <common/log.h>
#include <common/start.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <proto/layout.h>

/* The process waits for a role that is in use for so long, and asks so often. */
#define ROLE_WAIT_MS	25000
#define ROLE_PAUSE_NS	2000000L

void proto_view_name(uint32_t role, char name[MSHARE_VIEW_SIZE])
{
	snprintf(name, MSHARE_VIEW_SIZE, "%s-%u",
		 ARENA_ROLE_CLASS(role) == PROTO_CLASS_NP ? "np" : "sp",
		 ARENA_ROLE_NUMBER(role));
}

static int open_error(const char *name, const char *view, int ret)
{
	switch (ret) {
	case -EPROTO:
	case -ERANGE:
		log_error("region %s: its layout is not for this program: %s; use programs of one "
			  "version", name, strerror(-ret));
		break;
	case -EBUSY:
		log_error("region %s: another process has the role of %s; end that one first", name,
			  view);
		break;
	default:
		log_error("cannot open region %s for %s: %s", name, view, log_reason(-ret));
	}
	return ret;
}

static void log_view(const char *name, const struct arena *a)
{
	struct mshare_info info = { .size = sizeof(info) };

	if (!mshare_info(arena_region(a), &info))
		log_info("region %s is attached at %p through its view %s", name, arena_base(a),
			 info.view);
}

static int try_to_open(const char *name, struct arena_options *options, const char *view,
		       struct arena **out)
{
	int ret;

	options->view = view;
	ret = arena_open(name, options, out);

	/* If the region itself is missing, the second call returns -ENOENT, too. */
	if (ret != -ENOENT)
		return ret;
	options->view = NULL;
	return arena_open(name, options, out);
}

/* Wait for the last operation of a process that had the role and has died. */
static int wait_for_role(const char *name, struct arena_options *options, const char *view,
			 struct arena **out)
{
	const struct timespec pause = { .tv_nsec = ROLE_PAUSE_NS };
	int64_t deadline = clock_deadline(ROLE_WAIT_MS);
	int ret = -EBUSY;

	log_info("region %s: %s is still in use: waiting for up to %d s", name, view,
		 ROLE_WAIT_MS / 1000);
	while (ret == -EBUSY && clock_left_ms(deadline) && !start_stop_is_pending()) {
		nanosleep(&pause, NULL);
		ret = try_to_open(name, options, view, out);
	}
	return ret;
}

static int load_layout(const char *name, int fd, struct arena_layout *l)
{
	int ret = arena_layout_load(fd, l);

	close(fd);
	if (ret)
		log_error("region %s: the inherited layout cannot be used: %s; use programs of one "
			  "version", name, strerror(-ret));
	return ret;
}

int proto_open_region(const char *name, uint32_t role, int layout_fd, struct arena **out)
{
	static struct arena_layout layout;
	struct arena_options options = {
		.size = sizeof(options), .role = role, .layout = &layout,
	};
	char view[MSHARE_VIEW_SIZE];
	int ret = load_layout(name, layout_fd, &layout);

	if (ret)
		return ret;
	proto_view_name(role, view);
	ret = try_to_open(name, &options, view, out);
	if (ret == -EBUSY)
		ret = wait_for_role(name, &options, view, out);
	if (ret)
		return open_error(name, view, ret);
	log_view(name, *out);
	return 0;
}

int proto_try_region(const char *name, uint32_t role, int layout_fd)
{
	static struct arena_layout layout;
	struct arena_options options = {
		.size = sizeof(options), .role = ARENA_NO_ROLE, .layout = &layout,
	};
	int fd = fcntl(layout_fd, F_DUPFD_CLOEXEC, 0), ret;
	char view[MSHARE_VIEW_SIZE];
	struct arena *a;

	ret = fd < 0 ? -errno : load_layout(name, fd, &layout);
	if (ret)
		return ret;
	proto_view_name(role, view);
	ret = try_to_open(name, &options, view, &a);
	if (ret)
		return open_error(name, view, ret);
	return arena_close(a);
}
