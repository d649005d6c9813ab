// SPDX-License-Identifier: MIT
/*
 * A rig for arena-np alone: makes a memfd region, plays the storage processes
 * over disks in memory, runs arena-np and ends as it does.
 *
 *	np-rig [--sps N] [--disk BYTES] [--slots N] [--memory BYTES] [--readonly]
 *	       [--mode MODE] arena-np [OPTION...]
 *
 * The rig adds --region and --sp; the exports are called d0, d1 and so on. What
 * SP 0 does wrong is its mode:
 *
 *	plain	nothing
 *	liar	bad messages of every kind before each good one
 *	die	ends at the 100th request
 *	flood	at the 100th request, more messages than the mailbox holds
 *	reverse	collects requests for a while and answers the last one first
 *	hang	never answers from the 100th request on
 */
#include <proto/layout.h>
#include <proto/proto.h>
#include <errno.h>
#include <getopt.h>
#include <libarena/channel/channel.h>
#include <arena/layout.h>
#include <libarena/buffer/pool.h>
#include <mshare.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REGION		"np-rig"
#define MISCHIEF_AT	100
#define REVERSE_USEC	2000
#define BACKLOG		4096

struct rig {
	unsigned int n_sps;
	uint64_t disk_bytes;
	uint32_t slots;
	uint64_t memory;
	const char *mode;
	bool is_readonly;
};

struct sp {
	const struct rig *rig;
	unsigned int id;
	bool is_first;
	uint8_t *base;
	uint8_t *disk;
	struct arena_layout layout;
	struct arena_pool *pool;
	struct arena_channel *channel;
	unsigned int n_requests;
	struct arena_msg backlog[BACKLOG];
	unsigned int n_backlog;
};

/* Shared by all processes of the rig, as the SPs are there before the NP. */
static pid_t *np_pid;

/* The group of its buffers. */
static uint16_t group_of(const struct sp *sp)
{
	return (uint16_t)proto_group_of_sp(&sp->layout, sp->id);
}

static void die(const char *what, int err)
{
	fprintf(stderr, "np-rig: %s: %s\n", what, strerror(-err));
	exit(99);
}

static bool has_mode(const struct sp *sp, const char *mode)
{
	return sp->is_first && !strcmp(sp->rig->mode, mode);
}

static void send_msg(struct sp *sp, struct arena_msg msg)
{
	int ret;

	/* Lies take room too: wait for more. */
	while ((ret = arena_channel_send(sp->channel, &msg)) == -EAGAIN)
		usleep(50);
	if (!ret)
		ret = arena_channel_flush(sp->channel);
	if (ret && ret != -EPIPE && ret != -EOWNERDEAD)
		die("send", ret);
}

static void lie(struct sp *sp, const struct arena_msg *right)
{
	struct arena_msg m;

#define LIE(...) do { m = *right; __VA_ARGS__; send_msg(sp, m); } while (0)
	LIE(m.type = 76);
	LIE(m.type = 77);
	LIE(m.type = ARENA_MSG_HELLO);
	LIE(m.type = ARENA_MSG_REQUEST);
	LIE(m.type = ARENA_MSG_RELEASE);
	LIE(m.value = UINT16_MAX);
	LIE(m.value = (uint16_t)(sp->rig->slots - 1));
	LIE(m.ref.generation++);
	LIE(m.ref.generation--);
	LIE(m.ref.count = 0; m.ref.index = 3);
	LIE(m.ref.count = 0; m.ref.index = UINT32_MAX);
	LIE(m.ref.count++);
	LIE(m.ref.group = PROTO_GROUP_NET; m.ref.count = m.ref.count ? m.ref.count : 1);
	LIE(m.ref.group = PROTO_GROUP_PAYLOAD; m.ref.count = m.ref.count ? m.ref.count : 1);
	LIE(m.ref.group = 255; m.ref.count = m.ref.count ? m.ref.count : 1);
	if (right->ref.count) {
		/* Of count 0, the index could be a true error number. */
		if (right->ref.count > 1)
			LIE(m.ref.count--);
		LIE(m.ref.count = 0; m.ref.index = 0);
		LIE(m.ref.index = UINT32_MAX);
		LIE(m.ref.index = sp->layout.group[right->ref.group].count -
			      right->ref.count + 1);
		if (sp->rig->n_sps > 1)
			LIE(m.ref.group = (uint16_t)proto_group_of_sp(&sp->layout, 1));
	}
#undef LIE
}

