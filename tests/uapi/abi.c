// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the tables of docs/abi.md about files and commands agree with the header and the
 * module: every command and structure is in both, with the same number and size, every
 * other number gives ENOTTY, and read and poll do what the page says. system/test-abi
 * checks the rest of the page.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/msharearena.h>

#include "../tap.h"

#define PAGE_FILE "/src/docs/abi.md"
#define HEADER_FILE "/src/include/uapi/linux/msharearena.h"
#define MAX 64

struct item {
	char name[64];		/* without MSHAREARENA_ or with msharearena_ */
	char of[64];		/* the structure of a command */
	unsigned int number;
	unsigned int bytes;
	unsigned int since;
};

struct list {
	struct item items[MAX];
	unsigned int n;
};

static struct list control, region, structures;

static struct item *list_find(struct list *l, const char *name)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (!strcmp(l->items[i].name, name))
			return &l->items[i];
	return NULL;
}

static struct item *list_with(struct list *l, unsigned int number)
{
	for (unsigned int i = 0; i < l->n; i++)
		if (l->items[i].number == number)
			return &l->items[i];
	return NULL;
}

static void list_add(struct list *l, const struct item *item)
{
	if (l->n == MAX)
		bail("more than %d items", MAX);
	if (list_find(l, item->name))
		bail("%s is listed twice", item->name);
	l->items[l->n++] = *item;
}

static FILE *open_file(const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f)
		bail("%s: %s", path, strerror(errno));
	return f;
}

/* Read the tables of the page. The line above a table of commands says which file it is for. */
static void read_page(void)
{
	FILE *f = open_file(PAGE_FILE);
	struct list *commands = NULL;
	char line[256];

	while (fgets(line, sizeof(line), f)) {
		struct item i = { .name = "" };

		if (!strncmp(line, "On the control device", 21))
			commands = &control;
		else if (!strncmp(line, "On a region's file", 18))
			commands = &region;
		else if (sscanf(line, "| `%63[A-Z_]` | 0x%x | `%63[a-z_]` | %u | %u | stable |",
				i.name, &i.number, i.of, &i.bytes, &i.since) == 5 && commands)
			list_add(commands, &i);
		else if (sscanf(line, "| `%63[a-z_]` | %u | %u | stable |", i.name, &i.bytes,
				&i.since) == 3)
			list_add(&structures, &i);
	}
	fclose(f);
}

/* The size of a structure in the page, in a table of commands or in that of structures. */
static unsigned int page_bytes(const char *structure)
{
	struct list *const lists[] = { &control, &region };
	struct item *s = list_find(&structures, structure);
	unsigned int bytes = s ? s->bytes : 0;

	for (int l = 0; l < 2; l++) {
		for (unsigned int i = 0; i < lists[l]->n; i++) {
			const struct item *item = &lists[l]->items[i];

			if (strcmp(item->of, structure) != 0)
				continue;
			if (bytes && bytes != item->bytes)
				return 0;
			bytes = item->bytes;
		}
	}
	return bytes;
}

static const struct item compiled[] = {
#define SIZE(name) { #name, "", 0, sizeof(struct name), 0 }
	SIZE(msharearena_info), SIZE(msharearena_create), SIZE(msharearena_region),
	SIZE(msharearena_unlink), SIZE(msharearena_range), SIZE(msharearena_view),
	SIZE(msharearena_export), SIZE(msharearena_busy), SIZE(msharearena_publish),
	SIZE(msharearena_withdraw), SIZE(msharearena_take),
};

#define N_COMPILED (sizeof(compiled) / sizeof(compiled[0]))

static void test_structure(const char *name)
{
	unsigned int bytes = 0;

	for (unsigned int i = 0; i < N_COMPILED; i++)
		if (!strcmp(compiled[i].name, name))
			bytes = compiled[i].bytes;
	if (ok(bytes, "this test knows struct %s of the header", name))
		is(page_bytes(name), bytes, "docs/abi.md has the size of struct %s", name);
}

static void test_command(const char *name, unsigned int number)
{
	struct item *i = list_find(&control, name) ?: list_find(&region, name);

	ok(i, "docs/abi.md has the command %s", name);
	is(i ? i->number : 0, number,
	   "docs/abi.md has the number of the command %s", name);
}

/* The page has all that the header defines, and nothing else. */
static void test_header(void)
{
	unsigned int commands = 0, structs = 0, number;
	FILE *f = open_file(HEADER_FILE);
	char line[256], name[64];

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "#define MSHAREARENA_%63[A-Z_] _IO(MSHAREARENA_IOC, 0x%x)", name,
			   &number) == 2) {
			test_command(name, number);
			commands++;
		} else if (sscanf(line, "struct %63[a-z_] {", name) == 1 && strchr(line, '{')) {
			test_structure(name);
			structs++;
		}
	}
	fclose(f);
	is(control.n + region.n, commands,
	   "docs/abi.md has no command that the header does not have");
	is(N_COMPILED, structs, "this test knows no structure that the header does not have");
	for (unsigned int i = 0; i < structures.n; i++)
		ok(page_bytes(structures.items[i].name), "docs/abi.md has a size of %s",
		   structures.items[i].name);
}

