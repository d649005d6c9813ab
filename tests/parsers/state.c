// SPDX-License-Identifier: MIT
/*
 * Goal: state_read() takes what an earlier arenad has left only if all numbers of it can be used:
 * it says how many processes, sockets and channels there are, and which texts it has. Of another
 * version only the head is taken. A file that was not changed is taken as it was written.
 * Method: a state that was written by state_write(), with some words changed, or cut short, or with
 * bytes behind it, as the input says.
 */
#define _GNU_SOURCE
#include <arenad/runtime.h>
#include <arenad/state.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parser.h"

#define NPS	2U
#define SPS	3U

enum how { CUT = 1, LONGER = 2, HEAD = 4 };

static struct runtime runtime = { .lock = -1, .region = "fuzz" };
static struct state *made;
static size_t made_size;
static int file, errors, nowhere;

static void remove_all(void)
{
	state_remove(&runtime);
	rmdir(runtime.path);
}

static void begin(void)
{
	static const char *const texts[STATE_TEXTS] = { "shape", "arenad\n--region\nfuzz\n", "" };
	char name[RUNTIME_NAME_SIZE];

	snprintf(runtime.path, sizeof(runtime.path), "/tmp/fuzz-state.XXXXXX");
	must(mkdtemp(runtime.path));
	runtime.folder = open(runtime.path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	must(runtime.folder >= 0);
	atexit(remove_all);
	made = state_new(texts);
	must(made);
	made->head.nps = NPS;
	made->head.n = NPS + SPS;
	made->pairs.nps = NPS;
	made->pairs.sps = SPS;
	made->lines.n = NPS + SPS;
	made->listening.n = 1;
	made_size = sizeof(*made) + made->head.text_size;
	must(!state_write(&runtime, made));
	runtime_file(&runtime, ".state", name);
	file = openat(runtime.folder, name, O_RDWR | O_CLOEXEC);
	errors = dup(STDERR_FILENO);
	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	must(file >= 0 && errors >= 0 && nowhere >= 0);
}

static uint32_t changed(uint32_t old, struct input *in)
{
	uint8_t how = eat_u8(in), value = eat_u8(in);

	switch (how % 5) {
	case 0:
		return value;
	case 1:
		return old + value;
	case 2:
		return old - value;
	case 3:
		return 1U << value % 32;
	default:
		return eat_u32(in);
	}
}

/* Change words of the head, or of all. */
static void change(uint8_t how, struct input *in)
{
	size_t head = offsetof(struct state_head, who), span = how & HEAD ? head : made_size;

	while (in->size) {
		uint32_t value;
		off_t at = (off_t)(eat_u16(in) % (span / sizeof(value)) * sizeof(value));

		must(pread(file, &value, sizeof(value), at) == (ssize_t)sizeof(value));
		value = changed(value, in);
		must(pwrite(file, &value, sizeof(value), at) == (ssize_t)sizeof(value));
	}
}

/* Messages of the log are of no use to a fuzzer. */
static int read_quietly(struct state **s)
{
	int ret;

	dup2(nowhere, STDERR_FILENO);
	ret = state_read(&runtime, s);
	dup2(errors, STDERR_FILENO);
	return ret;
}

/* Have the file as it was. */
static void restore(void)
{
	must(!ftruncate(file, (off_t)made_size));
	must(pwrite(file, made, made_size, 0) == (ssize_t)made_size);
}

static void check_head(const struct state_head *h)
{
	must(h->n <= STATE_PROCESSES && h->nps <= h->n);
}

static void check_texts(const struct state *s)
{
	const char *end = s->text + s->head.text_size;

	for (unsigned int i = 0; i < STATE_TEXTS; i++) {
		const char *text = state_text(s, i);

		must(text >= s->text && text < end && memchr(text, '\0', (size_t)(end - text)));
	}
}

static void check_all(const struct state *s)
{
	uint32_t nps = s->head.nps, sps = s->head.n - nps;

	must(nps <= PROTO_MAX_NPS && sps <= PROTO_MAX_SPS);
	must(s->pairs.nps == nps && s->pairs.sps == sps && s->lines.n == nps + sps);
	must(s->listening.n <= LISTEN_MAX);
	for (unsigned int i = 0; i < PROTO_MAX_NPS; i++)
		must(s->sockets[i].n <= LISTEN_MAX);
	for (unsigned int i = 0; i < PROTO_MAX_SPS; i++)
		must(memchr(s->identity[i], '\0', DISK_IDENTITY_SIZE));
	check_texts(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t how = eat_u8(&in);
	bool is_whole = !in.size;
	struct state *s;
	int ret;

	if (!made)
		begin();
	if (how & (CUT | LONGER) && !is_whole) {
		size_t by = eat_u16(&in);

		by = how & LONGER ? made_size + 1 + by : made_size - 1 - by % made_size;
		must(!ftruncate(file, (off_t)by));
	} else {
		change(how, &in);
	}
	ret = read_quietly(&s);
	must(!ret || ret == -ENOENT || ret == -EPROTO || ret == -EINVAL);
	must(!s == (ret && ret != -EPROTO));
	if (s)
		check_head(&s->head);
	if (!ret)
		check_all(s);
	if (is_whole)
		must(!ret && !memcmp(s, made, made_size));
	free(s);
	restore();
	return 0;
}
