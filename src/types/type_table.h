/* SPDX-License-Identifier: MIT */
/*
 * The types of a program: what the DWARF of all its modules says, each type once.
 *
 *   modules → type_table_read_all(), or type_table_read() of each and type_table_seal() → ask
 *
 *   type      struct Conn  { 0 id: uint64_t; 8 peer: struct Conn *; 16 link: struct list_head; … }
 *   member    one line of that: where, of what type, and its name; bases of a class and parameters of a template are members too
 *
 * The same struct in many units is one type: equal are kind, qualified name, size, and the names and places of its members. Qualifiers (const,
 * volatile …) are taken off. A struct without a name has that of the typedef which stands for it. A declaration whose definition any module has
 * is, once the table is sealed, that definition.
 *
 * It is *not* the layout by words, which layouts.h has, and knows nothing of memory. Nothing in it points into the debug files: it outlives them.
 * Debug files are hostile: counts, depths, names and references are bounded, and what does not fit is left out (truncated says that).
 */
#ifndef HEAPSNAP_TYPES_TYPE_TABLE_H
#define HEAPSNAP_TYPES_TYPE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/vaddr.h"

struct modules;
struct module;

typedef uint32_t type_id;
#define TYPE_NONE UINT32_MAX

enum type_kind {
	/** «void», and whatever is not described. Type 0, and only that. */
	TYPE_VOID,
	TYPE_BOOL,
	/** Signed and unsigned numbers; characters of one byte are TYPE_CHAR, of more TYPE_UNSIGNED. */
	TYPE_SIGNED,
	TYPE_UNSIGNED,
	TYPE_CHAR,
	TYPE_FLOAT,
	TYPE_ENUM,
	/** target: what it points to; TYPE_REFERENCE of C++ too. */
	TYPE_POINTER,
	TYPE_REFERENCE,
	/** Of C++: to a member of a class. */
	TYPE_MEMBER_POINTER,
	TYPE_FUNCTION,
	/** target: its element; count: how many, all dimensions together, 0 when there is no bound. */
	TYPE_ARRAY,
	TYPE_STRUCT,
	TYPE_CLASS,
	TYPE_UNION,
	/** target: what it stands for. */
	TYPE_TYPEDEF,
	/** Only until the table is sealed: what stands elsewhere. Private. */
	TYPE_FORWARD,
	TYPE_KINDS,
};

enum type_flags {
	/** Mere declaration: no definition in any module. */
	TYPE_IS_DECLARATION = 1 << 0,
	/** Its name is that of a typedef: «Conn», not «struct Conn». */
	TYPE_HAS_TYPEDEF_NAME = 1 << 1,
	/** The name was made up here: «Conn::(anonymous)». */
	TYPE_IS_ANONYMOUS = 1 << 2,
	/** Of C++ or Rust: named without the word struct. */
	TYPE_IS_CLASSY = 1 << 3,
	/** It has a vtable pointer of its own. */
	TYPE_HAS_VPTR = 1 << 4,
	/** Ends in an array without a bound (or of 0 or 1 elements), perhaps that of its last member. */
	TYPE_IS_FLEXIBLE = 1 << 5,
	TYPE_IS_RUST = 1 << 6,
	/** A pointer whose target a rule for containers gave (containers.h). */
	TYPE_BY_CONTAINER = 1 << 7,
};

enum member_kind {
	MEMBER_FIELD,
	/** A base class; that of a virtual base has no place (MEMBER_NO_OFFSET). */
	MEMBER_BASE,
	/** One of an enumeration: offset is its value. */
	MEMBER_ENUMERATOR,
	/** Type parameter of a template: type; a value parameter has its value in offset. */
	MEMBER_TEMPLATE_TYPE,
	MEMBER_TEMPLATE_VALUE,
	/** Of an enum of Rust: where its discriminant lies, and of which type that is. */
	MEMBER_DISCRIMINANT,
	/** The field in front of it is a variant: offset is its discriminant, MEMBER_NO_OFFSET for that of all others. */
	MEMBER_VARIANT,
	MEMBER_KINDS,
};

#define MEMBER_NO_OFFSET UINT64_MAX

struct type_member {
	/** "" for none. Owned by the table; unescaped. */
	const char *name;
	/** From the start of its struct. Units: bytes. */
	uint64_t offset;
	type_id type;
	/** Of a bit-field: its width, else 0, and where it begins, from `offset`. Units: bits. */
	uint16_t bit_size;
	uint8_t bit_offset;
	/** enum member_kind. */
	uint8_t kind;
};

