/* SPDX-License-Identifier: MIT */
/*
 * All DIEs of a unit, in the order of .debug_info.
 *
 * One pass from front to back, driven by the abbreviations: what a variable index needs is a handful of attributes of a few kinds of DIEs, and
 * everything else can be stepped over without being looked at. That is some five times as fast as asking libdw for each DIE, and nothing
 * that a damaged file says makes it go backwards: the bytes of the sections are its only cost.
 *
 * It is not for the details (names, types, location lists): take the offset to libdw (die_at()) for these.
 * Source: DWARF 5, sections 7.5 and 7.7; DWARF 2 to 4.
 */
#ifndef HEAPSNAP_DEBUG_DIES_H
#define HEAPSNAP_DEBUG_DIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/cursor.h"
#include "base/vaddr.h"
#include "debug/abbrevs.h"
#include "debug/dwarf.h"

struct die_unit {
	/** Of its header, and of what is behind its last byte. */
	uint64_t offset, end;
	/** Of its first DIE, which stands for the unit. */
	uint64_t first;
	uint64_t abbrev_offset;
	/** Where its parts of .debug_addr, .debug_str_offsets and .debug_loclists begin. */
	uint64_t addr_base, str_offsets_base, loclists_base;
	/** DW_AT_low_pc of its first DIE, which the addresses of its lists are relative to. Known once that DIE was read, as are the three before. */
	vaddr base_address;
	/** Of a type unit: its signature, and the type's DIE from the unit's start. Of a unit that is split: the number that both parts have. */
	uint64_t signature, type_offset;
	/** DW_UT_…; DW_UT_compile before DWARF 5. */
	uint8_t type;
	uint8_t version, address_size, offset_size;
};

struct die {
	/** In .debug_info. */
	uint64_t offset;
	unsigned tag;
	/** 0 for the unit's own. */
	unsigned depth;
	bool has_children;
	/** DW_AT_location when it is an expression; NULL for none. */
	const uint8_t *location;
	size_t location_size;
	/** DW_AT_low_pc and DW_AT_high_pc; 0, 0 when one of them is missing. */
	vaddr low, high;
	/** DW_AT_ranges is there. */
	bool has_ranges;
	/** DW_AT_specification or DW_AT_abstract_origin is there. */
	bool has_origin;
	/** DW_AT_sibling; 0 for none. */
	uint64_t sibling;
};

enum link_space {
	LINK_NONE,
	/** An offset in .debug_info of the same file. */
	LINK_INFO,
	/** An offset in .debug_info of the shared file. */
	LINK_SHARED,
};

/** Where a reference leads. */
struct die_link {
	enum link_space space;
	uint64_t to;
};

/** What describes a type, or a variable. */
struct die_facts {
	/** NULL for none. Borrowed: as long as the sections; it ends inside them. */
	const char *name;
	/** DW_AT_type; DW_AT_specification or DW_AT_abstract_origin; DW_AT_signature of a declaration; DW_AT_import is not read. */
	struct die_link type, origin, signature;
	/** DW_AT_byte_size; DW_AT_upper_bound + 1 or DW_AT_count; DW_AT_data_member_location; DW_AT_const_value or DW_AT_discr_value. Valid with the flags below. */
	uint64_t size, count, place, value;
	bool has_size, has_count, has_place, has_value, is_declaration, is_static, is_artificial;
	/** Of a bit-field: its width, and where it is, counted from the start of the struct (DWARF 4 and later). */
	uint64_t bit_size, bit_offset;
	bool has_bit_offset;
	/** DW_AT_encoding of a base type; DW_AT_language of a unit. */
	unsigned encoding, language;
};

struct die_reader {
	const struct dwarf_sections *sections;
	/** Of the shared file, for names; NULL for none. */
	const struct dwarf_sections *shared;
	/** Facts are read, too. */
	bool with_facts;
	struct die_facts facts;
	struct die_unit unit;
	/** The one read last. */
	struct die die;
	/** Private: where its attributes are, and its abbreviation. */
	struct cursor attributes;
	uint32_t abbrev;
	struct abbrevs abbrevs;
	/** Bytes of abbreviations that may still be read. */
	uint64_t budget;
	struct cursor at;
	unsigned depth;
	bool at_end;
};

/** Reads the header of the unit at an offset; false when there is none, or none that is known. unit.end is set whenever there is a next unit to go on with (else 0). */
bool die_unit_read(const struct dwarf_sections *sections, uint64_t offset, struct die_unit *ret);

/** Begins to read. Borrows the sections until die_reader_deinit(). */
void die_reader_init(struct die_reader *reader, const struct dwarf_sections *sections);

/** Has it read reader->facts of all DIEs that describe types or variables. `shared` may be NULL. Before the first unit. */
void die_reader_with_facts(struct die_reader *reader, const struct dwarf_sections *shared);

/** Frees what it holds. */
void die_reader_deinit(struct die_reader *reader);

/** Goes to the unit whose header is at an offset; false when there is none, or none that can be read. reader->unit.end is set whenever there is a next unit to go
    on with (else 0), so a loop over all units is

	for (uint64_t at = 0; die_reader_unit(&reader, at) || reader.unit.end; at = reader.unit.end) */
bool die_reader_unit(struct die_reader *reader, uint64_t offset);

/** Goes to one DIE of a unit; die_reader_next() then gives it, at depth 0, and all below it. False when the unit cannot be read. */
bool die_reader_seek(struct die_reader *reader, uint64_t unit_offset, uint64_t die_offset);

/** Reads the next DIE of the unit, the unit's own first; false at its end. */
bool die_reader_next(struct die_reader *reader);

/** What an attribute has. */
enum die_value_kind {
	/** A number or a flag (1). */
	DIE_NUMBER,
	DIE_ADDRESS,
	/** Of a DIE: an offset in .debug_info. */
	DIE_REFERENCE,
	/** Ends inside its section. */
	DIE_STRING,
	/** Bytes, an expression among others. */
	DIE_BLOCK,
	/** An offset in another section. */
	DIE_SECTION,
	/** A number in the unit's table of location lists. */
	DIE_LIST,
	/** Anything that leads out of the file or is not known. */
	DIE_OTHER,
};

struct die_value {
	/** DW_AT_…. */
	uint16_t name;
	enum die_value_kind kind;
	/** Of a string or block, else 0. Units: bytes. */
	size_t size;
	union {
		uint64_t number;
		/** Borrowed: as long as the sections. */
		const uint8_t *bytes;
		const char *string;
	};
};

/** Reads the attributes of the DIE that was read last: how many, `max` at most. Cost: some 5 ns an attribute. */
size_t die_reader_values(const struct die_reader *reader, struct die_value *values, size_t max);

/** The value of an attribute; NULL when it is not among them. */
const struct die_value *die_value_find(const struct die_value *values, size_t n, unsigned name);

/** Leaves the children out of the DIE that was read last. Cost: constant with DW_AT_sibling, else that of reading them. */
void die_reader_skip(struct die_reader *reader);

/** An address by its index in .debug_addr. */
bool die_reader_address(const struct die_reader *reader, uint64_t index, vaddr *ret);

enum {
	/** How deep DIEs are looked for below that of their unit. */
	ANCESTORS_MAX = 64,
};

#endif
