/* SPDX-License-Identifier: MIT */
/*
 * A census: how much there was of what in each of several snapshots, counted in several ways, so that these need not be kept.
 *
 *   sizes     by usable size
 *   owners    by who keeps it (graph/owners.h)
 *   kept      by size and owner
 *   types     Python objects, by the name of their type
 *   labels    chunks by what they are called (types/types.h); and label_kept by that and by owner
 *
 * Owners have names that mean the same in every thread and every run: «server.db (redis-server)», «session in worker_main (server)». What nothing holds has
 * CENSUS_LEAKED.
 */
#ifndef HEAPSNAP_SNAPSHOT_CENSUS_H
#define HEAPSNAP_SNAPSHOT_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/names.h"
#include "snapshot/series.h"
#include "snapshot/snapshot.h"

enum {
	/** Keys of owners that are there always; the others follow. CENSUS_OTHERS is whoever there was no number left for. */
	CENSUS_LEAKED = 0,
	CENSUS_OTHERS = 1,
	/** A key has so many bits. */
	CENSUS_OWNER_BITS = 24,
};

struct census {
	struct series sizes;
	/** Keys are indexes of names. Nothing is counted unless has_owners. */
	struct series owners;
	/** Keys are census_key(). */
	struct series kept;
	/** Keys are indexes of type_names; bytes are with the tables and native memory of the objects. Nothing is counted unless has_types. */
	struct series types;
	/** Keys are indexes of label_names; of label_kept census_key() of these. Nothing is counted unless has_labels. */
	struct series labels, label_kept;
	/** Every snapshot so far knew its owners; the types of its Python objects; and those of all chunks. */
	bool has_owners, has_types, has_labels;
	/** What chunks are called, unescaped; and for each whether that says more than a size: it is a type, a place or a look, and not one that anything can have (char[], zeros). The first one is that of what nothing is known about. */
	struct names label_names;
	ARRAY(bool) label_tells;
	/** Names of types, unescaped. */
	struct names type_names;
	/** Names of owners, unescaped. */
	struct names names;
	/** For each of these where it is written down, «server.c:86», as the first snapshot has it that knows; NULL. Owned, unescaped. */
	ARRAY(char *) sources;
};

/** Starts an empty census. */
void census_init(struct census *census);

/** Frees it. */
void census_deinit(struct census *census);

/** Counts the chunks in use of a snapshot: one step more of each series. Cost: linear in chunks. */
void census_add(struct census *census, const struct snapshot *snapshot);

/** Leaves out every second step (series_thin()). */
void census_thin(struct census *census);

/** The name of an owner with where it is written down, as places are called elsewhere: «server.db (server.c:86, redis-server)». Owner: the caller; unescaped. */
char *census_owner_label(const struct census *census, uint64_t owner);

/** The number of each label of a snapshot among label_names, by its id. Owner: the caller, free(). */
uint32_t *census_label_numbers(struct census *census, const struct types *types);

/** The key of a size (or of a label's number) and an owner in `kept`. */
static inline uint64_t census_key(uint64_t usable, uint64_t owner)
{
	return usable << CENSUS_OWNER_BITS | owner;
}

/** The size (or number) of such a key, and its owner. */
static inline uint64_t census_key_size(uint64_t key)
{
	return key >> CENSUS_OWNER_BITS;
}

static inline uint64_t census_key_owner(uint64_t key)
{
	return key & ((UINT64_C(1) << CENSUS_OWNER_BITS) - 1);
}

#endif
