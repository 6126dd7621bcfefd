/* SPDX-License-Identifier: MIT */
/*
 * The types of one unit as they are written, with references. Private to the type reader:
 *
 *   raw_types.c    DIEs of a unit → raw types
 *   unit_types.c   raw types → types of the table, each once
 *   type_reader.c  all units of all files of a module
 */
#ifndef HEAPSNAP_TYPES_RAW_TYPES_H
#define HEAPSNAP_TYPES_RAW_TYPES_H

#include <dwarf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/array.h"
#include "debug/dies.h"
#include "types/type_index.h"
#include "types/type_table.h"

struct module;
struct modules;

enum {
	NO_RAW = -1,
	/** Names whose hash is remembered, a power of two: most of a unit's names are those of the unit before, and long. */
	NAMES_BITS = 15,
	/** In struct raw: done is a type_id; */
	RAW_NEW = 0,
	RAW_BUSY = 1,
	RAW_DONE = 2,
};

/** What gives names to what stands in it. */
struct scope {
	const char *name;
	/** Index; -1 at the top. */
	int32_t parent;
	uint64_t hash;
};

/** A struct die_link in half the room. */
struct raw_link {
	/** LINK_NONE, LINK_INFO or LINK_SHARED. */
	uint64_t space : 2, to : 62;
};

struct raw_member {
	const char *name;
	uint64_t offset;
	struct raw_link type;
	/** The next of the same type; -1 at the end. */
	int32_t next;
	uint16_t bit_size;
	uint8_t bit_offset, kind;
};

struct raw {
	uint64_t offset, size, count;
	const char *name;
	struct raw_link type, origin, signature;
	/** Around it, and the one that it is for others. */
	int32_t scope, own_scope;
	int32_t first, last;
	uint32_t n;
	type_id id;
	uint16_t tag;
	uint8_t state, encoding;
	bool is_declaration, has_size, has_typedef_name, is_resolved, has_vptr, is_unbounded, has_dimension;
};

/** A variable, or a declaration of one that another DIE completes. */
struct raw_variable {
	uint64_t offset;
	struct raw_link type, origin;
	vaddr start;
	bool has_place, is_thread_local;
};

/** The hash of a name that was met. The linker keeps each text once, so it is known by where it is. */
struct known_name {
	const char *name;
	uint64_t hash;
};

struct type_reader {
	struct type_table *table;
	const struct module *module;
	uint32_t module_index;
	/** Index in table.dies of this file, and of the shared one (UINT32_MAX: none). */
	uint32_t file, shared_file;
	struct die_reader dies;
	/** Of the unit at hand. */
	ARRAY(struct raw) raws;
	ARRAY(struct raw_member) members;
	ARRAY(struct raw_variable) variables;
	ARRAY(struct scope) scopes;
	/** Variables whose type a DIE of another unit has (link-time optimisation). */
	ARRAY(struct raw_variable) distant;
	/** Structs whose members' types are still to be found. */
	ARRAY(int32_t) pending;
	/** Which bytes of the unit are where a raw type is; and how many before each 64 of them. */
	ARRAY(uint64_t) bits;
	ARRAY(uint32_t) ranks;
	/** 1 << NAMES_BITS of them. */
	struct known_name *names;
	bool is_c, is_rust;
};

/** The hash of a name. */
static inline uint64_t name_hash(const struct type_reader *reader, const char *name)
{
	struct known_name *known = &reader->names[(uint64_t)(uintptr_t)name * UINT64_C(0x9e3779b97f4a7c15) >> (64 - NAMES_BITS)];

	if (known->name != name)
		*known = (struct known_name){ name, hash_bytes(name, strnlen(name, TYPE_NAME_MAX)) };
	return known->hash;
}

/** That of a scope. */
static inline uint64_t scope_hash(const struct type_reader *reader, int32_t scope)
{
	return scope < 0 ? UINT64_C(0x51ed270b) : reader->scopes.v[scope].hash;
}

/** Makes the hash of a scope, that of the one around it being known. */
static inline void scope_hash_set(struct type_reader *reader, int32_t index)
{
	struct scope *scope = &reader->scopes.v[index];

	scope->hash = hash_mix(scope_hash(reader, scope->parent), name_hash(reader, scope->name));
}

/** The raw type at an offset, once the unit was read; NO_RAW when there is none in this unit. Cost: constant. */
static inline int32_t raw_at(const struct type_reader *reader, uint64_t offset)
{
	uint64_t bit = offset - reader->dies.unit.offset;
	size_t word = bit / 64;

	if (offset < reader->dies.unit.offset || word >= reader->bits.n || !(reader->bits.v[word] >> bit % 64 & 1))
		return NO_RAW;
	return (int32_t)(reader->ranks.v[word] + (uint32_t)__builtin_popcountll(reader->bits.v[word] & ((UINT64_C(1) << bit % 64) - 1)));
}

/** A kind that gets the name of a typedef when it has none. */
static inline bool tag_is_named(unsigned tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type || tag == DW_TAG_interface_type;
}

/** Reads the unit that reader->dies is at. */
void raw_types_read(struct type_reader *reader);

/** Gives each raw type of the unit its type. */
void unit_types_keep(struct type_reader *reader);

/** Gives variables that are completed in another unit than they are declared in their types, when all units were read. */
void unit_types_keep_distant(struct type_reader *reader, struct modules *modules);

#endif
