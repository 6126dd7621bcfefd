/* SPDX-License-Identifier: MIT */
/*
 * Growth in words and as rows: what print_diff and print_watch have in common.
 */
#ifndef HEAPSNAP_REPORT_PRINT_GROWTH_H
#define HEAPSNAP_REPORT_PRINT_GROWTH_H

#include <stdbool.h>
#include <stddef.h>

#include "report/writer.h"
#include "snapshot/census.h"
#include "snapshot/growth.h"

enum {
	/** Steps that a trend shows. */
	TREND_MAX = 16,
	TREND_BYTES = TREND_MAX * 3 + 1,
};

/** The trend of a row, one character for each step (or some of them): low to high. Writes at most TREND_BYTES; gives buffer. */
const char *trend_text(char buffer[TREND_BYTES], const struct writer *writer, const uint64_t *bytes,
		       size_t steps);

/** A few sentences, in text: how much came or went, who keeps it, where the census knows (NULL: there is none), and what makes up nearly all of it: types, where most of it has one and there
    is no least size; else sizes. The rows
    must be as growth_compute() folds them, without a limit, of the sizes of the census from `min_size` on, from one step to another. */
void print_causes(struct writer *writer, const struct growth *growth, const struct census *census,
		  size_t from, size_t to, uint64_t min_size);

/** Who keeps what changed, as a table: the changes of owners, at most `limit` in text (0: all). `key` is the name of the array in JSON. Nothing where the census has none. */
void print_owners(struct writer *writer, const char *key, const struct census *census, size_t from,
		  size_t to, size_t limit);

/** Which Python types changed, otherwise as print_owners(): objects, and bytes with what they own. */
void print_types(struct writer *writer, const char *key, const struct census *census, size_t from, size_t to, size_t limit);

/** Parts of the bytes that changed, from 0 to 1. */
struct types_shares {
	/** What has a name: of a type, a place, a look. */
	double named;
	/** What has one that says more than its size does. */
	double telling;
};

/** What names tell of a change; 0 where types are not known. */
struct types_shares types_shares(const struct census *census, size_t from, size_t to);

/** Whether types tell what changed: they do when most of it has a name, and not all of these are char[]. */
bool types_tell(const struct census *census, size_t from, size_t to);

/** Which types of chunks changed, otherwise as print_owners(), with who keeps what changed, and how many are new; `surviving` counts by the numbers of labels, NULL when that is not known. */
void print_labels(struct writer *writer, const char *key, bool is_main, const struct census *census, const struct sizes *surviving, size_t from, size_t to, size_t limit);

/** A line, in text: «3,968 more chunks», of a change of a count. Owner: the caller. */
char *count_phrase(int64_t change, const char *what);

#endif
