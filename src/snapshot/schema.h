/* SPDX-License-Identifier: MIT */
/*
 * The schema of the snapshot file (heapsnap-snapshot(5)): which struct members stand in which columns of which tables.
 *
 * One description serves to create the tables, to write them and to read them back, so the three cannot disagree. To store something more: add its field
 * or record in schema.c (a long array of numbers: its column in file.c), and its lines in the manual, which tests hold against the tables. A reader of an
 * older file finds the column or table missing and leaves the member as snapshot_init() made it (zero in an array); a reader of a newer one does not ask for
 * what it does not know: both directions work without a new version. SCHEMA_VERSION (PRAGMA user_version) rises only when what is there changes its
 * meaning, which a new word in a column of words does; a reader refuses a version above its own.
 */
#ifndef HEAPSNAP_SNAPSHOT_SCHEMA_H
#define HEAPSNAP_SNAPSHOT_SCHEMA_H

#include <stddef.h>

#include "base/error.h"
#include "snapshot/snapshot.h"

struct sqlite3;

enum {
	SCHEMA_VERSION = 1,
	/** PRAGMA application_id: «hsnp». */
	SCHEMA_APPLICATION = 0x68736e70,
	/** A row of an ordinary table names at most this many bytes; longer strings are refused on reading. */
	SCHEMA_TEXT_MAX = 1 << 20,
};

enum field_kind {
	/** Unsigned, 8 or 4 bytes; UINT64_MAX is NULL. SQLite's numbers are signed, so one from 2^63 on is negative there. */
	FIELD_U64,
	FIELD_U32,
	/** The id of a row, 4 bytes; UINT32_MAX is NULL. */
	FIELD_INDEX,
	/** Signed, 8 or 4 bytes. */
	FIELD_I64,
	FIELD_I32,
	FIELD_FLAG,
	/** char *, owned; NULL is NULL. */
	FIELD_TEXT,
	/** The same where a reader may rely on it: NULL is refused. */
	FIELD_STRING,
	/** char[16], with a NUL. */
	FIELD_NAME16,
	/** An int-sized enum, stored as its word. */
	FIELD_WORD,
	/** const char * to one of the words, borrowed for ever. */
	FIELD_STATIC,
};

struct field {
	const char *name;
	enum field_kind kind;
	/** In the struct. Units: bytes. */
	size_t offset;
	/** For FIELD_WORD and FIELD_STATIC: the words, in the order of the enum; ends in NULL. */
	const char *const *words;
};

/** A table whose rows are the elements of an array. */
struct record {
	const char *table;
	const struct field *fields;
	size_t n_fields;
	/** Of one element. Units: bytes. */
	size_t size;
	/** Most rows that are read: more cannot be. */
	size_t rows_max;
	/** Where the array stands in struct snapshot: an ARRAY(). */
	size_t array;
	/** The part of a snapshot that it belongs to (enum snapshot_part), 0 for what each one has. */
	unsigned part;
};

/** The tables of arrays; ends with a NULL table. */
extern const struct record schema_records[];

/** The members of struct snapshot itself: one row each of table `meta` (key, value). */
extern const struct field schema_meta[];
extern const size_t schema_n_meta;

/** Creates the ordinary tables in an empty database, and says what it is. */
struct error *schema_create(struct sqlite3 *db) _must_check_;

/** Writes the ordinary tables: meta, memory, histogram and the records. */
struct error *schema_write(struct sqlite3 *db, const struct snapshot *snapshot) _must_check_;

/** Reads them, those of parts that are not wanted left out. The snapshot is as snapshot_init() made it; on an error it may hold some of it, and is the caller's to free all the same. */
struct error *schema_read(struct sqlite3 *db, unsigned parts,
			  struct snapshot *snapshot) _must_check_;

#endif
