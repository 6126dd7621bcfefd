/* SPDX-License-Identifier: MIT */
/*
 * Thresholds: how much may have changed between two snapshots before it is a failure.
 *
 *   [size:N|size:MIN-MAX|owner:NAME|type:NAME] METRIC >|>=|<|<= VALUE       bytes>10M   count>1000   size:1032 count>=50   resident>5%
 *
 *   bytes, count      of chunks in use: all, those of some sizes, those that an owner keeps (by its name, with or without its module, or with
 *                     that of a variable for all its members), those of a type («struct conn», or conn)
 *   leaked            bytes that nothing holds
 *   system            what malloc got from the system
 *   resident          resident memory of the process
 *
 * What is compared is the change from the first to the last, in bytes (10k, 1.5M), a number, or per cent of what there was.
 */
#ifndef HEAPSNAP_SNAPSHOT_THRESHOLD_H
#define HEAPSNAP_SNAPSHOT_THRESHOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "snapshot/diff.h"

enum threshold_metric {
	THRESHOLD_BYTES,
	THRESHOLD_COUNT,
	THRESHOLD_LEAKED,
	THRESHOLD_SYSTEM,
	THRESHOLD_RESIDENT,
	THRESHOLD_METRICS,
};

enum threshold_operation {
	THRESHOLD_MORE,
	THRESHOLD_AT_LEAST,
	THRESHOLD_LESS,
	THRESHOLD_AT_MOST,
};

struct threshold {
	/** As it was written. Borrowed. */
	const char *text;
	enum threshold_metric metric;
	enum threshold_operation operation;
	/** Usable sizes that count, both included. Units: bytes. */
	uint64_t min_size, max_size;
	/** Name of the owner that counts, NULL for all: bytes in text. Borrowed. */
	const char *owner;
	size_t owner_length;
	/** The same of the type. */
	const char *type;
	size_t type_length;
	/** In per cent of what there was, or as it stands. */
	bool is_percent;
	double value;
};

enum threshold_result {
	THRESHOLD_KEPT,
	/** The condition holds: that is a failure. */
	THRESHOLD_FAILED,
	/** One of the two snapshots does not know the metric. */
	THRESHOLD_UNKNOWN,
};

/** Parses a condition; the text is borrowed for as long as the threshold. Errors: ERROR_USAGE. */
struct error *threshold_parse(const char *text, struct threshold *ret) _must_check_;

/** Whether it holds of a diff, and the change that there was. */
enum threshold_result threshold_judge(const struct threshold *threshold, const struct diff *diff,
				      int64_t *change_ret);

/** It chooses an owner or a type that none of the snapshots has, though they know theirs: a slip, maybe. */
bool threshold_is_about_nobody(const struct threshold *threshold, const struct diff *diff);

/** The change is one of bytes, not of a number. */
static inline bool threshold_is_bytes(const struct threshold *threshold)
{
	return threshold->metric != THRESHOLD_COUNT;
}

#endif
