/* SPDX-License-Identifier: MIT */
/*
 * A watch as it goes: a line for each snapshot with what grew since the one before, and in the end how everything grew.
 *
 * Text shows each round when it is over. JSON and CSV have one table of what grew, row by row; JSON the rounds and the whole behind it.
 */
#ifndef HEAPSNAP_REPORT_PRINT_WATCH_H
#define HEAPSNAP_REPORT_PRINT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "report/writer.h"
#include "snapshot/census.h"
#include "snapshot/snapshot.h"

/** One look at the process. */
struct watch_round {
	/** Units: seconds since 1970. */
	int64_t time;
	/** NULL when a snapshot was taken; else why not: a sentence. Owned. */
	char *skipped;
	/** As of the snapshot; 0 when there is none. */
	uint64_t pause_ns, chunks, bytes, system_bytes;
	/** UINT64_MAX when unknown. */
	uint64_t resident;
	bool exact;
	/** Where it is kept, NULL when it is not. Owned. */
	char *file;
};

/** Why a watch ended. */
enum watch_end {
	/** As many snapshots as were asked for, or as much time. */
	WATCH_COMPLETE,
	/** The process ended. */
	WATCH_EXITED,
	/** It became another program. */
	WATCH_REPLACED,
	/** A signal to us. */
	WATCH_INTERRUPTED,
	WATCH_ENDS,
};

struct watch_options {
	/** Most rows of a table in text; 0 for no limit. */
	size_t limit;
	/** Sizes below are left out. */
	uint64_t min_size;
	/** No hints. */
	bool quiet;
};

struct watch {
	/** Borrowed. */
	struct writer *writer;
	struct watch_options options;
	/** Of the process. */
	pid_t pid;
	/** A step for each snapshot, or for some of them when there were many. */
	struct census census;
	ARRAY(struct watch_round) rounds;
	/** The last round that has a snapshot; SIZE_MAX before the first. */
	size_t last;
};

/** Begins to print, behind writer_begin(): name of the program (unescaped) and pid. The writer is borrowed until watch_deinit(). */
void watch_start(struct watch *watch, struct writer *writer, const struct watch_options *options,
		 const char *name, pid_t pid, uint64_t interval_ns);

/** Prints a round with a snapshot: what grew since the one before. The file is where it is kept, NULL when it is not. Everything is written out at once. */
void watch_look(struct watch *watch, const struct snapshot *snapshot, const char *file);

/** Prints a round without one, and why. Takes the reason. */
void watch_skip(struct watch *watch, int64_t time, char *reason);

/** Prints how it all grew. */
void watch_finish(struct watch *watch, enum watch_end end);

/** Frees it. */
void watch_deinit(struct watch *watch);

#endif
