// SPDX-License-Identifier: MIT
/*
 * A rig for the death of arena-sp: in arenad's place it runs one arena-np and one arena-sp over a
 * memfd region. It kills arena-sp again and again, after times that depend on a seed, and each time
 * starts a successor at once, with the same mailboxes and the next epoch.
 *
 *	restart-rig KILLS SEED ARENA_SP DISK arena-np [OPTION...]
 *
 * SIGUSR1 goes to both programs, SIGTERM ends both. SIGUSR2 begins the killing, and "killed" is
 * written to standard output when the last kill is over. The exit status is that of arena-np.
 */
#include <arena/arena.h>
#include <errno.h>
#include <proto/layout.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "inherit.h"

#define REGION		"restart-rig"
#define MEMORY		(512ULL << 20)
#define REQUESTS	512U
/* An arena-sp lives for so long, or up to so much longer. */
#define LIFE_US		30000U
#define MORE_US		600000U

struct rig {
	struct mshare *region;
	int layout_fd;
	struct inherit_pair pair;
	const char *sp_program;
	const char *disk;
	char **np_argv;
	pid_t np;
	pid_t sp;
	int np_control;
	int sp_control;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "restart-rig: %s: %s\n", what, strerror(-err));
	exit(99);
}

static void make_region(struct rig *rig)
{
	const struct mshare_options o = {
		.size = sizeof(o), .backend = MSHARE_BACKEND_MEMFD, .page_size = 4096,
		.mode = 0600, .length = MEMORY,
	};
	static struct arena_layout layout;
	struct arena_config config;
	void *base;
	int ret;

	proto_config_init(&config, MEMORY, &(struct proto_counts){
		.nps = 1, .sps = 1, .net_buffers = REQUESTS });
	ret = mshare_create(REGION, &o, &rig->region);
	if (!ret)
		ret = mshare_populate(rig->region, 0, MEMORY);
	if (!ret)
		ret = mshare_attach(rig->region, &base);
	if (!ret)
		ret = arena_layout_make(&layout, &config);
	if (!ret)
		ret = inherit_make(&rig->pair, ARENA_CHANNEL_HYBRID,
				   proto_window(proto_requests(&layout)));
	if (ret)
		die("region", ret);
	arena_layout_write(base, &layout);
	rig->layout_fd = arena_layout_seal(&layout);
}

static char *number(int fd)
{
	char *text = malloc(16);

	snprintf(text, 16, "%d", inherit_pass(fd));
	return text;
}

/* Replace this process by a program, whose options are @own and then @more. */
__attribute__((noreturn))
static void execute(const char *const *own, char **more)
{
	const char *args[128];
	sigset_t none;
	int n = 0;

	while (*own)
		args[n++] = *own++;
	while (*more && n < 127)
		args[n++] = *more++;
	args[n] = NULL;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(args[0], (char **)args);
	die(args[0], -errno);
	exit(99);
}

static pid_t start(int *control, void (*become)(struct rig *rig, int control), struct rig *rig)
{
	int ends[2], ret = control_socket_open(ends);
	pid_t pid;

	if (ret)
		die("control socket", ret);
	if (*control >= 0)
		close(*control);
	*control = ends[0];
	pid = fork();
	if (!pid)
		become(rig, ends[1]);
	close(ends[1]);
	return pid;
}

static void become_np(struct rig *rig, int control)
{
	char end[64];
	const char *const own[] = {
		rig->np_argv[0], "--region", REGION, "--transport", "hybrid", "--sp", end,
		"--control-fd", number(control), "--layout-fd", number(rig->layout_fd), NULL,
	};

	inherit_pass_end(inherit_np(&rig->pair), "d0=", end);
	execute(own, rig->np_argv + 1);
}

static void become_sp(struct rig *rig, int control)
{
	char end[64], *none[] = { NULL };
	const char *const own[] = {
		rig->sp_program, "--region", REGION, "--transport", "hybrid", "--id", "0",
		"--disk", rig->disk, "--np", end, "--control-fd", number(control),
		"--layout-fd", number(rig->layout_fd), NULL,
	};

	inherit_pass_end(inherit_sp(&rig->pair), "", end);
	execute(own, none);
}

/* Both learn who their peers are, in the next epoch. */
static void introduce(struct rig *rig)
{
	int ret;

	rig->pair.epoch++;
	ret = inherit_tell(rig->sp_control, PROTO_ROLE_NP(0), rig->pair.epoch, rig->np);
	if (!ret)
		ret = inherit_tell(rig->np_control, PROTO_ROLE_SP(0), rig->pair.epoch, rig->sp);
	if (ret)
		die("telling the peers of each other", ret);
}

static void replace_sp(struct rig *rig)
{
	kill(rig->sp, SIGKILL);
	waitpid(rig->sp, NULL, 0);
	rig->sp = start(&rig->sp_control, become_sp, rig);
	introduce(rig);
}

/* Wait for a signal for so long at most. Return: its number; 0 if none came. */
static int wait_for_signal(const sigset_t *set, unsigned int us)
{
	const struct timespec t = { us / 1000000, us % 1000000 * 1000L };
	int ret = sigtimedwait(set, NULL, &t);

	return ret > 0 ? ret : 0;
}

static unsigned int next_life(unsigned int *seed)
{
	return LIFE_US + (unsigned int)rand_r(seed) % MORE_US;
}

/* Return: when the rig has to end. */
static void run(struct rig *rig, unsigned int kills, unsigned int seed, const sigset_t *set)
{
	bool is_killing = false;

	for (;;) {
		int signal = wait_for_signal(set, is_killing ? next_life(&seed) : 1000000);

		if (signal == SIGTERM || signal == SIGINT || signal == SIGCHLD)
			return;
		if (signal == SIGUSR2)
			is_killing = true;
		if (signal == SIGUSR1) {
			kill(rig->np, SIGUSR1);
			kill(rig->sp, SIGUSR1);
		}
		if (signal || !is_killing)
			continue;
		replace_sp(rig);
		kills--;
		if (kills)
			continue;
		is_killing = false;
		printf("killed\n");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	struct rig rig = { .np_control = -1, .sp_control = -1 };
	int status;
	sigset_t set;

	if (argc < 6)
		return 2;
	rig.sp_program = argv[3];
	rig.disk = argv[4];
	rig.np_argv = argv + 5;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	make_region(&rig);
	rig.sp = start(&rig.sp_control, become_sp, &rig);
	rig.np = start(&rig.np_control, become_np, &rig);
	introduce(&rig);
	run(&rig, (unsigned int)atoi(argv[1]), (unsigned int)atoi(argv[2]), &set);
	kill(rig.np, SIGTERM);
	waitpid(rig.np, &status, 0);
	kill(rig.sp, SIGTERM);
	waitpid(rig.sp, NULL, 0);
	mshare_unlink(REGION);
	mshare_close(rig.region);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
