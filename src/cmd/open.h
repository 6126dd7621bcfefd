/* SPDX-License-Identifier: MIT */
/*
 * From the command line to a snapshot: the one place where all layers meet.
 *
 *	open the target (it runs on) → modules → allocator → glibc's malloc, from files alone
 *	the stop window: quiesce, copy, release
 *	walk → account of all memory → snapshot; then image, modules and target are let go
 */
#ifndef HEAPSNAP_CMD_OPEN_H
#define HEAPSNAP_CMD_OPEN_H

#include "base/error.h"
#include "cmd/choice.h"
#include "cmd/options.h"
#include "cmd/status.h"
#include "snapshot/snapshot.h"

/** The whole way: stops a process for the copy, walks its heap, fills a snapshot; or reads one from its file. Owner: the caller, snapshot_deinit(). */
struct error *open_snapshot(const struct options *options, const struct target_choice *choice,
			    struct snapshot *ret) _must_check_;

/** A build ID in lower-case hexadecimal, NULL when it is empty. Owner: the caller. */
char *build_id_hex(const struct build_id *id);

/** The exit status of a report on this snapshot: STATUS_DONE, STATUS_PARTIAL, or STATUS_UNSUPPORTED. */
enum status snapshot_status(const struct snapshot *snapshot);

#endif
