/* SPDX-License-Identifier: MIT */
/*
 * What the DWARF of a module declares, as far as pointers go: types with the members that are pointers or hold some, variables with a fixed place, functions.
 *
 * One pass over .debug_info, kept in tables by DIE offset; the bodies of functions (variables, call sites) are read when their code is (bodies.h). Which of
 * them are the same type, canonical.h says.
 */
#ifndef HEAPSNAP_CODE_DECLARATIONS_H
#define HEAPSNAP_CODE_DECLARATIONS_H

#include <dwarf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "code/facts.h"
#include "code/keys.h"
#include "debug/dies.h"
#include "debug/dwarf.h"

enum {
	/** canonical of a record that was not looked at yet. */
	CANONICAL_UNKNOWN = -2,
};

/** A DIE of a type. */
struct type_record {
	/** In .debug_info: of itself, and of the type that it is made of (0 for none). */
	uint64_t die, target;
	/** sizeof; of an array all elements together. 0 when it is not said. Units: bytes. */
	uint64_t size;
	/** Its own, or that of the first typedef of it. Borrowed from the DWARF; NULL for none. */
	const char *name;
	/** Of what it stands in and its name. */
	uint64_t key;
	uint16_t tag;
	bool is_declaration;
	/** A floating-point number; a class that is passed by reference. */
	bool is_float, is_by_reference;
	/** In members; parameters of a function type. */
	uint32_t first, count;
	/** Private: what type_record_peel() found last time. */
	uint32_t peeled;
	/** Index in code_facts.types of the type itself; CODE_NONE for void and functions. */
	int32_t canonical;
};

struct member_record {
	/** Index of its struct in types. */
	uint32_t owner;
	uint64_t offset;
	/** DIE of its type. */
	uint64_t type;
	/** Its place in .debug_info among all members. */
	uint32_t order;
};

/** Anything whose type another DIE may ask for by abstract_origin or specification. */
struct object_record {
	uint64_t die, type;
};

struct global_record {
	/** File address. */
	vaddr start;
	/** Of the definition; type may be that of its declaration. */
	uint64_t die, type;
};

struct function_record {
	uint64_t die;
	/** Header of its unit. */
	uint64_t unit;
	/** DIE that it completes, or is an instance of; 0 for none. */
	uint64_t origin;
	/** Of the result; 0 for none. */
	uint64_t type;
	/** Linkage name where there is one, for imports; and the name for people. Borrowed from the DWARF; NULL for none. */
	const char *linkage_name, *name;
	vaddr low, high;
	bool has_ranges;
	/** In parameters. */
	uint32_t first, count;
};

struct parameter_record {
	/** Its DIE, and its type (0: ask its origin). */
	uint64_t die, type, origin;
	/** Where it is when the function begins, as a DWARF number; REGISTER_NONE when DWARF does not say a register. */
	uint8_t reg;
};

struct declarations {
	uint32_t module;
	struct dwarf_file *file;
	/** By DIE. */
	ARRAY(struct type_record) types;
	/** By owner, then offset, then order. */
	ARRAY(struct member_record) members;
	/** By DIE. */
	ARRAY(struct object_record) objects;
	/** By start. */
	ARRAY(struct global_record) globals;
	/** By DIE. */
	ARRAY(struct function_record) functions;
	ARRAY(struct parameter_record) parameters;
	/** From a name to the index of a function that has parameters or a result. */
	struct keys by_name;
	/** From (key, 0) to the index of a struct's definition. */
	struct keys definitions;
	bool truncated;
};

/** A struct, class or union. */
static inline bool tag_is_aggregate(unsigned tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

/** A pointer or reference. */
static inline bool tag_is_pointer(unsigned tag)
{
	return tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type || tag == DW_TAG_rvalue_reference_type;
}

/** Reads the DWARF of a module. Borrows the file. Owner: the caller, declarations_deinit(). */
void declarations_read(struct declarations *declarations, uint32_t module, struct dwarf_file *file);

/** Frees them. */
void declarations_deinit(struct declarations *declarations);

/** The record of a type by its DIE; NULL when there is none. */
struct type_record *type_record_at(const struct declarations *declarations, uint64_t die);

/** The type of a variable or parameter by its DIE; 0 when it is not said. */
uint64_t object_type(const struct declarations *declarations, uint64_t die);

/** The function by its DIE; NULL when there is none. */
const struct function_record *function_record_at(const struct declarations *declarations, uint64_t die);

/** What a function has that it completes, or is an instance of: the record that says most. */
const struct function_record *function_record_origin(const struct declarations *declarations, const struct function_record *function);

/** Goes through typedefs and qualifiers; NULL for void, or when there is no record. */
struct type_record *type_record_peel(const struct declarations *declarations, uint64_t die);

/** sizeof by DIE; 0 when it is not known. */
uint64_t type_record_size(const struct declarations *declarations, uint64_t die);

/** The variable that covers a file address, and its offset there; NULL when there is none. */
const struct global_record *global_at(const struct declarations *declarations, vaddr address, uint64_t *offset_ret);

#endif
