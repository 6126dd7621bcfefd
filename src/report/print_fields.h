/* SPDX-License-Identifier: MIT */
/*
 * The fields of a chunk whose type is known, as a debugger prints them: by name and place, each with its type, and with what it holds as far as the snapshot has the chunk's bytes.
 *
 *   +0x0   id        long int        7
 *   +0x8   peer      struct conn *   0x5581c0de2a0 (200 B, struct conn)
 *   +0x18  on_close  function *      closed (server)
 *
 * Where it has no bytes, only what pointers lead to is told, by the graph; what that is made of is no secret of the program's.
 */
#ifndef HEAPSNAP_REPORT_PRINT_FIELDS_H
#define HEAPSNAP_REPORT_PRINT_FIELDS_H

#include <stddef.h>

#include "report/writer.h"
#include "snapshot/snapshot.h"

/** Prints them, in text at most `limit` rows (0: all); nothing of a chunk without a type that has parts. Edges must have places where there are any. Cost: that of the rows. */
void print_fields(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, size_t limit);

#endif
