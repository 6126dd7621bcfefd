/* SPDX-License-Identifier: MIT */
/*
 * A census: how much there was of what in each of several snapshots, counted in three ways, so that these need not be kept.
 *
 *   sizes     by usable size
 *   owners    by who keeps it: the lowest place that alone does (graph/dominators.h)
 *   kept      by size and owner
 *
 * Owners have names that mean the same in every thread and every run: «session_cache (server)», «frame of worker_main». What several places share has
 * CENSUS_SHARED, what nothing holds CENSUS_LEAKED.
 */
#ifndef HEAPSNAP_SNAPSHOT_CENSUS_H
#define HEAPSNAP_SNAPSHOT_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "snapshot/series.h"
#include "snapshot/snapshot.h"

enum {
	/** Keys of owners that have no place of their own; the others follow, and are indexes of owner_names. */
	CENSUS_SHARED = 0,
	CENSUS_LEAKED = 1,
};

struct census {
	struct series sizes;
	/** Keys are indexes of owner_names. Nothing is counted unless has_owners. */
	struct series owners;
	/** Keys are census_key(). */
	struct series kept;
	/** Every snapshot so far knew its owners. */
	bool has_owners;
	/** Owned, unescaped. */
	ARRAY(char *) owner_names;
	/** Names by hash: open addressing, a power of two of slots, index + 1; 0 is empty. */
	uint32_t *slots;
	size_t n_slots;
};

/** Starts an empty census. */
void census_init(struct census *census);

/** Frees it. */
void census_deinit(struct census *census);

/** Counts the chunks in use of a snapshot: one step more of each series. Cost: linear in chunks. */
void census_add(struct census *census, const struct snapshot *snapshot);

/** Leaves out every second step (series_thin()). */
void census_thin(struct census *census);

/** The key of a size and an owner in `kept`. */
static inline uint64_t census_key(uint64_t usable, uint64_t owner)
{
	enum { OWNER_BITS = 24 };

	return usable << OWNER_BITS | owner;
}

/** The size of such a key, and its owner. */
static inline uint64_t census_key_size(uint64_t key)
{
	return key >> 24;
}

static inline uint64_t census_key_owner(uint64_t key)
{
	return key & ((UINT64_C(1) << 24) - 1);
}

#endif
