# SPDX-License-Identifier: GPL-2.0
# Everything a person types. Building and testing happen in a root of the
# project's own (tests/vm/setup), made at the first use; `make NATIVE=1` builds
# with this machine's compiler and libraries instead.

KERNEL ?= 6.12
SAN ?=
DEBUG ?=
# For `make modules`: the kernel that this machine runs.
KDIR ?= /lib/modules/$(shell uname -r)/build

# Inside the root already, or told to use this machine: no need to enter.
ifneq ($(wildcard /etc/msharearena-root),)
NATIVE := 1
endif
NATIVE ?=
enter := $(if $(NATIVE),,tests/vm/enter)

# One build at a time in one tree; a second one waits.
build_lock = mkdir -p build && flock build/.lock
jobs := -j$(shell nproc)

.DEFAULT_GOAL := all
.NOTPARALLEL:

##@ Build
.PHONY: all
all: user module	## userspace and the module, in the build root (default)

.PHONY: user
user:			## libraries, daemons and tests; SAN=address,undefined: with sanitizers; DEBUG=1: tells of misuse
	@$(if $(NATIVE),,tests/vm/setup)
	@$(build_lock) $(enter) $(MAKE) --no-print-directory $(jobs) -f user/Makefile SAN=$(SAN) DEBUG=$(DEBUG) $(if $(V),V=$(V))

.PHONY: module
module: tree-check		## the module for KERNEL=6.12|7.3|6.12-debug (META's) or a kernel build tree, in the build root
	@$(if $(NATIVE),,$(if $(debug),tests/vm/debug-kernel $(KERNEL),tests/vm/setup))
	@$(build_lock) $(enter) $(if $(enter),$(if $(kernel_tree),--kernel $(kernel_tree))) \
		$(MAKE) --no-print-directory module-inside KERNEL=$(kernel)

# Whether all is there that a kernel build tree needs, before anything is built.
.PHONY: tree-check
tree-check:
	@$(if $(kernel_tree),$(if $(enter),tests/vm/enter --kernel $(kernel_tree) tests/vm/tree-tools $(kernel_tree)))

.PHONY: modules
modules:		## the module for the kernel this machine runs (KDIR=... for another)
	@$(MAKE) --no-print-directory module-build KDIR=$(KDIR)

# A path is a kernel that somebody built: see tests/vm/README.md.
kernel_tree = $(if $(findstring /,$(KERNEL)),$(or $(realpath $(KERNEL)),$(KERNEL)))
kernel = $(or $(kernel_tree),$(KERNEL))
# A debug kernel's module has the KUnit suites of kmod/test in it, and so has that
# for a tree in which KUnit is built in.
debug = $(if $(kernel_tree),,$(filter %-debug,$(KERNEL)))
kunit = $(or $(debug),$(if $(kernel_tree),$(shell grep -sx CONFIG_KUNIT=y $(kernel_tree)/include/config/auto.conf)))

# The kernel builds beside its sources, so it gets links to them: the tree stays
# clean, several kernels can be built for, and an error names a file to edit.
.PHONY: module-inside module-build
module-inside:
	@$(MAKE) --no-print-directory module-build WARN=1e $(if $(kunit),MSHAREARENA_KUNIT=1) \
		KDIR=$(or $(kernel_tree),$(lastword $(sort \
			$(wildcard /lib/modules/$(KERNEL).*/build /usr/src/linux-$(debug)))))

ifneq ($(filter module-build modules-install,$(MAKECMDGOALS)),)
release := $(shell cat $(KDIR)/include/config/kernel.release 2>/dev/null)
ifeq ($(release),)
$(error no kernel headers at "$(KDIR)": install them (Debian: linux-headers-$$(uname -r)), or set KDIR)
endif
module_dir := build/module/$(release)
module_links := $(addprefix $(module_dir)/src/,META Kbuild $(shell find kmod include/uapi -type f))
endif

module-build: $(module_links)
	@find $(module_dir)/src -xtype l -delete
	@$(MAKE) $(jobs) -C $(KDIR) M=$(CURDIR)/$(module_dir)/src $(if $(WARN),W=$(WARN)) modules
	@cp $(module_dir)/src/kmod/msharearena.ko $(module_dir)/
	@echo "  $(module_dir)/msharearena.ko"

$(module_dir)/src/%: | %
	@mkdir -p $(@D)
	@ln -srf $| $@

# Where things are installed. A package sets DESTDIR, to have them put below it, and
# perhaps LIBDIR=/usr/lib/x86_64-linux-gnu.
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
SBINDIR ?= $(PREFIX)/sbin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/msharearena
installed = $(foreach dir,PREFIX LIBDIR INCLUDEDIR SBINDIR DATADIR MANDIR DOCDIR,$(dir)="$(abspath $($(dir)))") \
	DESTDIR="$(DESTDIR)"

