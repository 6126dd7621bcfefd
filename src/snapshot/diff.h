/* SPDX-License-Identifier: MIT */
/*
 * A diff: two snapshots or more, in the order in which they were taken, and what they have to do with each other.
 *
 * Within one run of a program a chunk is known by its address: one that is in use in both, at the same address and of the same size, survived. (One that was
 * freed, and whose address was given out again for the same size, cannot be told from it.) Between two runs addresses mean nothing, and only sizes are
 * compared.
 *
 * Snapshots come one by one and need not be kept; the first and the last, for what survived, are compared while both are there.
 */
#ifndef HEAPSNAP_SNAPSHOT_DIFF_H
#define HEAPSNAP_SNAPSHOT_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "heap/sizes.h"
#include "snapshot/census.h"
#include "snapshot/snapshot.h"

/** How two snapshots belong together; what is worse comes later. */
enum diff_relation {
	/** The same process, proven by when it began. */
	DIFF_SAME_RUN,
	/** The same process, as far as a core tells: pid, program and addresses are the same. */
	DIFF_SAME_ADDRESSES,
	/** The same program, run twice. */
	DIFF_OTHER_RUN,
	/** A program of the same name, built anew. */
	DIFF_OTHER_BUILD,
	/** Another program. */
	DIFF_OTHER_PROGRAM,
	DIFF_RELATIONS,
};

/** A module, as far as it tells runs apart. */
struct diff_module {
	/** Owned; NULL when unknown. */
	char *path, *build_id;
	vaddr start;
};

/** What is kept of a snapshot. */
struct diff_side {
	/** As the user named it. Owned. */
	char *label;
	/** As in struct snapshot. Owned. */
	char *name, *exe, *boot_id, *foreign_allocator;
	enum snapshot_kind kind;
	pid_t pid;
	int64_t time;
	uint64_t start_ticks;
	bool exact;
	ARRAY(struct diff_module) modules;
	struct heap_totals totals;
	uint64_t system_bytes;
	/** Resident memory of the process; UINT64_MAX when unknown. */
	uint64_t resident;
	/** Leaked chunks, and their usable bytes; UINT64_MAX when unknown. */
	uint64_t leaked_count, leaked_bytes;
};

/** Keeps what a diff needs of a snapshot. The label is copied. Owner: the caller, diff_side_deinit(). */
void diff_side_init(struct diff_side *side, const char *label, const struct snapshot *snapshot);

/** Frees it. */
void diff_side_deinit(struct diff_side *side);

/** How two belong together; `reason_ret` says how that is known. Borrowed: for ever. */
enum diff_relation diff_compare(const struct diff_side *a, const struct diff_side *b,
				const char **reason_ret);

struct diff {
	ARRAY(struct diff_side) sides;
	/** The worst between the first and any other. */
	enum diff_relation relation;
	/** How that is known, for people. Owned; NULL while there is only one. */
	char *reason;
	/** A step for each. */
	struct census census;
	/** Chunks of the first that survived in the last, by size; only when has_surviving. */
	bool has_surviving;
	struct sizes surviving;
	uint64_t surviving_count;
	/** The same by the number of their label in the census, as far as that was the same in both; only when the census has labels, too. */
	struct sizes surviving_labels;
	/** Of the last: leaked chunks that are new, and that survived and were not leaked in the first; their count and bytes. Only when has_leaks. */
	bool has_leaks;
	struct series_value leaked_new, leaked_since;
};

/** Starts an empty diff. */
void diff_init(struct diff *diff);

/** Frees it. */
void diff_deinit(struct diff *diff);

/** Adds the next snapshot, which is not needed any more after that. The label is copied. Cost: linear in chunks. */
void diff_add(struct diff *diff, const char *label, const struct snapshot *snapshot);

/** Finds what survived from the first to the last, and what leaked between them; nothing when they are no snapshots of one run. Cost: linear in chunks. */
void diff_survivors(struct diff *diff, const struct snapshot *first, const struct snapshot *last);

/** True when chunks are known by their addresses in all of them. */
static inline bool diff_is_one_run(const struct diff *diff)
{
	return diff->relation <= DIFF_SAME_ADDRESSES;
}

/** «same-run», «same-addresses» …: the word of the JSON. Borrowed: for ever. */
const char *diff_relation_name(enum diff_relation relation);

#endif