static void reply(struct sp *sp, const struct arena_msg *req, uint32_t index,
		  uint16_t count)
{
	struct arena_msg m = {
		.type = ARENA_MSG_REPLY,
		.ref.group = group_of(sp),
		.value = req->value,
		.ref.index = index,
		.ref.count = count,
		.ref.generation = req->ref.generation,
	};

	if (has_mode(sp, "liar"))
		lie(sp, &m);
	send_msg(sp, m);
	/* Twice: the second one finds the slot in another state. */
	if (has_mode(sp, "liar"))
		send_msg(sp, m);
}

/* Return: false if there is no room for the data now. */
static bool serve(struct sp *sp, const struct arena_msg *msg)
{
	uint8_t *buffer = arena_layout_buffer(sp->base, &sp->layout, msg->ref.group,
					      msg->ref.index);
	struct proto_request r;
	uint32_t within, count;
	int64_t index;

	if (proto_request_receive(&r, buffer, 0))
		die("arena-np wrote a request that makes no sense", -EPROTO);
	within = (uint32_t)(r.offset % PROTO_DISK_BUFFER);
	count = (uint32_t)((within + r.length + PROTO_DISK_BUFFER - 1) / PROTO_DISK_BUFFER);
	if (r.operation == PROTO_FLUSH) {
		reply(sp, msg, 0, 0);
		return true;
	}
	if (r.offset + r.length > sp->rig->disk_bytes)
		die("arena-np let a request outside the disk pass", -ERANGE);
	if (r.operation == PROTO_WRITE) {
		if (r.ref[0].count != count ||
		    !arena_layout_has(&sp->layout, r.ref[0].group, r.ref[0].index, count))
			die("payload run", -EINVAL);
		memcpy(sp->disk + r.offset,
		       (uint8_t *)arena_layout_buffer(sp->base, &sp->layout,
						      r.ref[0].group,
						      r.ref[0].index) + within,
		       r.length);
		reply(sp, msg, 0, 0);
		return true;
	}
	index = arena_pool_get(sp->pool, count);
	if (index < 0)
		return false;
	memcpy((uint8_t *)arena_layout_buffer(sp->base, &sp->layout,
					      group_of(sp),
					      (uint32_t)index) + within,
	       sp->disk + r.offset, r.length);
	if (arena_pool_lend(sp->pool, (uint32_t)index, count,
			    msg->value | (uint32_t)msg->ref.generation << 16))
		die("hand", -EINVAL);
	reply(sp, msg, (uint32_t)index, (uint16_t)count);
	return true;
}

static void misbehave(struct sp *sp)
{
	if (sp->n_requests < MISCHIEF_AT)
		return;
	if (has_mode(sp, "die"))
		_exit(0);
	if (has_mode(sp, "hang"))
		pause();
	if (has_mode(sp, "flood") && sp->n_requests == MISCHIEF_AT) {
		struct arena_msg junk = { .type = 99 };

		/* Awake, it might take them as fast as they come. */
		kill(*np_pid, SIGSTOP);
		for (unsigned int i = 0; i < 200000; i++)
			channel_tx_post(&sp->channel->tx, &junk);
		channel_tx_submit(&sp->channel->tx);
		kill(*np_pid, SIGCONT);
	}
}