.PHONY: install uninstall
install:		## daemons, libraries and man pages into DESTDIR/PREFIX (/usr/local), after make user
	@$(installed) user/install.sh install

uninstall:		## removes what make install put there, with the same variables
	@$(installed) user/install.sh uninstall

# The kernel's own key, with which modules_install would sign, is not in headers;
# nor is System.map, without which it leaves depmod out. Packages run depmod when
# they are installed.
.PHONY: modules-install
modules-install: modules	## the module for the running kernel into DESTDIR/lib/modules, and depmod
	@$(MAKE) -C $(KDIR) M=$(CURDIR)/$(module_dir)/src CONFIG_MODULE_SIG_ALL= \
		$(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) modules_install
ifeq ($(DESTDIR),)
	depmod $(release)
endif

# With DESTDIR the sources are only put there, for a package to register them.
DKMS ?= dkms
DKMS_KERNEL ?= $(shell uname -r)
DKMS_SOURCES ?= $(DESTDIR)/usr/src
meta = $(shell sed -n 's/^$(1): *//p' META)
dkms_name := msharearena/$(call meta,Version)
dkms_source = $(DKMS_SOURCES)/$(subst /,-,$(dkms_name))

.PHONY: dkms-install
dkms-install:		## the module by DKMS, which builds it for each kernel to come
	@rm -rf $(dkms_source)
	@for file in META Kbuild LICENSES/GPL-2.0 $$(find kmod include/uapi -type f -name '*.[ch]' -o -name Kbuild); do \
		install -D -m 644 $$file $(dkms_source)/$$file || exit; \
	done
	@sed 's/@VERSION@/$(call meta,Version)/; s/@OLDEST@/$(call meta,Linux-Oldest)/' \
		kmod/dkms.conf.in >$(dkms_source)/dkms.conf
	@echo "  $(dkms_source)"
ifeq ($(DESTDIR),)
	@[ -z "$$($(DKMS) status $(dkms_name))" ] || $(DKMS) remove $(dkms_name) --all
	$(DKMS) add $(dkms_name)
	$(DKMS) install $(dkms_name) -k $(DKMS_KERNEL)
endif

.PHONY: dkms-uninstall
dkms-uninstall:		## undoes make dkms-install
ifeq ($(DESTDIR),)
	@[ -z "$$($(DKMS) status $(dkms_name))" ] || $(DKMS) remove $(dkms_name) --all
endif
	rm -rf $(dkms_source)

# Debian packages, in build/deb: debian/ is user/dist/debian with a changelog that says what META says.
# They are built without a network. -d: the root has all of build-essential, but not that package.
deb_tree = build/deb/msharearena-$(call meta,Version)
deb_files = META Makefile Kbuild LICENSES README.md SECURITY.md docs examples include kmod user
deb_date = $(shell git log -1 --format=%cD 2>/dev/null || date -R -r META)

.PHONY: deb
deb:			## Debian packages of all of it, in build/deb
	@$(if $(NATIVE),,tests/vm/setup)
	@rm -rf build/deb
	@mkdir -p $(deb_tree)
	@cp -a $(deb_files) $(deb_tree)/
	@mv $(deb_tree)/user/dist/debian $(deb_tree)/debian
	@sed -n 's/^Maintainer: //p' $(deb_tree)/debian/control | { read -r who; printf \
		'msharearena (%s) unstable; urgency=medium\n\n  * See the log of the repository.\n\n -- %s  %s\n' \
		$(call meta,Version) "$$who" "$(deb_date)"; } >$(deb_tree)/debian/changelog
	@$(build_lock) $(enter) unshare --net -- env -C $(deb_tree) dpkg-buildpackage -d -us -uc -b $(jobs) >build/deb/log 2>&1 || \
		{ tail -n 30 build/deb/log >&2; exit 1; }
	@rm -rf $(deb_tree)
	@ls build/deb/*.deb

.PHONY: clean
clean:			## removes what was built; the build root stays (see tests/vm/README.md)
	rm -rf build build-*

##@ Test
# T=RE runs only tests whose names match, as in T=unit/test-layout.
T ?=
run := tests/run.sh $(if $(T),--only '$(T)')
tested := $(shell sed -n 's/^Linux-Tested: *//p' META)

.PHONY: user-asan
user-asan:
	@$(MAKE) --no-print-directory user SAN=address,undefined

# libFuzzer is clang's. Not by SAN: misuse is to be refused, not to end the process.
parsers_san := -fsanitize=address,undefined,fuzzer-no-link
.PHONY: user-parsers
user-parsers:
	@$(if $(NATIVE),,tests/vm/setup)
	@$(build_lock) $(enter) $(MAKE) --no-print-directory $(jobs) -f user/Makefile parsers CC=clang \
		BUILD=build-parsers CFLAGS="-O1 -g $(parsers_san) -fno-sanitize-recover=all" \
		LDFLAGS=$(parsers_san) $(if $(V),V=$(V))

