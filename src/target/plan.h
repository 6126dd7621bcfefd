/* SPDX-License-Identifier: MIT */
/*
 * What of a process is copied, and where it goes: decided once before the stop, to have room for it, and again at the stop.
 *
 *   private, anonymous             pages that exist; the others are known to be zero
 *   private, file, writable        pages that exist; the others are the file's
 *   private, file, read-only       pages that differ from the file (RELRO above all: written by the loader, then protected)
 *   [vdso]                         all of it: text without a file
 *   shared, writable, no file      pages that exist, as far as they are not more than the private ones (memfd, SysV, /dev/shm)
 *   no read permission, devices    nothing
 */
#ifndef HEAPSNAP_TARGET_PLAN_H
#define HEAPSNAP_TARGET_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "target/copy.h"
#include "target/maps.h"
#include "target/pages.h"
#include "target/store.h"
#include "target/target.h"

enum plan_kind {
	PLAN_NOTHING,
	/** Pages that exist; the rest is zero. */
	PLAN_ANONYMOUS,
	/** Pages that exist; the rest is in the file. */
	PLAN_FILE,
	/** The file is out of reach: every page. */
	PLAN_FILE_ALL,
	/** Pages that are not the file's any more. */
	PLAN_CHANGED,
	/** Pages that exist; the rest is not known. */
	PLAN_SHARED,
	/** Every page. */
	PLAN_ALL,
};

struct plan {
	/** One for each mapping. */
	ARRAY(enum plan_kind) kinds;
	/** What is copied, ascending; no run crosses the end of a mapping. */
	page_run_array runs;
	uint64_t bytes;
	/** Shared mappings left out because they are too large, and their bytes that exist. */
	size_t shared_left_out;
	uint64_t shared_left_out_bytes;
	/** Mappings that this kernel cannot tell us about in reasonable time; nothing of them is copied. */
	page_run_array unknown;
};

/** Decides from the mappings and the pages that exist. `files` tells which files are open (mapping.file). `earlier` is the plan before the stop or
    NULL: it answers where the pages are unknown. Owner: the caller, plan_deinit(). */
void plan_make(const struct target *files, const mapping_array *mappings,
	       const page_run_array *pages, const struct plan *earlier, struct plan *ret);

/** Reserves room around everything planned, generously: what the target adds before it stands still should find its place. Where that much address
    space is not to be had, just for what is planned. False when not even that. */
bool plan_reserve(const struct plan *plan, const mapping_array *mappings, uint32_t page_size,
		  struct store *store);

/** Cuts the runs into parts with a place in the store, reserving what is missing. False when there is no room. Owner: the caller, array_deinit(). */
bool plan_parts(const struct plan *plan, struct store *store, copy_part_array *ret);

/** Frees what a plan holds. */
void plan_deinit(struct plan *plan);

#endif
