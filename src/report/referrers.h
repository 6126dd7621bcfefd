/* SPDX-License-Identifier: MIT */
/*
 * Referrers: by which members the chunks of a type (or of a size) are held, «entry.value», and by which variables.
 *
 * Every pointer counts, unlike in an outline (graph/outline.h), where each chunk is told once along its shortest way: a chunk that two members hold is in two rows.
 */
#ifndef HEAPSNAP_REPORT_REFERRERS_H
#define HEAPSNAP_REPORT_REFERRERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "report/writer.h"
#include "snapshot/snapshot.h"

/** Chunks that are asked about: those of a label, or (where that is 0) of a usable size. */
struct chunk_choice {
	label_id label;
	/** Units: bytes. */
	uint64_t usable;
};

/** Whether a chunk is one of them. */
static inline bool choice_has(const struct chunk_choice *choice, const struct snapshot *snapshot, chunk_id chunk)
{
	return choice->label ? snapshot->types.label[chunk] == choice->label : chunk_usable(&snapshot->heap.chunks, chunk) == choice->usable;
}

struct referrer {
	/** «entry.value», «48 B at +0x8», «g_conns[] (server.c:12, server)». Owned, unescaped. */
	char *from;
	/** Chunks that are held so, and pointers that do it. */
	uint64_t count, references;
	/** The first that holds one; CHUNK_NONE for a variable. */
	chunk_id example;
};

typedef ARRAY(struct referrer) referrer_array;

/** Finds them, those that hold most chunks first. Edges must have places. Owner: the caller, referrers_deinit(). Memory: 8 bytes for each pointer. Cost: linear in edges, and a sort of the pointers. */
void referrers_find(const struct snapshot *snapshot, const struct chunk_choice *choice, referrer_array *ret);

/** Frees them. */
void referrers_deinit(referrer_array *referrers);

/** Prints them as a table, `all` being the chunks that were asked about; at most `limit` rows in text (0: all). */
void print_members(struct writer *writer, const struct snapshot *snapshot, const referrer_array *referrers, uint64_t all, size_t limit);

#endif
