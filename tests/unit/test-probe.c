// SPDX-License-Identifier: MIT
/*
 * Goal: the table of io_uring's features is sound, explains why a ring cannot be used,
 * and agrees with docs/hazards.md; each hazard in that document has a test.
 * Method: probe, remove one feature at a time and ask for the reason; compare the table
 * with the one in the document; look for each test that the document names.
 */
#include <errno.h>
#include <arena/probe.h>
#include <string.h>

#include "tap.h"

#define DOCUMENT	"docs/hazards.md"
#define FOLDER		"(../tests/arena/"

/* The content of a file of the tree; the caller frees it. */
static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	const size_t most = 1 << 20;
	char *text = calloc(1, most);

	if (!f || !fread(text, 1, most - 1, f))
		bail("cannot read %s", path);
	fclose(f);
	return text;
}

static void test_probe(void)
{
	struct arena_features f = { .size = sizeof(f) };
	int ret = arena_probe(&f);

	diag("found 0x%llx", (unsigned long long)f.has);
	if (ret) {
		is(ret, -EOPNOTSUPP, "arena_probe() fails if something is missing");
		ok(arena_features_why(&f),
		   "arena_features_why() says what is missing: %s", arena_features_why(&f));
		return;
	}
	ok(arena_has(&f, ARENA_HAS_IO_URING), "a kernel with rings has the feature io_uring");
	ok(!arena_features_why(&f), "a kernel with rings has all needed features");
	is(f.error, 0, "a successful probe leaves no error");
}

static void test_why(void)
{
	struct arena_features f = { .size = sizeof(f), .has = UINT64_MAX };

	ok(!arena_features_why(&f),
	   "if no feature is missing, arena_features_why() explains nothing");
	for (unsigned int i = 0; i < ARENA_N_FEATURES; i++) {
		const struct arena_feature_info *info = arena_feature_info(i);

		f = (struct arena_features){ .size = sizeof(f), .has = UINT64_MAX };
		is(arena_probe_without(&f, info->name), 0, "feature %s can be removed", info->name);
		ok(!arena_has(&f, i), "arena_has() does not find feature %s after its removal",
		   info->name);
		ok(info->needed == !!arena_features_why(&f),
		   "the lack of %s is explained if and only if it is needed", info->name);
	}
	is(arena_probe_without(&f, "magic"), -ENOENT, "removing an unknown feature is refused");
	ok(!arena_feature_info(ARENA_N_FEATURES), "the number of features is no feature");
	f = (struct arena_features){ .size = sizeof(f), .error = -EPERM };
	ok(arena_features_why(&f), "EPERM is explained: %s", arena_features_why(&f));
	f.error = -ENOSYS;
	ok(arena_features_why(&f), "ENOSYS is explained: %s", arena_features_why(&f));
	f.error = -EINVAL;
	ok(arena_features_why(&f), "another error is explained: %s", arena_features_why(&f));
}

static void test_dependents(void)
{
	struct arena_features f = { .size = sizeof(f), .has = UINT64_MAX };

	arena_probe_without(&f, "single_issuer");
	ok(!arena_has(&f, ARENA_HAS_DEFER_TASKRUN), "defer_taskrun is removed with single_issuer");
	arena_probe_without(&f, "buffer_ring");
	ok(!arena_has(&f, ARENA_HAS_RECV_MULTISHOT), "recv_multishot is removed with buffer_ring");
	arena_probe_without(&f, "io_uring");
	is(f.has, 0, "all features are removed with io_uring");
}

static void test_table(const char *document)
{
	char line[200];

	for (unsigned int i = 0; i < ARENA_N_FEATURES; i++) {
		const struct arena_feature_info *info = arena_feature_info(i);

		snprintf(line, sizeof(line), "\n| %s | %s | %s | %s |\n", info->name, info->kernel,
			 info->needed ? "yes" : "", info->without);
		ok(strstr(document, line), "the document's table has the feature %s", info->name);
		if (!strstr(document, line))
			diag("%.*s", (int)strlen(line) - 2, line + 1);
	}
}

/* "(../tests/arena/FILE.c) `NAME`": there is test_NAME() in FILE.c. */
static void test_named(const char *at)
{
	char file[64], name[64], path[100], function[100];
	char *source;

	if (sscanf(at, FOLDER "%63[^)]) `%63[^`]`", file, name) != 2) {
		ok(false, "a hazard names its test in the right form: %.60s", at);
		return;
	}
	snprintf(path, sizeof(path), "tests/arena/%s", file);
	snprintf(function, sizeof(function), "static void test_%s(", name);
	source = read_file(path);
	ok(strstr(source, function),
	   "the test %s that the document names exists in %s", name, file);
	free(source);
}

int main(void)
{
	char *document = read_file(DOCUMENT);
	int named = 0;

	test_probe();
	test_why();
	test_dependents();
	test_table(document);
	for (const char *at = document; (at = strstr(at, FOLDER)); at++, named++)
		test_named(at);
	ok(named > 15, "%d hazards have tests", named);
	free(document);
	return done_testing();
}
