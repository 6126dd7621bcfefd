/* SPDX-License-Identifier: MIT */
/*
 * A snapshot as SQL tables: the ordinary ones of its file (schema.h), and the columns as virtual tables.
 *
 *   chunk (id, address, size, kind, arena, state,     one row for each chunk, in every state, by ascending address; owner is an id of `owners`,
 *          reach, retained, owner, sole_place)         sole_place one of `places`
 *   edge (source, target, offset, hit, weak)          one row for each pointer; source and target are ids of chunks
 *
 * Nothing is copied but what is small: rows of a virtual table are read from the snapshot as they are asked for. Everything is for reading alone.
 *
 * To show another long table: its columns and how a row gives them, as `chunk` has them here. Private to snapshot/.
 */
#ifndef HEAPSNAP_SNAPSHOT_TABLES_H
#define HEAPSNAP_SNAPSHOT_TABLES_H

#include "base/error.h"
#include "snapshot/snapshot.h"

struct sqlite3;

/** A database in memory with the tables of a snapshot. Which parts of a snapshot (enum snapshot_part) the queries ask about is added to *parts as these are compiled;
    what the snapshot does not have is NULL, or no row. Both are borrowed until sqlite3_close(). Owner: the caller. */
struct error *tables_open(const struct snapshot *snapshot, unsigned *parts,
			  struct sqlite3 **ret) _must_check_;

#endif
