// SPDX-License-Identifier: MIT
/*
 * Goal: --cpus of arenad takes what its man page says and refuses everything else, and sets of CPUs
 * are written as they are read.
 */
#define _GNU_SOURCE
#include <arenad/cpus.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "tap.h"

static struct cpus_options o;
static struct option_error error;

/* Read one or two values, one after the other. */
static int take(const char *first, const char *second)
{
	char text[256];
	int ret;

	memset(&o, 0, sizeof(o));
	error.text[0] = '\0';
	strcpy(text, first);
	ret = cpus_take(&o, text, &error);
	if (ret || !second)
		return ret;
	strcpy(text, second);
	return cpus_take(&o, text, &error);
}

static bool is_set(const struct cpu_set *s, const char *wanted)
{
	char text[CPU_SET_TEXT];

	cpu_set_format(s, text);
	if (strcmp(text, wanted))
		printf("# the set is %s\n", text);
	return !strcmp(text, wanted);
}

static void test_good(void)
{
	ok(!take("none", NULL) && o.mode == CPUS_NONE, "none binds no process");
	ok(!take("auto", NULL) && o.mode == CPUS_AUTO, "auto leaves the choice to arenad");
	ok(!take("np0=2", NULL) && o.mode == CPUS_LIST && is_set(&o.np[0], "2"),
	   "np0=2 names one CPU");
	ok(!take("np0=2,sp0=3-5", NULL) && is_set(&o.np[0], "2") && is_set(&o.sp[0], "3-5"),
	   "np0=2,sp0=3-5 names CPUs of two processes");
	ok(!take("sp3=1,9,3-5,np1=7", NULL) && is_set(&o.sp[3], "1,3-5,9") && is_set(&o.np[1], "7"),
	   "a list goes on after a comma until the next process");
	ok(!take("np=0-1,sp=2-3,sp1=3", NULL) && is_set(&o.all_nps, "0-1") &&
	   is_set(&o.all_sps, "2-3") && is_set(&o.sp[1], "3"),
	   "np and sp name all processes of a kind");
	ok(!take("np0=1", "sp0=2") && is_set(&o.np[0], "1") && is_set(&o.sp[0], "2"),
	   "the option may be repeated for other processes");
	ok(!take("np15=4095", NULL) && is_set(&o.np[15], "4095"),
	   "the last NP may have the CPU with the greatest number");
	ok(!take("sp31=0-4095", NULL) && is_set(&o.sp[31], "0-4095"),
	   "the last SP may have all CPUs");
}

static void test_bad(void)
{
	static const char *const bad[][2] = {
		{ "" }, { "3" }, { "np0" }, { "np0=" }, { "np0=,1" }, { "np0=1," }, { "np0=1,,2" },
		{ "np0=5-3" }, { "np0=-3" }, { "np0=3-" }, { "np0=1-2-3" }, { "np0=x" },
		{ "np0=4096" }, { "np0=0-4096" }, { "np0=99999999999999999999" }, { "np16=1" },
		{ "sp32=1" }, { "np-1=1" }, { "np 0=1" }, { "d0=1" }, { "=1" }, { "np0==1" },
		{ "np0=1,np0=2" }, { "np=1,np=2" }, { "np0=1", "np0=2" }, { "auto", "none" },
		{ "auto", "np0=1" }, { "np0=1", "auto" }, { "auto,np0=1" }, { "Auto" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ok(take(bad[i][0], bad[i][1]) == -EINVAL && error.text[0],
		   "\"%s\"%s%s is refused as a value of --cpus, with a reason", bad[i][0],
		   bad[i][1] ? " and then " : "", bad[i][1] ? bad[i][1] : "");
}

static void test_check(void)
{
	take("np1=0,sp2=0", NULL);
	ok(!cpus_check(&o, 2, 3, &error), "processes that there will be may be named");
	ok(cpus_check(&o, 1, 3, &error), "an NP that there will not be is refused");
	ok(cpus_check(&o, 2, 2, &error), "an SP that there will not be is refused");
	take("np=0,sp=0", NULL);
	ok(!cpus_check(&o, 1, 1, &error), "np and sp can be named with one process of each kind");
}

static void test_format(void)
{
	struct cpu_set s = { 0 };
	char text[CPU_SET_TEXT];

	ok(is_set(&s, ""), "an empty set is an empty text");
	for (unsigned int i = 0; i < CPU_SET_MAX; i += 2)
		cpu_set_add(&s, i);
	cpu_set_format(&s, text);
	ok(strlen(text) < CPU_SET_TEXT && !strcmp(text + strlen(text) - 4, ",..."),
	   "a set that is too long ends with dots: %s", text);
}

static void test_kernel(void)
{
	struct cpu_set own, one = { 0 }, usable, none = { 0 };
	unsigned int cpu = (unsigned int)sched_getcpu();

	ok(!cpu_set_own(&own) && cpu_set_has(&own, cpu), "the own CPUs have the one that runs");
	cpu_set_add(&one, cpu);
	cpu_set_add(&one, CPU_SET_MAX - 1);
	ok(!cpu_set_usable(&one, &usable) && cpu_set_has(&usable, cpu) &&
	   !cpu_set_has(&usable, CPU_SET_MAX - 1), "a CPU that does not exist is not usable");
	cpu_set_add(&none, CPU_SET_MAX - 1);
	ok(!cpu_set_usable(&none, &usable) && cpu_set_is_empty(&usable),
	   "no CPU of a set is usable if none of them exists");
	ok(!cpu_set_own(&usable) && !memcmp(&own, &usable, sizeof(own)),
	   "a thread that asked may run where it could before");
	ok(!cpu_set_bind(&usable), "a thread can be bound to the CPUs that it has");
}

int main(void)
{
	test_good();
	test_bad();
	test_check();
	test_format();
	test_kernel();
	return done_testing();
}