static void test_since(const struct list *l, unsigned int version)
{
	for (unsigned int i = 0; i < l->n; i++)
		ok(l->items[i].since >= 3 && l->items[i].since <= version,
		   "docs/abi.md has %s since a version from 3 to %u", l->items[i].name, version);
}

/* Try each possible number, with a structure at an address that cannot be read. */
static void test_numbers(int fd, struct list *l, const char *file)
{
	unsigned int wrong = 0;

	for (unsigned int nr = 0; nr < 256; nr++) {
		int ret = ioctl(fd, _IO(MSHAREARENA_IOC, nr), NULL);
		struct item *i = list_with(l, nr);

		if (ret == -1 && errno == (i ? EFAULT : ENOTTY))
			continue;
		diag("%#x: %s", nr, ret < 0 ? strerror(errno) : "it succeeds");
		wrong++;
	}
	is(wrong, 0, "of 256 numbers %s knows those of docs/abi.md and no others", file);
}

/* A structure that lacks the last byte of the size in the page. */
static void test_short(int fd, struct list *l)
{
	uint32_t args[64];

	for (unsigned int i = 0; i < l->n; i++) {
		memset(args, 0, sizeof(args));
		args[0] = l->items[i].bytes - 1;
		is(ioctl(fd, _IO(MSHAREARENA_IOC, l->items[i].number), args), -1,
		   "%s with a structure of %u bytes fails", l->items[i].name, args[0]);
		is(errno, EINVAL, "the error of %s with a short structure is EINVAL",
		   l->items[i].name);
	}
}

static int create(int fd)
{
	struct msharearena_create c = {
		.size = sizeof(c),
		.flags = MSHAREARENA_NO_NODE,
		.length = MSHAREARENA_PAGE_4K,
		.page_size = MSHAREARENA_PAGE_4K,
		.uid = -1,
		.gid = -1,
		.name = "test-abi",
	};
	int ret = ioctl(fd, MSHAREARENA_CREATE, &c);

	if (ret < 0)
		bail("CREATE: %s", strerror(errno));
	return ret;
}

static bool page_has(const char *text)
{
	FILE *f = open_file(PAGE_FILE);
	bool found = false;
	char line[256];

	while (!found && fgets(line, sizeof(line), f))
		found = !strncmp(line, text, strlen(text));
	fclose(f);
	return found;
}

static void test_events(int fd)
{
	static const struct {
		const char *name;
		short bit;
	} events[] = {
		{ "POLLIN", POLLIN }, { "POLLRDNORM", POLLRDNORM }, { "POLLPRI", POLLPRI },
		{ "POLLOUT", POLLOUT }, { "POLLWRNORM", POLLWRNORM },
		{ "POLLRDBAND", POLLRDBAND }, { "POLLWRBAND", POLLWRBAND },
	};
	struct pollfd p = { .fd = fd, .events = -1 };
	char row[64];

	is(poll(&p, 1, 0), 1, "poll() of an unlinked region returns at once");
	for (unsigned int i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		snprintf(row, sizeof(row), "| `E%s` | 3 | ", events[i].name);
		if (p.revents & events[i].bit)
			ok(page_has(row), "docs/abi.md has the event %s", events[i].name);
		p.revents &= ~events[i].bit;
	}
	is(p.revents, 0, "poll() gives no event that docs/abi.md does not have");
}

static void test_read(int fd)
{
	unsigned char bytes[64];

	ok(page_has("| `read` | 3 | stable | 16 bytes"), "docs/abi.md has read with 16 bytes");
	is(read(fd, bytes, sizeof(bytes)), 16, "read() gives 16 bytes");
	is(read(fd, bytes, sizeof(bytes)), 0, "a second read() gives the end of file");
}

int main(void)
{
	struct msharearena_info info = { .size = sizeof(info) };
	int ctl = open("/dev/msharearena", O_RDWR | O_CLOEXEC);
	int fd;

	if (ctl < 0)
		bail("/dev/msharearena: %s (is the module loaded?)", strerror(errno));
	read_page();
	test_header();
	is(ioctl(ctl, MSHAREARENA_GET_INFO, &info), 0, "GET_INFO succeeds");
	is(info.api_version, MSHAREARENA_API_VERSION,
	   "the module and the header have the same version of the interface");
	test_since(&control, info.api_version);
	test_since(&region, info.api_version);
	test_since(&structures, info.api_version);
	fd = create(ctl);
	test_numbers(ctl, &control, "the control device");
	test_numbers(fd, &region, "a region's file");
	test_short(ctl, &control);
	test_short(fd, &region);
	test_events(fd);
	test_read(fd);
	close(fd);
	close(ctl);
	return done_testing();
}