struct type {
	/** Qualified («ns::Conn»), without the word struct; "" for pointers, arrays and functions. Owned by the table; unescaped. */
	const char *name;
	/** sizeof; 0 when it has none or it is not known. Units: bytes. */
	uint64_t size;
	/** Of an array. */
	uint64_t count;
	/** What it points to, stands for, is an array of; else TYPE_NONE. */
	type_id target;
	/** In members: of structs, unions, classes and enums. */
	uint32_t first, n;
	/** enum type_kind; enum type_flags. */
	uint8_t kind, flags;
	/** Index in modules.v of where it was met first. */
	uint16_t module;
};

/** A variable with one fixed place. */
struct type_variable {
	/** In the file's own addresses (add the bias), or an offset in the TLS segment. */
	vaddr start;
	/** Of its DIE in .debug_info. */
	uint64_t die;
	type_id type;
	/** Index in modules.v. */
	uint32_t module;
	bool is_thread_local;
};

/** Types by DIE, of one module; private. */
struct type_dies;
/** Private: what finds equal types. */
struct type_index;

struct type_table {
	/** By type_id. */
	ARRAY(struct type) v;
	ARRAY(struct type_member) members;
	/** Sorted by module, thread-local or not, start, once sealed. */
	ARRAY(struct type_variable) variables;
	/** Something was left out: a file says more than is believed. */
	bool truncated;
	/** Some of it stands in split files, by which no module is told. */
	bool has_split;
	/** Bytes of .debug_info that were read. */
	uint64_t bytes_read;
	/** Private. */
	struct type_dies *dies;
	size_t n_dies;
	struct type_index *index;
};

/** Starts an empty table. */
void type_table_init(struct type_table *table);

/** Frees it. */
void type_table_deinit(struct type_table *table);

/** Reads the DWARF of all modules and seals the table; what was read before is taken from the cache (modules.options.cache_dir), and is put there when it was worth it. Gives which modules have
    DWARF, by index. Owner: the caller. Cost: as type_table_read(); some 0.1 s for 100 MB of .debug_info from the cache. */
bool *type_table_read_all(struct type_table *table, struct modules *modules);

/** Reads the DWARF of one module (by its index) into the table; false when it has none. Cost: linear in .debug_info; see tests/bench. */
bool type_table_read(struct type_table *table, struct modules *modules, size_t module);

/** Ends the reading: declarations become definitions, references lead where they should. */
void type_table_seal(struct type_table *table);

/** The type whose DIE is at an offset of .debug_info of a module, TYPE_NONE when it is none. In the sealed table. Cost: logarithmic. */
type_id type_of_die(const struct type_table *table, size_t module, uint64_t die);

/** The same of the file that dwz made, which the module shares with others. */
type_id type_of_shared_die(const struct type_table *table, size_t module, uint64_t die);

/** The definition of a struct, class, union, enum, base type or typedef by its qualified name, the largest of several; TYPE_NONE when there is none. In the sealed table. Cost: constant. */
type_id type_named(const struct type_table *table, const char *name);

/** One type. Borrowed: as long as the table, and until the next is read. */
static inline const struct type *type_at(const struct type_table *table, type_id id)
{
	return &table->v.v[id];
}

/** Takes typedefs off. TYPE_NONE stays. */
type_id type_strip(const struct type_table *table, type_id id);

/** What a pointer or reference points to, without typedefs: 0 (void) for one that points to nothing known; TYPE_NONE when it is no pointer. */
type_id type_pointee(const struct type_table *table, type_id id);

/** Whether objects of a class begin with a pointer to a vtable, its own or that of its first base. */
bool type_begins_with_vptr(const struct type_table *table, type_id id);

/** Whether objects of a class begin with a pointer to a vtable, its own or that of its first base. */
bool type_begins_with_vptr(const struct type_table *table, type_id id);

/** Whether it is a struct, class or union (typedefs are not taken off). */
static inline bool type_is_aggregate(const struct type_table *table, type_id id)
{
	return id != TYPE_NONE && (type_at(table, id)->kind == TYPE_STRUCT || type_at(table, id)->kind == TYPE_CLASS ||
				   type_at(table, id)->kind == TYPE_UNION);
}

/** The member with a name; NULL when there is none. Borrowed: as long as the table. */
const struct type_member *type_member_named(const struct type_table *table, type_id id, const char *name);

/** The nth (from 0) type parameter of a template's instance; TYPE_NONE when there are fewer. */
type_id type_parameter(const struct type_table *table, type_id id, size_t nth);

/** The type as its language writes it: «struct Conn», «Conn», «char *», «struct Node *[16]». Owner: the caller; unescaped. */
char *type_label(const struct type_table *table, type_id id);

#endif
