/* SPDX-License-Identifier: MIT */
/*
 * What every report says first and last: what was looked at and how far it can be trusted, how malloc's memory adds up beside the
 * process's, and at the end what does not add up.
 */
#ifndef HEAPSNAP_REPORT_SUMMARY_H
#define HEAPSNAP_REPORT_SUMMARY_H

#include <stddef.h>

#include "report/writer.h"
#include "snapshot/snapshot.h"

enum {
	/** Findings and modules that text shows before it only counts. */
	SUMMARY_LINES_MAX = 10,
};

/** The head: program, bytes in use, exactness; allocator and offsets; the stop. */
void print_head(struct writer *writer, const struct snapshot *snapshot);

/** The reconciliation, and beside it resident memory by kind. */
void print_account(struct writer *writer, const struct snapshot *snapshot);

/** One sentence: whose the resident memory is. Nothing when that is not known. */
void print_verdict(struct writer *writer, const struct snapshot *snapshot);

/** Failed checks, findings and notices; nothing in text when there are none. At most `limit` findings in text. */
void print_trouble(struct writer *writer, const struct snapshot *snapshot, size_t limit);

/** The modules: all of them in JSON; in text none, or those up to `limit`. */
void print_modules(struct writer *writer, const struct snapshot *snapshot, size_t limit);

/** A sentence about what cannot be seen, when another allocator or a managed runtime holds the program's memory; nothing in text otherwise. */
void print_beyond(struct writer *writer, const struct snapshot *snapshot);

#endif
