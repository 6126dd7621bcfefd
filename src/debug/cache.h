/* SPDX-License-Identifier: MIT */
/*
 * What was read of debug information, kept between runs: files of columns in the user's cache directory.
 *
 *	$XDG_CACHE_HOME/heapsnap/types-3f…e1      one file for each kind and identity
 *	    magic, version, checksum of the rest
 *	    identity: the text of what it was read from; the file is good for exactly that
 *	    columns: tag, size of an element, how many, how many bytes packed, the bytes (zstd)
 *
 * Nothing here is needed: what cannot be read, is damaged, is of another version or identity, is somebody else's or may be written by others, is as if it were not
 * there; and what cannot be written is not kept. Directory and files are the user's alone (0700, 0600). A file is written under a name of its own and renamed, so a reader
 * sees all of it or none; when all together grow over CACHE_SIZE_MAX those go that were used longest ago.
 *
 * A checksum does not make content true: whoever loads columns checks each number against what it stands for. Sizes are bounded before memory is taken.
 */
#ifndef HEAPSNAP_DEBUG_CACHE_H
#define HEAPSNAP_DEBUG_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/error.h"

enum {
	/** Counts up when what any kind has changes its form or its meaning. */
	CACHE_VERSION = 2,
	/** Columns of one file. */
	CACHE_COLUMNS_MAX = 64,
	/** Of the identity. Units: bytes. */
	CACHE_IDENTITY_MAX = 1 << 20,
};

/** Of all files together; and of one file, inflated. Units: bytes. */
#define CACHE_SIZE_MAX (UINT64_C(1) << 29)
#define CACHE_ENTRY_MAX (UINT64_C(2) << 30)

struct cache_column;

/** A file that is being put together, or was read. */
struct cache_entry {
	ARRAY(struct cache_column) columns;
	/** The file as it was read. Owned. */
	uint8_t *bytes;
	uint64_t size;
};

/** The directory that the user's environment names: $XDG_CACHE_HOME/heapsnap, else ~/.cache/heapsnap. NULL when it names none. Owner: the caller. */
char *cache_directory(void);

/** Reads the file of a kind and an identity. False when there is none that can be believed. Owner: the caller, cache_entry_deinit(). */
bool cache_load(const char *directory, const char *kind, const char *identity, struct cache_entry *ret);

/** The same of bytes in memory; with `repair` the checksum is taken as right, for tests. Takes the bytes, also when it fails. */
bool cache_load_bytes(uint8_t *bytes, size_t size, const char *identity, bool repair, struct cache_entry *ret);

/** A column that was read: so many elements of a size; NULL when it is not there, is of another size, or does not inflate. One that has no elements is not NULL. Owner: the caller, free(). */
void *cache_column_get(const struct cache_entry *entry, uint32_t tag, size_t element_size, size_t *n_ret);

/** Begins a column. What follows goes to it with cache_column_add(). */
void cache_column_begin(struct cache_entry *entry, uint32_t tag, size_t element_size);

/** Adds elements to the column that was begun last. Copies (packed). */
void cache_column_add(struct cache_entry *entry, const void *elements, size_t n);

/** Writes the file. An error is only for whoever wants to know: nothing depends on it. */
struct error *cache_store(const char *directory, const char *kind, const char *identity, struct cache_entry *entry) _must_check_;

/** The same as bytes in memory. Owner: the caller. */
uint8_t *cache_store_bytes(const char *identity, struct cache_entry *entry, size_t *size_ret);

/** Frees it. */
void cache_entry_deinit(struct cache_entry *entry);
#define _cleanup_cache_entry_ __attribute__((cleanup(cache_entry_deinit)))

#endif
