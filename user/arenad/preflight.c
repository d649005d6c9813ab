// SPDX-License-Identifier: MIT
#include "preflight.h"

#include <arena/probe.h>
#include <common/log.h>
#include <errno.h>
#include <np/limits.h>
#include <sandbox/sandbox.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "program.h"

static int check_program(const struct arenad_options *o, const char *name)
{
	char path[PROGRAM_PATH_SIZE];
	int ret = program_path(o, name, path);

	if (ret) {
		log_error("cannot find arenad's own folder: %s; mount /proc", strerror(-ret));
		return ret;
	}
	if (!access(path, X_OK))
		return 0;
	ret = -errno;
	log_error("cannot execute %s: %s", path, ret == -ENOENT ?
		  "it is not there; install it beside arenad" : log_reason(-ret));
	return ret;
}

/* A disk that is not there may come later, if its export may be without. */
static int check_missing(const struct arenad_disk *disk, const struct export_options *e, int err)
{
	if (e->no_disk == EXPORT_STOP) {
		log_error("cannot open disk %s: %s", disk->path, log_reason(err));
		return -err;
	}
	log_warn("cannot find disk %s: %s", disk->path, log_reason(err));
	return 0;
}

/* Whether arena-sp may write the disk as its own user, it finds out itself. */
static int check_writable(const struct arenad_disk *disk, const struct export_options *e)
{
	if (disk->is_readonly || !access(disk->path, W_OK) || errno != EROFS)
		return 0;
	log_error("disk %s cannot be written, as its file system is read-only; --read-only %s "
		  "serves it all the same", disk->path, e->name);
	return -EROFS;
}

int preflight_check_disk(const struct arenad_disk *disk, const struct export_options *e)
{
	struct stat st;

	if (stat(disk->path, &st))
		return check_missing(disk, e, errno);
	/* Whether a character device is that of a namespace, arena-sp finds out. */
	if (S_ISBLK(st.st_mode) || S_ISREG(st.st_mode) || S_ISCHR(st.st_mode))
		return check_writable(disk, e);
	log_error("disk %s is neither a block device nor a regular file; give the path of one",
		  disk->path);
	return -ENOTBLK;
}

/* Every process needs a ring, and arenad makes the mailboxes of all. */
static int check_io_uring(void)
{
	struct arena_features f = { .size = sizeof(f) };
	const char *why = arena_probe(&f) ? arena_features_why(&f) : NULL;

	if (!why)
		return 0;
	log_error("cannot make an io_uring: %s; allow it, or use Linux 6.8 or later", why);
	return -EOPNOTSUPP;
}

/* libarena raises the soft limit of arena-np to what its ring needs, up to the hard limit. */
static int check_open_files(const struct arenad_options *o)
{
	uint32_t most = o->np_buffers / CONN_NET_BUFFERS;
	uint32_t connections = o->connections_max < most ? o->connections_max : most;
	rlim_t needed = NP_FILES_NEEDED(connections + LISTEN_MAX);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max >= needed)
		return 0;
	log_error("--max-connections %u needs a limit of %llu open files, and it is %llu; raise it "
		  "(ulimit -n, LimitNOFILE= of a unit) or serve fewer clients", o->connections_max,
		  (unsigned long long)needed, (unsigned long long)limit.rlim_max);
	return -EMFILE;
}

/* The status of a process that could not take a measure; bits of measures are less. */
#define TRIAL_FAILED	255

__attribute__((noreturn))
static void sandbox_trial(const struct arenad_options *o, const struct user *user)
{
	static const char *const no_calls[] = { NULL };
	const struct sandbox_profile profile = { .mode = o->sandbox, .calls = no_calls };
	int missing, filter = -1;

	if (user_become(user))
		_exit(TRIAL_FAILED);
	missing = sandbox_drop(&profile);
	if (missing >= 0)
		filter = sandbox_filter(&profile);
	_exit(filter < 0 ? TRIAL_FAILED : missing | filter);
}

/* Return: the bits of what a process of that user has to do without, or -errno. */
static int try_sandbox(const struct arenad_options *o, const struct user *user)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		sandbox_trial(o, user);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		log_error("cannot try the sandbox: %s", log_reason(errno));
		return -ECHILD;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) == TRIAL_FAILED) {
		log_error("arena-np and arena-sp cannot enter their sandbox here (--sandbox %s); "
			  "the line before this one says which measure fails",
			  sandbox_words[o->sandbox]);
		return -EPERM;
	}
	return WEXITSTATUS(status);
}

/*
 * A process of each user tells what all of them will find, so the log has it once. With a memfd
 * other users are refused later.
 */
static int check_sandbox(const struct arenad_options *o)
{
	bool has_users = o->backend != ARENAD_BACKEND_MEMFD;
	int np, sp = 0;

	if (o->sandbox == SANDBOX_OFF) {
		log_warn("--sandbox off: arena-np and arena-sp keep all rights of their users; "
			 "leave it out where that is not intended");
		return 0;
	}
	np = try_sandbox(o, has_users ? &o->np_user : &(struct user){ 0 });
	if (np < 0)
		return np;
	if (has_users && o->sp_user.name)
		sp = try_sandbox(o, &o->sp_user);
	if (sp < 0)
		return sp;
	sandbox_log_missing((unsigned int)(np | sp));
	return 0;
}

int arenad_preflight(const struct arenad_options *o)
{
	int ret = check_program(o, "arena-np");

	if (!ret)
		ret = check_program(o, "arena-sp");
	if (!ret)
		ret = check_open_files(o);
	if (!ret)
		ret = check_io_uring();
	for (unsigned int i = 0; i < o->exports.n && !ret; i++)
		if (!export_is_vacant(&o->exports.export[i]))
			ret = preflight_check_disk(&o->disk[i], &o->exports.export[i]);
	return ret ? ret : check_sandbox(o);
}