static void take(struct sp *sp, const struct arena_msg *msg)
{
	if (msg->type == ARENA_MSG_RELEASE) {
		if (arena_pool_return(sp->pool, msg->ref.index, msg->ref.count,
				      msg->value | (uint32_t)msg->ref.generation << 16))
			die("arena-np released what it does not have", -EINVAL);
		return;
	}
	if (msg->type != ARENA_MSG_REQUEST || msg->ref.group != PROTO_GROUP_NET ||
	    sp->n_backlog == BACKLOG)
		die("unexpected message", -EPROTO);
	sp->n_requests++;
	misbehave(sp);
	sp->backlog[sp->n_backlog++] = *msg;
}

static void work(struct sp *sp)
{
	unsigned int left = 0;

	if (has_mode(sp, "reverse") && sp->n_backlog) {
		usleep(REVERSE_USEC);
		while (sp->n_backlog &&
		       serve(sp, &sp->backlog[sp->n_backlog - 1]))
			sp->n_backlog--;
		return;
	}
	for (unsigned int i = 0; i < sp->n_backlog; i++)
		if (left || !serve(sp, &sp->backlog[i]))
			sp->backlog[left++] = sp->backlog[i];
	sp->n_backlog = left;
}

static void hello(struct sp *sp)
{
	struct proto_disk *d;
	int64_t index = arena_pool_get(sp->pool, 1);

	d = arena_layout_buffer(sp->base, &sp->layout, group_of(sp),
				(uint32_t)index);
	*d = (struct proto_disk){
		.magic = PROTO_DISK_MAGIC,
		.bytes = sp->rig->disk_bytes,
		.block_size = 512,
		.flags = sp->rig->is_readonly ? PROTO_DISK_READONLY : 0,
	};
	if (arena_pool_lend(sp->pool, (uint32_t)index, 1, 0))
		die("hand", -EINVAL);
	send_msg(sp, (struct arena_msg){
		.type = ARENA_MSG_HELLO,
		.ref.group = group_of(sp),
		.ref.index = (uint32_t)index,
		.ref.count = 1,
	});
}

