/* SPDX-License-Identifier: MIT */
/*
 * The graph in the snapshot file: what is long as columns (columns.h), beside the ordinary tables `places`, `roots`, `owners` and `suspects` (schema.h).
 *
 *   chunk.reach chunk.idom chunk.retained      one number for each chunk
 *   chunk.owner                                the same
 *   place.idom place.retained                  one for each place, and for the root above all
 *   edge.count                                 one for each chunk: how many edges begin in it
 *   edge.to edge.place                         one for each edge, in the order of the chunks they begin in
 *   leak.chunk leak.cycle
 *   content.chunk content.length content.byte  bytes of chunks, where they were asked for
 *
 * A reader takes the parts that it needs. Whatever it takes is a graph as graph/ builds it: ids are of nodes, dominators are a tree. Private to snapshot/.
 */
#ifndef HEAPSNAP_SNAPSHOT_GRAPH_FILE_H
#define HEAPSNAP_SNAPSHOT_GRAPH_FILE_H

#include <stdint.h>

#include "base/error.h"
#include "snapshot/snapshot.h"

struct sqlite3;

/** Writes the columns, as far as the graph has been built. */
struct error *graph_write(struct sqlite3 *db, const struct snapshot *snapshot) _must_check_;

/** Reads parts of it (enum snapshot_part). The chunk table is sealed, the ordinary tables are read; `memory` bytes may be taken. Errors: ERROR_FORMAT says what is wrong
    with it; what was read is the caller's to free all the same. */
struct error *graph_read(struct sqlite3 *db, unsigned parts, uint64_t memory,
			 struct snapshot *snapshot) _must_check_;

#endif
