// SPDX-License-Identifier: MIT
/* vm: long */
/*
 * Goal: a virtual machine can have its memory in a region. KVM keeps translations of its
 * own, which must end when the process detaches. They may stay while leaves are demoted
 * and promoted, as the memory does not move. Memory that is exported to a hole must be
 * found.
 *
 * The guest is 16-bit code that adds one to a word and stops. The test needs a CPU that
 * can run virtual machines, as the emulated one of the tests can.
 * timeout: 600
 */
#include "util.h"

#include <linux/kvm.h>

#define NAME "test-kvm"
#define RW (PROT_READ | PROT_WRITE)

static int kvm, vm, cpu;
static struct kvm_run *run;
static int region;
static char *base;
static struct peer other;
static uint64_t offset;		/* the offset of the guest's memory in the region */

/* inc dword [0x800]; hlt */
static const uint8_t code[] = { 0x66, 0xff, 0x06, 0x00, 0x08, 0xf4 };

static volatile uint32_t *word(void)
{
	return (volatile uint32_t *)(base + offset + 0x800);
}

/* Run the guest until it stops; returns the reason of the exit, or -errno. */
static int guest_runs(void)
{
	struct kvm_regs regs = { .rip = 0x100, .rflags = 2 };

	if (ioctl(cpu, KVM_SET_REGS, &regs))
		bail("KVM_SET_REGS: %s", strerror(errno));
	if (ioctl(cpu, KVM_RUN, 0))
		return -errno;
	return run->exit_reason;
}

static void real_mode(void)
{
	struct kvm_sregs s;

	if (ioctl(cpu, KVM_GET_SREGS, &s))
		bail("KVM_GET_SREGS: %s", strerror(errno));
	s.cs.base = 0;
	s.cs.selector = 0;
	if (ioctl(cpu, KVM_SET_SREGS, &s))
		bail("KVM_SET_SREGS: %s", strerror(errno));
}

static void machine_make(uint64_t length)
{
	struct kvm_userspace_memory_region slot = {
		.memory_size = length,
		.userspace_addr = (uintptr_t)base + offset,
	};
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000) ||
	    ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot))
		bail("a virtual machine: %s", strerror(errno));
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	run = mmap(NULL, size, RW, MAP_SHARED, cpu, 0);
	if (cpu < 0 || run == MAP_FAILED)
		bail("a virtual CPU: %s", strerror(errno));
	real_mode();
}

static void machine_end(void)
{
	munmap(run, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(cpu);
	close(vm);
}

/* The guest adds one, and another process sees it. */
static void adds_one(const char *what)
{
	uint32_t before = *word();

	is(guest_runs(), KVM_EXIT_HLT, "the guest runs %s", what);
	is(PEER(other, .op = PEER_LOAD, .a = (intptr_t)word()), 0,
	   "another process can load the guest's word %s", what);
	is((uint32_t)other.value, before + 1,
	   "another process sees what the guest stored %s", what);
}

static void begin(uint64_t size)
{
	offset = size == SZ_4K ? SZ_2M : size;
	if (region_create(NAME, size, 4 * offset))
		bail("create");
	region = view_open(NAME, "rw", O_RDWR);
	is(donate(region, size, size, 0), 0, "memory is exported for the guest");
	base = attach(region, RW);
	other = peer_start();
	peer_attach(&other, NAME, false);
	machine_make(size == SZ_4K ? SZ_4K : SZ_2M);
}

static void end(void)
{
	machine_end();
	peer_kill(&other);
	munmap(base, WINDOW);
	region_unlink(NAME);
	close(region);
}

static void test_growth(uint64_t size)
{
	is(guest_runs(), -EFAULT, "running a guest whose memory is a hole gives EFAULT");
	is(donate(region, size, size, offset), 0, "memory is exported to the hole");
	memcpy(base + offset + 0x100, code, sizeof(code));
	adds_one("after memory was exported");
}

static void test_leaves(uint64_t size)
{
	struct msharearena_region r;

	peer_read_file("/proc/self/smaps");
	is(!view_region(region).demotions, size != SZ_1G,
	   "reading smaps demotes leaves of 1 GiB and no others");
	adds_one("after smaps was read");
	for (int ms = 0; ms < 60000; ms++) {
		r = view_region(region);
		if (r.promotions == r.demotions)
			break;
		usleep(1000);
	}
	is(r.promotions, r.demotions, "all demoted leaves are promoted");
	adds_one("after leaves were promoted");
}

/* The guest must not reach memory that its process has detached. */
static void test_detach(void)
{
	uint32_t seen = *word();
	int ro = view_open(NAME, "ro", O_RDONLY);

	munmap(base, WINDOW);
	is(guest_runs(), -EFAULT,
	   "running a guest gives EFAULT after its process detached the region");
	PEER(other, .op = PEER_LOAD, .a = (intptr_t)word());
	is((uint32_t)other.value, seen,
	   "a guest stores nothing after its process detached the region");
	attach(ro, PROT_READ);
	ok(guest_runs() != KVM_EXIT_HLT,
	   "a guest cannot store while its process has attached the region read-only");
	is(*word(), seen, "a guest has stored nothing to read-only memory");
	munmap(base, WINDOW);
	close(ro);
	attach(region, RW);
	adds_one("after its process attached the region again");
}

static void test_size(uint64_t size)
{
	long before = pages_free(size);

	diag("pages of %lu KiB", (unsigned long)size >> 10);
	begin(size);
	test_growth(size);
	test_leaves(size);
	test_detach();
	end();
	is(pages_free(size), before, "all pages are free at the end");
}

int main(int argc, char **argv)
{
	long delay;

	peer_main(argc, argv);
	if (system("modprobe kvm-amd 2>/dev/null") && system("modprobe kvm-intel 2>/dev/null")) {
		printf("1..0 # SKIP no CPU that can run virtual machines\n");
		return 0;
	}
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		bail("/dev/kvm: %s", strerror(errno));
	reserve_2m(16);
	need_1g(2);
	delay = set_param("promote_delay_ms", 20);
	test_size(SZ_4K);
	test_size(SZ_2M);
	test_size(SZ_1G);
	set_param("promote_delay_ms", delay);
	close(kvm);
	return done_testing();
}