static void sp_main(struct sp *sp, struct mshare *m)
{
	const struct arena_channel_options options = {
		.size = sizeof(options),
		.transport = ARENA_CHANNEL_MSG_RING,
		.entries = proto_window(&sp->layout),
		.timeout_ms = 10000,
	};
	struct arena_msg msg;
	struct arena *a;
	void *base;
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ret = mshare_attach(m, &base);
	if (ret)
		die("attach", ret);
	sp->base = base;
	sp->disk = mmap(NULL, sp->rig->disk_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	sp->pool = arena_pool_new(sp->layout.group[group_of(sp)].count);
	if (sp->disk == MAP_FAILED || !sp->pool)
		die("start of an SP", -ENOMEM);
	ret = arena_open_region(m, PROTO_ROLE_SP(sp->id), &a);
	if (!ret)
		ret = arena_channel_open(a, PROTO_ROLE_NP(0), &options, &sp->channel);
	if (ret)
		die("channel", ret);
	hello(sp);
	for (;;) {
		bool is_new = false;

		while ((ret = arena_channel_recv(sp->channel, &msg)) > 0) {
			is_new = true;
			take(sp, &msg);
		}
		/* Without arena-np, until the rig ends. */
		if (ret == -EPIPE || ret == -EOWNERDEAD)
			pause();
		if (ret < 0)
			die("own mailbox", ret);
		if (is_new)
			work(sp);
		else
			usleep(50);
	}
}

static pid_t start_sp(const struct rig *rig, unsigned int id, struct mshare *m,
		      const struct arena_layout *layout)
{
	static struct sp sp;
	pid_t pid = fork();

	if (pid)
		return pid;
	sp.rig = rig;
	sp.id = id;
	sp.is_first = id == 0;
	sp.layout = *layout;
	sp_main(&sp, m);
	_exit(0);
}

static void forward(int signo)
{
	if (*np_pid > 0)
		kill(*np_pid, signo);
}

static pid_t start_np(char **argv, unsigned int n, const struct rig *rig,
		      const pid_t *pids)
{
	char names[PROTO_MAX_SPS][32];
	const char *args[64];
	unsigned int i = 0;
	pid_t pid;

	for (; i < n; i++)
		args[i] = argv[i];
	args[i++] = "--region";
	args[i++] = REGION;
	for (unsigned int s = 0; s < rig->n_sps; s++) {
		snprintf(names[s], sizeof(names[s]), "d%u=%d", s, (int)pids[s]);
		args[i++] = "--sp";
		args[i++] = names[s];
	}
	args[i] = NULL;
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(args[0], (char **)args);
	die(args[0], -errno);
	return 0;
}

static void parse(struct rig *rig, int argc, char **argv)
{
	static const struct option options[] = {
		{ "sps", required_argument, NULL, 's' },
		{ "disk", required_argument, NULL, 'd' },
		{ "slots", required_argument, NULL, 'n' },
		{ "memory", required_argument, NULL, 'm' },
		{ "mode", required_argument, NULL, 'o' },
		{ "readonly", no_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			rig->n_sps = (unsigned int)atoi(optarg);
			break;
		case 'd':
			rig->disk_bytes = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			rig->slots = (uint32_t)atoi(optarg);
			break;
		case 'm':
			rig->memory = strtoull(optarg, NULL, 0);
			break;
		case 'o':
			rig->mode = optarg;
			break;
		case 'r':
			rig->is_readonly = true;
			break;
		default:
			exit(2);
		}
	}
	if (!rig->n_sps || rig->n_sps > PROTO_MAX_SPS || argc - optind < 1 ||
	    argc - optind > 32)
		exit(2);
}

int main(int argc, char **argv)
{
	struct rig rig = {
		.n_sps = 1, .disk_bytes = 256 << 20, .slots = 512,
		.memory = 512ULL << 20, .mode = "plain",
	};
	struct mshare_options o = { .size = sizeof(o), .backend = MSHARE_BACKEND_MEMFD,
				    .page_size = 4096, .mode = 0600 };
	pid_t pids[PROTO_MAX_SPS] = { 0 };
	struct arena_layout layout;
	struct arena_config config;
	struct mshare *m;
	int ret, status;
	void *base;

	parse(&rig, argc, argv);
	np_pid = mmap(NULL, sizeof(*np_pid), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (np_pid == MAP_FAILED)
		die("mmap", -errno);
	o.length = rig.memory;
	proto_config_init(&config, rig.memory, &(struct proto_counts){ 1, rig.n_sps, rig.slots });
	ret = mshare_create(REGION, &o, &m);
	if (!ret)
		ret = mshare_populate(m, 0, rig.memory);
	if (!ret)
		ret = mshare_attach(m, &base);
	if (!ret)
		ret = arena_layout_make(&layout, &config);
	if (ret)
		die("region", ret);
	arena_layout_write(base, &layout);
	for (unsigned int i = 0; i < rig.n_sps; i++)
		pids[i] = start_sp(&rig, i, m, &layout);
	signal(SIGTERM, forward);
	signal(SIGINT, forward);
	signal(SIGUSR1, forward);
	*np_pid = start_np(argv + optind, (unsigned int)(argc - optind), &rig, pids);
	while (waitpid(*np_pid, &status, 0) < 0 && errno == EINTR)
		;
	for (unsigned int i = 0; i < rig.n_sps; i++) {
		int sp_status = 0;

		kill(pids[i], SIGTERM);
		waitpid(pids[i], &sp_status, 0);
		if (WIFEXITED(sp_status) && WEXITSTATUS(sp_status))
			exit(WEXITSTATUS(sp_status));
	}
	mshare_unlink(REGION);
	mshare_close(m);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
