/* SPDX-License-Identifier: MIT */
/*
 * The snapshot file, .hsnap: an SQLite database (schema.h) with the chunk table in compressed columns (columns.h). See heapsnap-snapshot(5).
 *
 * It is written whole or not at all: into a file without a name, mode 0600, that gets its name when everything is on the disk. It is read as what it is,
 * a file from somewhere: nothing in it runs (no triggers, views or functions of its own), and every number is checked before it is used.
 */
#ifndef HEAPSNAP_SNAPSHOT_FILE_H
#define HEAPSNAP_SNAPSHOT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "snapshot/snapshot.h"

/** True when a file begins like a snapshot. Never an error: what cannot be read is none. */
bool snapshot_recognise(const char *path);

/** Whether a snapshot may be written there, as far as can be told before there is one. Errors: those of snapshot_write(), but for lack of room. */
struct error *snapshot_check_destination(const char *path) _must_check_;

/** Writes a snapshot to a file, replacing a snapshot of that name. Errors: ERROR_FORMAT when something else is there; ERROR_OS (directory, disk): the old file
    is as it was then, and nothing else is left. Cost: some 100 ns a chunk. */
struct error *snapshot_write(const struct snapshot *snapshot, const char *path) _must_check_;

/** Reads a snapshot, with those parts of its graph (enum snapshot_part) that are wanted. `memory` bytes are what its tables may take. Owner: the caller, snapshot_deinit(). Errors: ERROR_FORMAT says what is wrong with the file,
    ERROR_UNSUPPORTED that a newer heapsnap wrote it, ERROR_OS that it cannot be read or does not fit. Cost: some 20 ns a chunk. */
struct error *snapshot_read(const char *path, unsigned parts, uint64_t memory,
			    struct snapshot *ret) _must_check_;

#endif
