/* SPDX-License-Identifier: MIT */
/*
 * Types in the snapshot file: the labels of chunks as columns (columns.h), beside the ordinary tables `labels` and `undescribed` (schema.h).
 *
 *   chunk.type chunk.role                a label for each chunk, 0 for none
 *   chunk.confidence chunk.evidence
 *   chunk.form                           one of its type, an array of them …
 *
 * Of the types themselves the file has what reports say (types/parts.h, types/type_sites.h), and no layouts. Private to snapshot/.
 */
#ifndef HEAPSNAP_SNAPSHOT_TYPES_FILE_H
#define HEAPSNAP_SNAPSHOT_TYPES_FILE_H

#include <stdint.h>

#include "base/error.h"
#include "snapshot/snapshot.h"

struct sqlite3;

/** Writes the columns, if types were found. */
struct error *types_write(struct sqlite3 *db, const struct snapshot *snapshot) _must_check_;

/** Reads them, if they are wanted (enum snapshot_part) and there. The chunk table is sealed, the ordinary tables are read; `memory` bytes may be taken. Errors: ERROR_FORMAT says
    what is wrong with it; what was read is the caller's to free all the same. */
struct error *types_read(struct sqlite3 *db, unsigned parts, uint64_t memory, struct snapshot *snapshot) _must_check_;

#endif
