// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: the module can be unloaded only when it is not used in any way, leaves nothing
 * behind, and works when it is loaded again, also with parameters.
 *
 * timeout: 300
 */
#include "views.h"

#define NAME "test-unload"
#define MODULE "/sys/module/msharearena"

static int module_delete(void)
{
	return syscall(SYS_delete_module, "msharearena", O_NONBLOCK) ? -errno : 0;
}

static int module_load(const char *parameters)
{
	const char *path = getenv("MSHAREARENA_KO");
	int fd = open(path ? path : "", O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		bail("set MSHAREARENA_KO to the module");
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

static void test_uses(uint64_t page)
{
	int fd, control;
	char *map;

	diag("pages of %lu KiB", (unsigned long)page >> 10);
	control = open("/dev/msharearena", O_RDWR | O_CLOEXEC);
	is(module_delete(), -EAGAIN,
	   "the module cannot be unloaded while the control device is open");
	close(control);
	region_anew(NAME, page, page);
	is(module_delete(), -EAGAIN,
	   "the module cannot be unloaded while a region exists that nobody has open");
	fd = view_open(NAME, "rw", O_RDWR);
	is(donate(fd, page, page, 0), 0, "memory is exported to the region");
	is(region_unlink(NAME), 0, "the region is unlinked");
	is(module_delete(), -EAGAIN,
	   "the module cannot be unloaded while an unlinked region is open");
	map = attach(fd, PROT_READ | PROT_WRITE);
	close(fd);
	is(module_delete(), -EAGAIN,
	   "the module cannot be unloaded while a region is only attached");
	ok(!try_store(map, 1), "a region that is only attached still works");
	munmap(map, WINDOW);
}

static void test_nothing_left(void)
{
	static const char *const gone[] = {
		MODULE, "/dev/msharearena", "/sys/class/mshare", "/sys/class/misc/msharearena",
		"/sys/kernel/debug/msharearena", "/sys/kernel/tracing/events/msharearena",
	};

	is(module_delete(), 0, "the module can be unloaded after the last attachment has ended");
	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		is(access(gone[i], F_OK), -1,
		   "%s does not exist after the module was unloaded", gone[i]);
	is(system("grep -q mshare /proc/devices"), 256,
	   "/proc/devices has no number of the module after it was unloaded");
	is(system("grep -q msharearena /proc/vmallocinfo /proc/modules"), 256,
	   "the kernel has no memory of the module after it was unloaded");
}

/* A demotion leaves work behind that would promote the leaf later. */
static void test_pending_promotion(void)
{
	char *map;
	int fd;

	fd = region_with(NAME, SZ_1G, SZ_1G);
	map = attach(fd, PROT_READ | PROT_WRITE);
	region_unlink(NAME);
	peer_read_file("/proc/self/smaps");
	is(view_region(fd).demotions, 1, "a leaf is demoted before the module is unloaded");
	close(fd);
	munmap(map, WINDOW);
	is(module_delete(), 0, "the module can be unloaded while a promotion is pending");
	is(module_load(""), 0, "the module can be loaded again");
}

static void test_parameters(void)
{
	is(read_long(MODULE "/parameters/user_regions"), 64, "the default of user_regions is 64");
	is(read_long(MODULE "/parameters/user_mbytes"), 0, "the default of user_mbytes is 0");
	is(read_long(MODULE "/parameters/promote_delay_ms"), 250,
	   "the default of promote_delay_ms is 250");
	is(module_delete(), 0, "the module is unloaded, to be loaded with parameters");
	is(module_load("user_regions=3 user_mbytes=7 promote_delay_ms=11"), 0,
	   "the module can be loaded with parameters");
	is(read_long(MODULE "/parameters/user_regions"), 3, "user_regions has the given value");
	is(read_long(MODULE "/parameters/user_mbytes"), 7, "user_mbytes has the given value");
	is(read_long(MODULE "/parameters/promote_delay_ms"), 11,
	   "promote_delay_ms has the given value");
	is(module_delete(), 0, "the module with parameters is unloaded");
	is(module_load("user_regions=many"), -EINVAL,
	   "loading the module with a parameter that is no number gives EINVAL");
	is(module_load(""), 0, "the module is loaded without parameters");
}

int main(void)
{
	static const uint64_t sizes[] = { SZ_4K, SZ_2M, SZ_1G };

	if (access(MODULE "/refcnt", F_OK)) {
		skip("this kernel does not unload modules (CONFIG_MODULE_UNLOAD)");
		return done_testing();
	}
	reserve_2m(8);
	need_1g(1);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		long free = pages_free(sizes[i]);

		test_uses(sizes[i]);
		test_nothing_left();
		is(pages_free(sizes[i]), free,
		   "all pages are free after the module was unloaded and loaded");
		is(module_load(""), 0, "the module loads again at the end");
	}
	test_pending_promotion();
	test_parameters();
	return done_testing();
}
