// SPDX-License-Identifier: MIT
/*
 * Goal: a node appears with its owner, group and mode. A process that watches all the time
 * never sees a node that more users could open than in the end, and a process that gets the
 * uevent of a node finds it complete.
 *
 * timeout: 300
 */
#include "uevents.h"
#include "users.h"
#include "views.h"

#define NAME "test-perm-watch"
#define ROUNDS 40
#define UID 1001
#define GID 2001
#define MODE 0640

static const char *const views[] = { "rw", "ro", "part" };
static const mode_t modes[] = { MODE, MODE & 0444, MODE };

/* What all watchers together saw. */
struct seen {
	unsigned long finished, early, wrong, opened, told, told_wrong;
};

static volatile struct seen *seen;

static bool finished(const struct stat *st, size_t i)
{
	return st->st_mode == (S_IFCHR | modes[i]) && st->st_uid == UID && st->st_gid == GID;
}

/*
 * devtmpfs creates a node that belongs to root and then changes its owner, and stat() reads
 * owner and group one after the other. Neither gives anybody more access.
 */
static bool harmless(const struct stat *st, size_t i)
{
	return !(st->st_mode & 07777 & ~modes[i]) && (!st->st_uid || st->st_uid == UID) &&
	       (!st->st_gid || st->st_gid == GID);
}

static void watch(void)
{
	struct stat st;
	char path[128];

	for (size_t i = 0;; i = (i + 1) % ARRAY_LEN(views)) {
		snprintf(path, sizeof(path), "/dev/mshare/" NAME "/%s", views[i]);
		if (lstat(path, &st))
			continue;
		if (finished(&st, i))
			seen->finished++;
		else if (harmless(&st, i))
			seen->early++;
		else
			seen->wrong++;
	}
}

/* A stranger, whom the modes never allow to open a node. */
static void try_to_open(void)
{
	static const struct user stranger = { .name = "a stranger", .uid = 1003, .gid = 2003 };

	if (user_become(&stranger))
		_exit(1);
	for (size_t i = 0;; i = (i + 1) % ARRAY_LEN(views)) {
		int fd = view_open(NAME, views[i], O_RDONLY);

		if (fd < 0)
			continue;
		seen->opened++;
		close(fd);
	}
}

static void hear(int sock)
{
	struct uevent e;
	struct stat st;
	char path[128];

	while (uevent_next(sock, NAME, -1, &e)) {
		if (strcmp(uevent_get(&e, "ACTION"), "add"))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", uevent_get(&e, "DEVNAME"));
		for (size_t i = 0; i < ARRAY_LEN(views); i++) {
			if (strcmp(uevent_get(&e, "MSHARE_VIEW"), views[i]) || stat(path, &st))
				continue;
			seen->told++;
			seen->told_wrong += !finished(&st, i);
		}
	}
}

static pid_t start(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		fn();
		_exit(1);
	}
	return pid;
}

static void make_nodes(void)
{
	struct msharearena_create c = create_args(NAME, SZ_2M, SZ_2M);
	struct msharearena_range r = { .length = SZ_2M, .prot = PROT_RW };
	struct msharearena_view v = view_args("part", &r, 1);
	unsigned long told = seen->told;

	c.uid = UID;
	c.gid = GID;
	c.mode = MODE;
	v.uid = UID;
	v.gid = GID;
	v.mode = MODE;
	if (create_named(&c) || add_view(NAME, &v))
		bail("create: %s", strerror(errno));
	/* Wait until the listener has seen all nodes. */
	for (int ms = 0; ms < 30000 && seen->told < told + ARRAY_LEN(views); ms++)
		usleep(1000);
	region_unlink(NAME);
}

int main(void)
{
	int sock = uevent_open();
	pid_t pid[3];

	region_unlink(NAME);
	seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid[0] = start(watch);
	pid[1] = start(try_to_open);
	pid[2] = fork();
	if (!pid[2])
		hear(sock);
	for (int i = 0; i < ROUNDS; i++)
		make_nodes();
	for (size_t i = 0; i < ARRAY_LEN(pid); i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	diag("looked: %lu finished, %lu not yet given away", seen->finished, seen->early);
	ok(seen->finished > 0, "nodes are seen while they are created and removed");
	is(seen->wrong, 0, "no node is seen with a wrong owner or group or a wider mode");
	is(seen->opened, 0, "a stranger can open no node at any moment");
	is(seen->told, ROUNDS * ARRAY_LEN(views), "there is a uevent for each node");
	is(seen->told_wrong, 0, "each node is complete when its uevent arrives");
	return done_testing();
}
