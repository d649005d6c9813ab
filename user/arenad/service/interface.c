// SPDX-License-Identifier: MIT
/* systemd's macros need the __VA_OPT__ that GNU sources have. */
#define _GNU_SOURCE
#include "interface.h"

static SD_VARLINK_DEFINE_ENUM_TYPE(
	Role,
	SD_VARLINK_FIELD_COMMENT("A network process, which owns sockets"),
	SD_VARLINK_DEFINE_ENUM_VALUE(np),
	SD_VARLINK_FIELD_COMMENT("A storage process, which owns a disk"),
	SD_VARLINK_DEFINE_ENUM_VALUE(sp));

static SD_VARLINK_DEFINE_ENUM_TYPE(
	State,
	SD_VARLINK_FIELD_COMMENT("It runs; a storage process also serves its export"),
	SD_VARLINK_DEFINE_ENUM_VALUE(running),
	SD_VARLINK_FIELD_COMMENT("Of a storage process: not all network processes serve its export "
				 "yet, as it has just been started, or its disk is not there"),
	SD_VARLINK_DEFINE_ENUM_VALUE(starting),
	SD_VARLINK_FIELD_COMMENT("It was asked to end, and another one takes its place"),
	SD_VARLINK_DEFINE_ENUM_VALUE(leaving),
	SD_VARLINK_FIELD_COMMENT("It is dead, and is going to be started again"),
	SD_VARLINK_DEFINE_ENUM_VALUE(waiting),
	SD_VARLINK_FIELD_COMMENT("It is dead, and stays so until a reload"),
	SD_VARLINK_DEFINE_ENUM_VALUE(lost));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	Process,
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(role, Role, 0),
	SD_VARLINK_FIELD_COMMENT("Its number among those of its role, from 0 on"),
	SD_VARLINK_DEFINE_FIELD(number, SD_VARLINK_INT, 0),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(state, State, 0),
	SD_VARLINK_FIELD_COMMENT("Its process id, unless it is dead"),
	SD_VARLINK_DEFINE_FIELD(pid, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("When it was started, in microseconds since 1970"),
	SD_VARLINK_DEFINE_FIELD(sinceUSec, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("The CPU time that it has used"),
	SD_VARLINK_DEFINE_FIELD(cpuUSec, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("How often this arenad has put another process in its place"),
	SD_VARLINK_DEFINE_FIELD(restarts, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Deaths in a row, each soon after a start"),
	SD_VARLINK_DEFINE_FIELD(deaths, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	Export,
	SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The block device, NVMe namespace or file"),
	SD_VARLINK_DEFINE_FIELD(disk, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("How large the disk is now, where that is known"),
	SD_VARLINK_DEFINE_FIELD(sizeBytes, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_DEFINE_FIELD(readOnly, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("Its limits, as --limit has them"),
	SD_VARLINK_DEFINE_FIELD(limit, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("The number of its storage process"),
	SD_VARLINK_DEFINE_FIELD(sp, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Who may use it, as of --allow; everybody if there are no rules"),
	SD_VARLINK_DEFINE_FIELD(allow, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("What becomes of it without a disk, as of --no-disk, if that was "
				 "given"),
	SD_VARLINK_DEFINE_FIELD(noDisk, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("It takes no further clients, as an operator has asked for it"),
	SD_VARLINK_DEFINE_FIELD(isDrained, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("The state of its storage process"),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(state, State, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	Channel,
	SD_VARLINK_DEFINE_FIELD(np, SD_VARLINK_INT, 0),
	SD_VARLINK_DEFINE_FIELD(sp, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("It grows whenever one of the two processes is another one"),
	SD_VARLINK_DEFINE_FIELD(epoch, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Both processes run"),
	SD_VARLINK_DEFINE_FIELD(bothRun, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("One of the two takes no messages, and hears of the other later"),
	SD_VARLINK_DEFINE_FIELD(isOwed, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("Messages that the network process has sent, each with one "
				 "request or more, where that is known"),
	SD_VARLINK_DEFINE_FIELD(requestMessages, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Messages that it has received"),
	SD_VARLINK_DEFINE_FIELD(replyMessages, SD_VARLINK_INT, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	ProcessCounters,
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(role, Role, 0),
	SD_VARLINK_FIELD_COMMENT("Its number among those of its role"),
	SD_VARLINK_DEFINE_FIELD(number, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("By name, as arena-np(8) and arena-sp(8) describe them, since "
				 "the start of the process"),
	SD_VARLINK_DEFINE_FIELD(counters, SD_VARLINK_INT, SD_VARLINK_MAP | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Why there are none, else null"),
	SD_VARLINK_DEFINE_FIELD(absent, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_ENUM_TYPE(
	Operation,
	SD_VARLINK_DEFINE_ENUM_VALUE(read),
	SD_VARLINK_DEFINE_ENUM_VALUE(write),
	SD_VARLINK_DEFINE_ENUM_VALUE(flush),
	SD_VARLINK_FIELD_COMMENT("Discards, writes of zeroes, reads ahead, questions for holes"),
	SD_VARLINK_DEFINE_ENUM_VALUE(other));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	Latency,
	SD_VARLINK_DEFINE_FIELD(export, SD_VARLINK_STRING, 0),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(operation, Operation, 0),
	SD_VARLINK_FIELD_COMMENT("How many requests have ended"),
	SD_VARLINK_DEFINE_FIELD(count, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("How many of them have failed"),
	SD_VARLINK_DEFINE_FIELD(errors, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Bytes of the ranges of the others"),
	SD_VARLINK_DEFINE_FIELD(bytes, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("The times of all together"),
	SD_VARLINK_DEFINE_FIELD(sumNSec, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("The longest one"),
	SD_VARLINK_DEFINE_FIELD(maxNSec, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("How many there were in each bucket, up to the last one that has "
				 "any"),
	SD_VARLINK_DEFINE_FIELD(buckets, SD_VARLINK_INT, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	ProcessLatencies,
	SD_VARLINK_FIELD_COMMENT("Of an NP: from the moment at which a request is complete until "
				 "its reply is given to the kernel. Of an SP: from the moment at "
				 "which it is taken until its disk has ended it"),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(role, Role, 0),
	SD_VARLINK_FIELD_COMMENT("Its number among those of its role"),
	SD_VARLINK_DEFINE_FIELD(number, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Those of which there was any request"),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(latencies, Latency,
					SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Why there are none, else null"),
	SD_VARLINK_DEFINE_FIELD(absent, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_ENUM_TYPE(
	Stage,
	SD_VARLINK_DEFINE_ENUM_VALUE(receive),
	SD_VARLINK_DEFINE_ENUM_VALUE(channel),
	SD_VARLINK_DEFINE_ENUM_VALUE(queue),
	SD_VARLINK_DEFINE_ENUM_VALUE(disk),
	SD_VARLINK_DEFINE_ENUM_VALUE(send));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	StageLatency,
	SD_VARLINK_DEFINE_FIELD(export, SD_VARLINK_STRING, 0),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(stage, Stage, 0),
	SD_VARLINK_FIELD_COMMENT("How many requests have come to its end"),
	SD_VARLINK_DEFINE_FIELD(count, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("The times of all together"),
	SD_VARLINK_DEFINE_FIELD(sumNSec, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("The longest one"),
	SD_VARLINK_DEFINE_FIELD(maxNSec, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("How many there were in each bucket, up to the last one that has "
				 "any"),
	SD_VARLINK_DEFINE_FIELD(buckets, SD_VARLINK_INT, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	ProcessStages,
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(role, Role, 0),
	SD_VARLINK_FIELD_COMMENT("Its number among those of its role"),
	SD_VARLINK_DEFINE_FIELD(number, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Those to which any request has come"),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(stages, StageLatency,
					SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Why there are none, else null"),
	SD_VARLINK_DEFINE_FIELD(absent, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	DroppedPackets,
	SD_VARLINK_FIELD_COMMENT("Those that did not come from the address of a peer"),
	SD_VARLINK_DEFINE_FIELD(stranger, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Those by which a peer would have begun more connections than it "
				 "may"),
	SD_VARLINK_DEFINE_FIELD(rate, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_ENUM_TYPE(
	Remedy,
	SD_VARLINK_FIELD_COMMENT("What Upgrade does"),
	SD_VARLINK_DEFINE_ENUM_VALUE(upgrade),
	SD_VARLINK_FIELD_COMMENT("A stop and a start of arenad"),
	SD_VARLINK_DEFINE_ENUM_VALUE(restart));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	KeptOption,
	SD_VARLINK_FIELD_COMMENT("Its name, without the dashes"),
	SD_VARLINK_DEFINE_FIELD(option, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The export that it is about, unless it is about all"),
	SD_VARLINK_DEFINE_FIELD(export, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("What puts it in use"),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(needs, Remedy, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	LastReload,
	SD_VARLINK_FIELD_COMMENT("There was no error, and all that the files say is in use"),
	SD_VARLINK_DEFINE_FIELD(isSuccessful, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("When it was so last, in microseconds since 1970"),
	SD_VARLINK_DEFINE_FIELD(successUSec, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("The first error of those that the log has, if there was one"),
	SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Options that are others in the files, and are not in use"),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(kept, KeptOption, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(
	GetStatus,
	SD_VARLINK_DEFINE_OUTPUT(version, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The process id of arenad"),
	SD_VARLINK_DEFINE_OUTPUT(pid, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Another one for each program that arenad has executed"),
	SD_VARLINK_DEFINE_OUTPUT(instance, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The name of the region"),
	SD_VARLINK_DEFINE_OUTPUT(region, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The file of options, beside which the folder of others is, "
				 "unless arenad reads none"),
	SD_VARLINK_DEFINE_OUTPUT(config, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Another arenad could adopt the processes"),
	SD_VARLINK_DEFINE_OUTPUT(isKept, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("A process is being replaced, or is to be"),
	SD_VARLINK_DEFINE_OUTPUT(isReplacing, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("Numbers of storage processes that exports can get which are "
				 "added now"),
	SD_VARLINK_DEFINE_OUTPUT(freeSps, SD_VARLINK_INT, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("What the filter of peers has dropped, unless there is none"),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(droppedPackets, DroppedPackets, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Of the last reload, or of the start of this arenad"),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(lastReload, LastReload, SD_VARLINK_NULLABLE),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(processes, Process, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(
	GetRegion,
	SD_VARLINK_DEFINE_OUTPUT(name, SD_VARLINK_STRING, 0),
	SD_VARLINK_DEFINE_OUTPUT(lengthBytes, SD_VARLINK_INT, 0),
	SD_VARLINK_DEFINE_OUTPUT(pageBytes, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Bytes of it that have memory"),
	SD_VARLINK_DEFINE_OUTPUT(exportedBytes, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Processes that have it attached. This and what follows is known "
				 "of regions of the module only"),
	SD_VARLINK_DEFINE_OUTPUT(attached, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Bytes of its page tables"),
	SD_VARLINK_DEFINE_OUTPUT(tableBytes, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("How often a page of 1 GiB was replaced by 2 MiB pages"),
	SD_VARLINK_DEFINE_OUTPUT(demotions, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("How often these became one of 1 GiB again"),
	SD_VARLINK_DEFINE_OUTPUT(promotions, SD_VARLINK_INT, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD(
	ListExports,
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(exports, Export, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(
	ListChannels,
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(channels, Channel, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(
	GetCounters,
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(processes, ProcessCounters, SD_VARLINK_ARRAY));

#define BOUNDS_COMMENT	"Where each bucket ends, in nanoseconds: its times are less. The one "	\
			"behind the last of these has all other times"

static SD_VARLINK_DEFINE_METHOD(
	GetLatencies,
	SD_VARLINK_FIELD_COMMENT(BOUNDS_COMMENT),
	SD_VARLINK_DEFINE_OUTPUT(boundsNSec, SD_VARLINK_INT, SD_VARLINK_ARRAY),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(processes, ProcessLatencies, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(
	GetStages,
	SD_VARLINK_FIELD_COMMENT(BOUNDS_COMMENT),
	SD_VARLINK_DEFINE_OUTPUT(boundsNSec, SD_VARLINK_INT, SD_VARLINK_ARRAY),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(processes, ProcessStages, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	Client,
	SD_VARLINK_FIELD_COMMENT("What its network process calls the connection in the log"),
	SD_VARLINK_DEFINE_FIELD(connection, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Its address, or the user of a UNIX socket"),
	SD_VARLINK_DEFINE_FIELD(peer, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The export that it uses, unless it has none yet"),
	SD_VARLINK_DEFINE_FIELD(export, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_DEFINE_FIELD(isTls, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("When it began, in microseconds since 1970"),
	SD_VARLINK_DEFINE_FIELD(sinceUSec, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("How many of its requests have ended"),
	SD_VARLINK_DEFINE_FIELD(requests, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Bytes of the ranges of these"),
	SD_VARLINK_DEFINE_FIELD(bytes, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	ProcessClients,
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(role, Role, 0),
	SD_VARLINK_FIELD_COMMENT("Its number among those of its role"),
	SD_VARLINK_DEFINE_FIELD(number, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("1024 of them at most"),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(clients, Client, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Why there are none, else null"),
	SD_VARLINK_DEFINE_FIELD(absent, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD(
	ListClients,
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(processes, ProcessClients, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_ENUM_TYPE(
	Use,
	SD_VARLINK_FIELD_COMMENT("Headers of clients and for clients"),
	SD_VARLINK_DEFINE_ENUM_VALUE(net),
	SD_VARLINK_FIELD_COMMENT("Data that clients write"),
	SD_VARLINK_DEFINE_ENUM_VALUE(payload),
	SD_VARLINK_FIELD_COMMENT("Data that clients read"),
	SD_VARLINK_DEFINE_ENUM_VALUE(disk),
	SD_VARLINK_FIELD_COMMENT("Requests and replies between the processes"),
	SD_VARLINK_DEFINE_ENUM_VALUE(record),
	SD_VARLINK_FIELD_COMMENT("What a storage process has done, for its successor"),
	SD_VARLINK_DEFINE_ENUM_VALUE(flight),
	SD_VARLINK_FIELD_COMMENT("Which storage process has which payload, for a successor"),
	SD_VARLINK_DEFINE_ENUM_VALUE(lent));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	Group,
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(use, Use, 0),
	SD_VARLINK_DEFINE_FIELD(bufferBytes, SD_VARLINK_INT, 0),
	SD_VARLINK_DEFINE_FIELD(free, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("The process works with them"),
	SD_VARLINK_DEFINE_FIELD(owned, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("The kernel works with them"),
	SD_VARLINK_DEFINE_FIELD(inIo, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Another process has them"),
	SD_VARLINK_DEFINE_FIELD(lent, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Something that has not ended may still use them"),
	SD_VARLINK_DEFINE_FIELD(lost, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	ProcessGroups,
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(role, Role, 0),
	SD_VARLINK_FIELD_COMMENT("Its number among those of its role"),
	SD_VARLINK_DEFINE_FIELD(number, SD_VARLINK_INT, 0),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(groups, Group, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Why there are none, else null"),
	SD_VARLINK_DEFINE_FIELD(absent, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD(
	ListGroups,
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(processes, ProcessGroups, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(
	KillClient,
	SD_VARLINK_FIELD_COMMENT("The number of the network process"),
	SD_VARLINK_DEFINE_INPUT(np, SD_VARLINK_INT, 0),
	SD_VARLINK_DEFINE_INPUT(connection, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_METHOD(
	DrainExport,
	SD_VARLINK_FIELD_COMMENT("The name of the export"),
	SD_VARLINK_DEFINE_INPUT(name, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("Take no further clients, or take them again"),
	SD_VARLINK_DEFINE_INPUT(isDrained, SD_VARLINK_BOOL, 0));

static SD_VARLINK_DEFINE_ENUM_TYPE(
	Reason,
	SD_VARLINK_FIELD_COMMENT("Its address is not that of a peer"),
	SD_VARLINK_DEFINE_ENUM_VALUE(stranger),
	SD_VARLINK_FIELD_COMMENT("It has begun more connections than it may"),
	SD_VARLINK_DEFINE_ENUM_VALUE(rate));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	Refused,
	SD_VARLINK_DEFINE_FIELD(address, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("How many of its packets were dropped"),
	SD_VARLINK_DEFINE_FIELD(packets, SD_VARLINK_INT, 0),
	SD_VARLINK_FIELD_COMMENT("Why the last one was"),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(reason, Reason, 0),
	SD_VARLINK_FIELD_COMMENT("When that was, in microseconds since 1970"),
	SD_VARLINK_DEFINE_FIELD(lastUSec, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_METHOD(
	ListPeers,
	SD_VARLINK_FIELD_COMMENT("There is a filter; without one, everybody may connect"),
	SD_VARLINK_DEFINE_OUTPUT(isFiltered, SD_VARLINK_BOOL, 0),
	SD_VARLINK_FIELD_COMMENT("Who may connect over TCP"),
	SD_VARLINK_DEFINE_OUTPUT(networks, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("Connections that an address may begin in a second; 0 for any "
				 "number"),
	SD_VARLINK_DEFINE_OUTPUT(connectRate, SD_VARLINK_INT, 0),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(droppedPackets, DroppedPackets, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("Sources that were refused, the last one first, 256 at most"),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(refused, Refused, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(
	AddPeer,
	SD_VARLINK_FIELD_COMMENT("As --peer has it"),
	SD_VARLINK_DEFINE_INPUT(network, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_METHOD(
	RemovePeer,
	SD_VARLINK_FIELD_COMMENT("One of those that ListPeers tells"),
	SD_VARLINK_DEFINE_INPUT(network, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_ENUM_TYPE(
	Change,
	SD_VARLINK_FIELD_COMMENT("It is served now"),
	SD_VARLINK_DEFINE_ENUM_VALUE(added),
	SD_VARLINK_FIELD_COMMENT("It is served no more, and its clients are cut off"),
	SD_VARLINK_DEFINE_ENUM_VALUE(removed),
	SD_VARLINK_DEFINE_ENUM_VALUE(limit),
	SD_VARLINK_FIELD_COMMENT("Who may use it"),
	SD_VARLINK_DEFINE_ENUM_VALUE(rules),
	SD_VARLINK_FIELD_COMMENT("What clients are told of it, or of its lack of a disk"),
	SD_VARLINK_DEFINE_ENUM_VALUE(description));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	ExportChange,
	SD_VARLINK_DEFINE_FIELD(export, SD_VARLINK_STRING, 0),
	SD_VARLINK_DEFINE_FIELD_BY_TYPE(change, Change, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(
	ExportPlace,
	SD_VARLINK_DEFINE_FIELD(export, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The file, unless it is on the command line of arenad"),
	SD_VARLINK_DEFINE_FIELD(file, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
	SD_VARLINK_DEFINE_FIELD(line, SD_VARLINK_INT, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_METHOD(
	Reload,
	SD_VARLINK_FIELD_COMMENT("Tell what would change, and change nothing"),
	SD_VARLINK_DEFINE_INPUT(dryRun, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
	SD_VARLINK_FIELD_COMMENT("There was a file of options at all"),
	SD_VARLINK_DEFINE_OUTPUT(hasFiles, SD_VARLINK_BOOL, 0),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(changes, ExportChange, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("Options that are others in the files, and are not in use"),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(kept, KeptOption, SD_VARLINK_ARRAY),
	SD_VARLINK_FIELD_COMMENT("Where each export is named"),
	SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(places, ExportPlace, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(Upgrade);

static SD_VARLINK_DEFINE_METHOD(Stop);

static SD_VARLINK_DEFINE_ERROR(
	Failed,
	SD_VARLINK_FIELD_COMMENT("The first error of those that the log has"),
	SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, 0),
	SD_VARLINK_FIELD_COMMENT("The log has other errors, too"),
	SD_VARLINK_DEFINE_FIELD(hasMore, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE));

SD_VARLINK_DEFINE_INTERFACE(
	arenad,
	SERVICE_INTERFACE,
	SD_VARLINK_INTERFACE_COMMENT("Watch and steer the processes of a region"),
	SD_VARLINK_SYMBOL_COMMENT("What a process does in the region"),
	&vl_type_Role,
	SD_VARLINK_SYMBOL_COMMENT("Whether a process runs"),
	&vl_type_State,
	SD_VARLINK_SYMBOL_COMMENT("A process of the region"),
	&vl_type_Process,
	SD_VARLINK_SYMBOL_COMMENT("What clients can name, and its disk"),
	&vl_type_Export,
	SD_VARLINK_SYMBOL_COMMENT("What an NP and an SP exchange messages by"),
	&vl_type_Channel,
	SD_VARLINK_SYMBOL_COMMENT("What a process has counted"),
	&vl_type_ProcessCounters,
	SD_VARLINK_SYMBOL_COMMENT("A kind of requests"),
	&vl_type_Operation,
	SD_VARLINK_SYMBOL_COMMENT("How long requests of a kind took, since the start of the "
				  "process"),
	&vl_type_Latency,
	SD_VARLINK_SYMBOL_COMMENT("How long requests took in a process"),
	&vl_type_ProcessLatencies,
	SD_VARLINK_SYMBOL_COMMENT("A part of the way of a request, see arenactl(8)"),
	&vl_type_Stage,
	SD_VARLINK_SYMBOL_COMMENT("How long requests for an export were in a stage, since the "
				  "start of the process"),
	&vl_type_StageLatency,
	SD_VARLINK_SYMBOL_COMMENT("How long requests were in the stages of a process"),
	&vl_type_ProcessStages,
	SD_VARLINK_SYMBOL_COMMENT("How many packets the filter of peers has dropped"),
	&vl_type_DroppedPackets,
	SD_VARLINK_SYMBOL_COMMENT("What puts an option in use that a reload does not"),
	&vl_type_Remedy,
	SD_VARLINK_SYMBOL_COMMENT("An option that stays as it was"),
	&vl_type_KeptOption,
	SD_VARLINK_SYMBOL_COMMENT("What has come of reading the files again"),
	&vl_type_LastReload,
	SD_VARLINK_SYMBOL_COMMENT("Tell about arenad and its processes"),
	&vl_method_GetStatus,
	SD_VARLINK_SYMBOL_COMMENT("Tell about the region"),
	&vl_method_GetRegion,
	SD_VARLINK_SYMBOL_COMMENT("Tell about all exports"),
	&vl_method_ListExports,
	SD_VARLINK_SYMBOL_COMMENT("Tell about the channels of all pairs of processes"),
	&vl_method_ListChannels,
	SD_VARLINK_SYMBOL_COMMENT("Tell what all processes have counted"),
	&vl_method_GetCounters,
	SD_VARLINK_SYMBOL_COMMENT("Tell how long requests took in all processes"),
	&vl_method_GetLatencies,
	SD_VARLINK_SYMBOL_COMMENT("Tell how long requests were in each stage in all processes"),
	&vl_method_GetStages,
	SD_VARLINK_SYMBOL_COMMENT("A connection"),
	&vl_type_Client,
	SD_VARLINK_SYMBOL_COMMENT("The connections of a network process"),
	&vl_type_ProcessClients,
	SD_VARLINK_SYMBOL_COMMENT("Tell about the connections of clients"),
	&vl_method_ListClients,
	SD_VARLINK_SYMBOL_COMMENT("What buffers are for"),
	&vl_type_Use,
	SD_VARLINK_SYMBOL_COMMENT("The buffers of a process that are for the same use"),
	&vl_type_Group,
	SD_VARLINK_SYMBOL_COMMENT("The buffers of a process"),
	&vl_type_ProcessGroups,
	SD_VARLINK_SYMBOL_COMMENT("Tell in which states the buffers of all processes are"),
	&vl_method_ListGroups,
	SD_VARLINK_SYMBOL_COMMENT("Have a network process close a connection, if it has one with "
				  "that number; the answer comes before it is done"),
	&vl_method_KillClient,
	SD_VARLINK_SYMBOL_COMMENT("Hide an export from clients that come, while those that it has "
				  "go on; arenad forgets it when it is replaced"),
	&vl_method_DrainExport,
	SD_VARLINK_SYMBOL_COMMENT("Why a source is refused"),
	&vl_type_Reason,
	SD_VARLINK_SYMBOL_COMMENT("A source that was refused"),
	&vl_type_Refused,
	SD_VARLINK_SYMBOL_COMMENT("Tell who may connect, and who was refused"),
	&vl_method_ListPeers,
	SD_VARLINK_SYMBOL_COMMENT("Let a network connect, until files are read again"),
	&vl_method_AddPeer,
	SD_VARLINK_SYMBOL_COMMENT("Let a network connect no more, until files are read again; its "
				  "connections get no packet from then on"),
	&vl_method_RemovePeer,
	SD_VARLINK_SYMBOL_COMMENT("What changes of an export while it is served"),
	&vl_type_Change,
	SD_VARLINK_SYMBOL_COMMENT("A change of an export by a reload"),
	&vl_type_ExportChange,
	SD_VARLINK_SYMBOL_COMMENT("Where an export is named"),
	&vl_type_ExportPlace,
	SD_VARLINK_SYMBOL_COMMENT("Read files again, and start lost storage processes, as SIGHUP "
				  "does; Failed if a file is bad"),
	&vl_method_Reload,
	SD_VARLINK_SYMBOL_COMMENT("Execute the arenad that is installed now, as SIGUSR2 does; the "
				  "answer comes when it fits, and then the connection ends"),
	&vl_method_Upgrade,
	SD_VARLINK_SYMBOL_COMMENT("End all processes and arenad, as SIGTERM does; the answer comes "
				  "when all have ended, and is Failed if one had to be killed"),
	&vl_method_Stop,
	SD_VARLINK_SYMBOL_COMMENT("It was not done"),
	&vl_error_Failed);
