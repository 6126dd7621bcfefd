/* SPDX-License-Identifier: MIT */
/*
 * Hints: which command to run next, ready to be pasted, and what it would tell. Only commands that exist are named (a test holds
 * them against the command table).
 */
#ifndef HEAPSNAP_REPORT_HINTS_H
#define HEAPSNAP_REPORT_HINTS_H

#include "base/array.h"
#include "report/histogram.h"
#include "report/writer.h"
#include "snapshot/census.h"
#include "snapshot/snapshot.h"

struct hint {
	/** Name of the command, as typed; borrowed: for ever. */
	const char *command;
	/** What follows it: the target and options. Owned. */
	char *arguments;
	/** What it tells. Borrowed: for ever. */
	const char *reason;
};

typedef ARRAY(struct hint) hint_array;

/** What to run after `report`; `first` is the label of a type that it told, 0 for none. The target is as the user would type it. Owner: the caller, hints_deinit(). */
void hints_report(const struct snapshot *snapshot, const struct histogram *histogram, label_id first,
		  const char *target, hint_array *ret);

/** What to run after `report` on one type; `example` is the first of its chunks. */
void hints_type(const struct snapshot *snapshot, label_id label, chunk_id example, const char *target, hint_array *ret);

/** What to run after `leaks`; `example` is the first leak that was shown, or CHUNK_NONE. */
void hints_leaks(const struct snapshot *snapshot, chunk_id example, const char *target, hint_array *ret);

/** What to run after `why` on one chunk. */
void hints_why(const struct snapshot *snapshot, chunk_id chunk, bool has_more, const char *target, hint_array *ret);

/** What to run after `why` on chunks of a type, or (0) of a size; `example` is one of them, or CHUNK_NONE. */
void hints_why_chunks(const struct snapshot *snapshot, label_id label, chunk_id example, const char *target, hint_array *ret);

/** What to run after `show`. */
void hints_show(const struct snapshot *snapshot, chunk_id chunk, const char *target, hint_array *ret);

/** What to run after `top`. */
void hints_top(const struct snapshot *snapshot, const char *target, hint_array *ret);

/** What to run after `arenas`. */
void hints_arenas(const struct snapshot *snapshot, const char *target, hint_array *ret);

/** What to run after a comparison, on the last of what was compared: where what grew most is allocated, and who holds it. */
void hints_growth(const struct census *census, size_t from, size_t to, const char *target, hint_array *ret);

/** Prints them. */
void hints_print(struct writer *writer, const hint_array *hints);

/** Frees them. */
void hints_deinit(hint_array *hints);

#endif
