/* SPDX-License-Identifier: MIT */
/*
 * A census: how much there was of what in each of several snapshots, counted in three ways, so that these need not be kept.
 *
 *   sizes     by usable size
 *   owners    by who keeps it (graph/owners.h)
 *   kept      by size and owner
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
	/** Every snapshot so far knew its owners. */
	bool has_owners;
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

/** The key of a size and an owner in `kept`. */
static inline uint64_t census_key(uint64_t usable, uint64_t owner)
{
	return usable << CENSUS_OWNER_BITS | owner;
}

/** The size of such a key, and its owner. */
static inline uint64_t census_key_size(uint64_t key)
{
	return key >> CENSUS_OWNER_BITS;
}

static inline uint64_t census_key_owner(uint64_t key)
{
	return key & ((UINT64_C(1) << CENSUS_OWNER_BITS) - 1);
}

#endif
