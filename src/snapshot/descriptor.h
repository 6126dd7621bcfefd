/* SPDX-License-Identifier: MIT */
/*
 * An SQLite database on an open descriptor: nothing is opened by name, no journal, no lock, no second file.
 *
 * Each page ends in eight bytes of checksum, in the place that SQLite reserves and leaves alone, so any client reads the file and a flipped bit anywhere is an
 * error here. Layout and sum are those of SQLite's own checksum shim: «select verify_checksum(data) from sqlite_dbpage» works where that is loaded.
 * Source: https://sqlite.org/cksumvfs.html. Private to snapshot/.
 */
#ifndef HEAPSNAP_SNAPSHOT_DESCRIPTOR_H
#define HEAPSNAP_SNAPSHOT_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sqlite3;

enum {
	/** Small, since an empty snapshot has a dozen of them. Units: bytes. */
	DESCRIPTOR_PAGE = 4096,
	DESCRIPTOR_SUM = 8,
};

/** Opens a new database on an empty file. The descriptor is borrowed until sqlite3_close(). Nothing is on the disk before fsync(). */
struct error *descriptor_create(int fd, struct sqlite3 **ret) _must_check_;

/** Opens a database for reading. The descriptor is borrowed until sqlite3_close(); where it stands does not matter. */
struct error *descriptor_open(int fd, struct sqlite3 **ret) _must_check_;

/** What made a read or a write fail, where SQLite says only that it did: errno (0 when none failed), and the first page whose checksum is wrong, counted from
    1 (0 when none is). */
int descriptor_failure(struct sqlite3 *db, uint64_t *damaged_ret);

/** Writes the checksum of a page into its last bytes. */
void descriptor_seal_page(uint8_t page[DESCRIPTOR_PAGE]);

#endif
