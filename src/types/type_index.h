/* SPDX-License-Identifier: MIT */
/*
 * What the type table is built with: text that is kept once, and types by what makes them equal. Private to type_table.c, the type reader and type_cache.c.
 */
#ifndef HEAPSNAP_TYPES_TYPE_INDEX_H
#define HEAPSNAP_TYPES_TYPE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "types/type_table.h"

enum {
	/** Of all modules together. */
	TYPES_MAX = 1 << 23,
	TYPE_MEMBERS_MAX = 1 << 25,
	TYPE_VARIABLES_MAX = 1 << 23,
	/** Of one name, unqualified or qualified. Units: bytes. */
	TYPE_NAME_MAX = 1 << 14,
};

/** Of all names together. Units: bytes. */
#define TYPE_TEXT_MAX (UINT64_C(1) << 29)

/** Numbers by hash. Equal hashes are equal things: 64 bits are taken at their word. */
struct hash_map {
	struct {
		uint64_t hash;
		uint32_t value;
	} *v;
	/** Entries in use; room for them, a power of two. */
	size_t n, capacity;
};

/** What a reference led to that was not there yet. */
struct type_forward {
	type_id type;
	/** Index in dies. */
	uint32_t file;
	uint64_t die;
};

typedef ARRAY(type_id) type_id_array;

/** Text, filled from its end down. Units: bytes. */
struct text_piece {
	char *bytes;
	size_t size, left;
};

struct type_index {
	/** By what makes types equal; definitions by name. */
	struct hash_map equal, named;
	/** Pointers and references to each type, TYPE_NONE for none yet: what is asked for most. */
	type_id_array pointers, references;
	/** Text by what it says: offsets in texts. */
	struct hash_map texts_by_hash;
	ARRAY(const char *) texts;
	/** Where text is kept; pieces never move. */
	ARRAY(struct text_piece) pieces;
	size_t text_size;
	ARRAY(struct type_forward) forwards;
};

struct type_die {
	/** .debug_info is never larger (debug_image.h). */
	uint32_t offset;
	type_id type;
};

struct type_dies {
	/** Index in modules.v, and whether it is the file that dwz made. */
	uint32_t module;
	bool is_shared;
	/** It is of a split unit, to whose DIEs nothing leads from outside. */
	bool is_split;
	/** Ascending by offset. */
	ARRAY(struct type_die) v;
};

/** Mixes a number into a hash. */
static inline uint64_t hash_mix(uint64_t hash, uint64_t more)
{
	hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/** The hash of some bytes. */
uint64_t hash_bytes(const char *bytes, size_t length);

/** The number of a hash; UINT32_MAX when there is none. */
uint32_t hash_map_get(const struct hash_map *map, uint64_t hash);

/** Sets the number of a hash. */
void hash_map_set(struct hash_map *map, uint64_t hash, uint32_t value);

/** Frees it. */
void hash_map_deinit(struct hash_map *map);

/** The text, kept as long as the table, and once; "" when there is no room for it. */
const char *type_index_text(struct type_index *index, const char *text, size_t length);

/** Finds definitions by their names; part of sealing. */
void type_index_names(struct type_table *table);

/** The type of a DIE as far as the file has been read; TYPE_NONE when there is none. */
type_id type_dies_find(const struct type_dies *dies, uint64_t offset);

#endif
