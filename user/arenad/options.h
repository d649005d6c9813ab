/* SPDX-License-Identifier: MIT */
/*
 * The options of arenad, of its command line and of its files (config.h). This header must not know
 * what is done with the options.
 */
#ifndef ARENAD_OPTIONS_H
#define ARENAD_OPTIONS_H

#include <common/log.h>
#include <exports/limit.h>
#include <exports/options.h>
#include <listen/options.h>
#include <peers/options.h>
#include <proto/layout.h>
#include <proto/transport.h>
#include <sandbox/user.h>
#include <stdbool.h>
#include <stdint.h>
#include <tls/options.h>
#include <tls/texts.h>

#include "cpus.h"

/* The file of options, and the folder ARENAD_CONFIG.d beside it. */
#define ARENAD_CONFIG	"/etc/msharearena/arenad.conf"

/**
 * enum arenad_exit - exit status of arenad, beside OPTIONS_EXIT_USAGE
 * @ARENAD_EXIT_OK: arenad was asked to stop, and all processes ended well
 * @ARENAD_EXIT_ERROR: something failed, and was logged
 */
enum arenad_exit {
	ARENAD_EXIT_OK = 0,
	ARENAD_EXIT_ERROR = 1,
};

/**
 * enum arenad_backend - backend of the region
 * @ARENAD_BACKEND_AUTO: use the module if it is loaded, else a memfd
 * @ARENAD_BACKEND_MODULE: use the module
 * @ARENAD_BACKEND_MEMFD: use a memfd
 */
enum arenad_backend {
	ARENAD_BACKEND_AUTO,
	ARENAD_BACKEND_MODULE,
	ARENAD_BACKEND_MEMFD,
};

/**
 * struct arenad_disk - the disk of an export
 * @path: path of the block device or file
 * @is_readonly: it is not written
 * @limit: limits of the export, which change while arenad runs, see config_reload()
 * @memory: bytes of the region that its SP gets, 0 for an equal part
 * @is_late: it was added while others were served, which go on without it
 */
struct arenad_disk {
	const char *path;
	bool is_readonly;
	struct limit limit;
	uint64_t memory;
	bool is_late;
};

/**
 * struct arenad_options - the values of the options, after checks
 * @region: name of the region
 * @backend: backend of the region
 * @size: bytes of the region
 * @page_size: bytes of a page of the region, 0 if arenad has to choose
 * @replace: end earlier processes, and remove an old region of this name
 * @runtime_dir: folder of what the next arenad needs, or NULL
 * @check_adopt: say whether the processes could be adopted, and end
 * @load_module: load the module, and end
 * @listen: where clients are accepted
 * @peers: who may connect, which changes while arenad runs, see config_reload()
 * @exports: what clients can name, and may do
 * @disk: the disk of each export, served by an SP of its own
 * @exports_max: how many exports there can be while arenad runs; 0 if that was not given
 * @disk_backend: enum backend_kind, for all disks
 * @nps: number of NPs
 * @cpus: to which CPUs the processes are bound
 * @np_memory: bytes of the region that each NP gets, 0 for the usual part
 * @np_buffers: number of requests in flight in an NP, over all of its clients
 * @connections_max: greatest number of clients of an NP at a time
 * @client_connections_max: greatest number of connections of one client to an NP, 0 for no limit
 * @idle_seconds: seconds after which a client without requests is ended, 0 for never
 * @handshake_seconds: seconds that a handshake may last
 * @stall_seconds: seconds after which a client is ended if no byte of a transfer moves
 * @np_user: user that the NPs run as
 * @sp_user: user that the SPs run as
 * @fixed_buffers: SPs may register buffers
 * @iopoll: SPs ask their disks for completions
 * @disk_timeout: seconds after which requests fail that a disk has not ended; 0 for never
 * @deaths_max: deaths in a row after which a process is given up; 0 for never
 * @hold_seconds: 0 if a process that dies is not started again
 * @transport: what carries the messages between NP and SPs
 * @wait: how NP and SPs wait
 * @zerocopy: number of bytes from which on an NP sends without a copy, or ZEROCOPY_NEVER
 * @tls: index of the word of --tls
 * @ktls: whether the kernel may seal and open records
 * @tls_key_bytes: what one key of TLS seals
 * @tls_files: what the server shows to clients in TLS
 * @sandbox: enum sandbox_mode, for NP and SPs
 * @bindir: folder of arena-np and arena-sp, NULL for arenad's own folder
 * @verbose: log debug messages
 * @log_format: what the lines of the log are
 * @config: file to read; NULL for the usual one
 * @check_config: say whether the options are right, and end
 * @print_config: print the options, and end
 */
struct arenad_options {
	const char *region;
	enum arenad_backend backend;
	uint64_t size;
	uint64_t page_size;
	bool replace;
	const char *runtime_dir;
	bool check_adopt;
	bool load_module;
	struct listen_options listen;
	struct peers_options peers;
	struct export_set exports;
	struct arenad_disk disk[PROTO_MAX_SPS];
	uint32_t exports_max;
	unsigned int disk_backend;
	uint32_t nps;
	struct cpus_options cpus;
	uint64_t np_memory;
	uint32_t np_buffers;
	uint32_t connections_max;
	uint32_t client_connections_max;
	uint32_t idle_seconds;
	uint32_t handshake_seconds;
	uint32_t stall_seconds;
	struct user np_user;
	struct user sp_user;
	bool fixed_buffers;
	bool iopoll;
	uint32_t disk_timeout;
	uint32_t deaths_max;
	uint32_t hold_seconds;
	enum proto_transport transport;
	enum arena_wait wait;
	uint32_t zerocopy;
	unsigned int tls;
	enum tls_kernel_use ktls;
	uint64_t tls_key_bytes;
	struct tls_files tls_files;
	unsigned int sandbox;
	const char *bindir;
	bool verbose;
	enum log_format log_format;
	const char *config;
	bool check_config;
	bool print_config;
};

/* The options. */
extern const struct option_table arenad_table;

/** arenad_options_init() - fill in the defaults */
void arenad_options_init(struct arenad_options *o);

#endif /* ARENAD_OPTIONS_H */