# Only the tests that have threads.
threaded = $(shell grep -lw pthread_create tests/unit/*.c tests/arena/*.c)
.PHONY: user-tsan
user-tsan:
	@$(if $(NATIVE),,tests/vm/setup)
	@$(build_lock) $(enter) $(MAKE) --no-print-directory $(jobs) -f user/Makefile SAN=thread \
		$(threaded:%.c=build-tsan/%) $(if $(V),V=$(V))

.PHONY: abi
abi: user		## makes user/lib*/lib*.abi, which test-abi compares the libraries with, anew
	@$(enter) user/abi.sh write

# What `make check` boots: a kernel that checks itself only if it could find something new.
# It is looked for once, and runs if that fails.
due = $(eval due := $$(shell tests/vm/debug-due || echo $(filter %-debug,$(tested))))$(due)
kernels = $(tested)
check: kernels = $(filter-out %-debug,$(tested)) $(due)

.PHONY: modules-tested
modules-tested:
	@for kernel in $(kernels); do \
		$(MAKE) --no-print-directory module KERNEL=$$kernel || exit; \
	done

# On the kernel that checks itself some tests take long: check-kunit has them all. Commit what it
# records when they have passed.
.PHONY: check
check: user user-asan user-tsan user-parsers modules-tested deb	## every test, closed by one line that counts them all
	@$(run) --short style model tsan parsers peers unit unit-asan native native-asan machine $(kernels:%=vm-%)

# Also what takes too long for every change, on all kernels, the parts under valgrind, and the
# daemons with one process of each kind wherever a test does not say how many it needs.
.PHONY: check-long
check-long: user user-asan user-tsan user-parsers modules-tested deb	## every test at full length; takes hours
	@$(run) style model tsan parsers peers unit unit-asan valgrind native native-asan machine $(tested:%=vm-%)
	@NPS=1 SPS=1 tests/run.sh --only '$(or $(T),^(native|peers|system)/)' peers native native-asan $(tested:%=vm-%)
	@$(MAKE) --no-print-directory fuzz-parsers stress fuzz SECONDS=$(or $(SECONDS),600)

.PHONY: check-model
check-model: setup	## litmus tests and models of the handoff, and broken twins of them
	@$(run) model

.PHONY: check-unit
check-unit: user user-asan	## libraries and parts of the daemons, with and without sanitizers
	@$(run) unit unit-asan

.PHONY: check-parsers
check-parsers: user-parsers	## what reads a peer's bytes, on inputs made up by libFuzzer
	@$(run) parsers

.PHONY: fuzz-parsers
fuzz-parsers: user-parsers	## the same for longer (SECONDS=60 for each)
	@$(enter) env PARSER_SECONDS=$(fuzz_seconds) tests/parsers/test-parsers.sh

.PHONY: chaos
chaos: user		## verified load while processes die and connections are cut (SECONDS=60 SEED=...)
	@$(enter) tests/chaos/chaos.sh $(fuzz_seconds) $(SEED)

.PHONY: stress
stress: user		## buffers of every size between processes that die and return (SECONDS=60 SEED=...)
	@$(enter) env $(if $(SEED),SEED=$(SEED)) build/tests/arena/stress $(fuzz_seconds)

.PHONY: check-tsan
check-tsan: user-tsan	## tests with threads, watched by ThreadSanitizer
	@$(run) tsan

.PHONY: check-valgrind
check-valgrind: user	## libraries and parts of the daemons under valgrind
	@$(run) valgrind

.PHONY: coverage
coverage: setup		## lines and branches of libarena that its tests reach
	@$(build_lock) $(enter) tests/coverage.sh

.PHONY: check-native
check-native: user user-asan	## the daemons on this machine, without the module
	@$(run) native native-asan

.PHONY: check-peers
check-peers: user	## the daemons with clients and test suites that nobody here wrote
	@$(run) peers

.PHONY: check-vm
check-vm: tree-check user module	## the module and the whole system in a virtual machine (KERNEL=...)
	@$(run) vm-$(kernel)

.PHONY: check-machine
check-machine: setup	## the harness itself: machines that die
	@$(run) machine

.PHONY: check-kunit
check-kunit: user	## the module on a kernel that checks itself, and its KUnit suites
	@digest=$$(tests/vm/debug-due --digest) && \
		$(MAKE) --no-print-directory check-vm KERNEL=$(filter %-debug,$(tested)) && \
		$(if $(T),:,tests/vm/debug-due --passed "$$digest")

# SECONDS=60; SEED=N, and OPS=N to end after that operation; FUZZ="--verbose".
# On the kernel that checks itself, unless KERNEL=... says otherwise.
fuzz_kernel = $(if $(filter file,$(origin KERNEL)),$(firstword \
	$(filter %-debug,$(tested)) $(KERNEL)),$(KERNEL))
fuzz_seconds = $(or $(SECONDS),60)

.PHONY: fuzz
fuzz: tree-check user	## random operations on the device, compared with a model (SECONDS=60 SEED=...)
	@$(MAKE) --no-print-directory module KERNEL=$(fuzz_kernel)
	@tests/vm/vm --kernel $(fuzz_kernel) --name fuzz --timeout $$(($(fuzz_seconds) + 900)) -- \
		tests/fuzz/guest.sh --seconds $(fuzz_seconds) $(if $(SEED),--seed $(SEED)) \
		$(if $(OPS),--ops $(OPS)) $(FUZZ)

.PHONY: style
style:			## checkpatch on C, shellcheck on shell
	@$(run) style

##@ Measure
.PHONY: bench-pagetables
bench-pagetables: tree-check user module	## page tables and time, by processes and size (KERNEL=... BENCH="--quick")
	@tests/bench/pagetables.sh --kernel $(kernel) $(BENCH)

.PHONY: bench-handoff
bench-handoff: user	## handing over a buffer, natively, beside what the kernel offers (BENCH="-r 5")
	@tests/bench/handoff.sh $(BENCH)

.PHONY: bench-ring
bench-ring: user	## what libarena adds to an operation, natively, beside liburing (BENCH="-r 5")
	@tests/bench/ring.sh $(BENCH)

# Variables of the scripts tests/bench/nbd-*.sh.
bench_variables = $(foreach v,ROUNDS SECONDS WORK SERVERS DISK DISK_SIZE IDLE BARS TLS CALLS REGION PAGES \
	BOOTS ARENA_OPTIONS WHAT CONNECTIONS EXPORTS NPS PAIRS REGIONS BUFFERS CPUS REQUESTS TOP OTHER,$(if $($(v)),'$(v)=$($(v))'))

.PHONY: bench-nbd
bench-nbd: user		## arenad beside other NBD servers, natively (BARS=1 TLS=1; ROUNDS=3 SECONDS=3 WORK= SERVERS= DISK=)
	@tests/bench/nbd.sh $(bench_variables)

.PHONY: bench-nbd-keep
bench-nbd-keep: bench-nbd	## the same, on a quiet machine: the result goes to docs/benchmarks
	@cp $(addprefix build/bench/nbd,$(if $(TLS),-tls.csv -tls.txt,.csv .txt .svg)) docs/benchmarks/

.PHONY: bench-nbd-vm
bench-nbd-vm: tree-check user module	## arenad, nbd-server and nvmet-tcp on an emulated NVMe disk: ratios (KERNEL=... BOOTS=2)
	@tests/bench/nbd-vm.sh $(kernel) $(bench_variables)

.PHONY: bench-nbd-vm-keep
bench-nbd-vm-keep: bench-nbd-vm	## the same, and the result goes to docs/benchmarks
	@cp $(addprefix build/bench/nbd-vm-$(if $(TLS),tls-)$(kernel),.csv .txt) docs/benchmarks/

.PHONY: bench-scale
bench-scale: user	## what an I/O costs with more connections, exports, NPs, memory and buffers (WHAT=)
	@tests/bench/scale.sh $(bench_variables)

.PHONY: profile-nbd
profile-nbd: user	## instructions and system calls of a request in NP and SP (WORK= REQUESTS= TOP=)
	@tests/vm/enter env $(bench_variables) tests/bench/nbd-profile.sh

##@ Machine
# By the units of the package, unless the kernel is one that checks itself, on which systemd was not tried,
# or somebody's own, which may lack what systemd needs. `make demo UNITS=` starts the daemons by hand.
UNITS ?= $(if $(debug)$(kernel_tree),,1)
.PHONY: demo
demo: tree-check user module $(if $(UNITS),deb)	## the whole path at work in a virtual machine (KERNEL=... BACKEND=nvme UNITS=)
	@tests/demo/run --kernel $(kernel) $(if $(BACKEND),--backend $(BACKEND)) $(if $(UNITS),--units)

.PHONY: setup
setup:			## makes the build and test root; everything else implies it
	@tests/vm/setup

.PHONY: vm
vm: tree-check user module		## a shell in a virtual machine that has the build in /src (KERNEL=...)
	@tests/vm/vm --kernel $(kernel)

##@ Help
.PHONY: help
help:			## this list
	@awk -F '\t*## *' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*##/ { sub(/:.*/, "", $$1); printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
