/* SPDX-License-Identifier: MIT */
/*
 * The DWARF of one module, open, and careful ways to ask it.
 *
 * libdw is trusted to stay inside its buffers, but not to stop: chains of types and of references are followed by hand here, with bounds
 * (dwarf_peel_type() runs in a circle for ever when they do), and sections that would inflate to more than any program's could are
 * not handed to it. Nor does it promise that a string ends inside its section (0.188 looks at none), so names are asked for here.
 *
 * A struct dwarf_file is opened for one question (layout.c), or kept by its module with the tables that were built of it, until
 * modules_deinit() or dwarf_files_release(). One thread at a time.
 */
#ifndef HEAPSNAP_DEBUG_DWARF_H
#define HEAPSNAP_DEBUG_DWARF_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "debug/debug_image.h"
#include "debug/modules.h"

enum {
	/** Typedefs, qualifiers and array types on the way from a type to its struct or base type. */
	TYPE_CHAIN_MAX = 64,
	/** Dimensions of an array. */
	ARRAY_DIMENSIONS_MAX = 16,
};

/** What of an ELF file is read without libdw. */
struct dwarf_sections {
	/** .debug_types, where there is one, is the end of info. */
	struct dwarf_bytes info, abbrev, addr, line, str, line_str, str_offsets, loc, loclists;
	/** Where in info .debug_types begins; 0 for nowhere. */
	uint64_t types_from;
	/** NULL for none. Owned by the file. */
	struct type_units *type_units;
	/** They are those of a split unit, whose addresses begin there in addr, which is the module's. */
	bool is_split;
	uint64_t split_addr_base;
};

/** Tables of variables.c, functions.c, locals.c, scopes.c and definitions.c, private to them. */
struct variable_table;
struct function_table;
struct local_table;
struct scope_table;
struct definition_table;
struct type_units;

struct dwarf_file {
	/** NULL until libdw is wanted (module_dwarf()). */
	Dwarf *dwarf;
	struct debug_image image;
	/** info to str_offsets; the rest once libdw is wanted. */
	struct dwarf_sections sections;
	/** What dwz moved to a file that several share; NULL when it did not, or libdw was not wanted yet. */
	Dwarf *shared;
	struct debug_image shared_image;
	struct dwarf_sections shared_sections;
	Elf *shared_elf;
	int shared_fd;
	/** There is such a file, and it was found. */
	bool has_shared;
	bool sections_were_asked, libdw_was_asked;
	/** Made when first asked for. Owned. */
	struct variable_table *variables;
	struct function_table *functions;
	struct local_table *locals;
	struct scope_table *scopes;
	struct definition_table *definitions;
};

/** Opens the DWARF of a module. False (and nothing to be closed) when there is none, or when the file is missing that dwz moved some of the types
    to: structs would then lack members without a sign. Owner: the caller, dwarf_file_close(). Cost: inflates all debug sections when they
    are compressed; 40–60 ms for libc. */
bool dwarf_file_open(struct dwarf_file *ret, struct modules *modules, struct module *module);

/** Closes it. */
void dwarf_file_close(struct dwarf_file *file);

/** Where the DWARF of a module is, of which nothing was read yet; NULL when it has none, or when the file is missing that dwz moved some of it to. Owner: the module. */
struct dwarf_file *module_dwarf_found(struct modules *modules, struct module *module);

/** The sections of a module that describe types (info, abbrev, addr, str, line_str, str_offsets), read when first asked for; NULL when it has no DWARF. Owner: the module. Cost: that of
    reading and inflating these; libdw is not asked. */
struct dwarf_file *module_dwarf_sections(struct modules *modules, struct module *module);

/** The DWARF of a module with all its sections, opened when first asked for; NULL when there is none, or none that libdw will have. Owner: the module. */
struct dwarf_file *module_dwarf(struct modules *modules, struct module *module);

/** Closes what module_dwarf() opened, of all modules; it may be asked for anew. */
void dwarf_files_release(struct modules *modules);

/** Frees what module_dwarf() gave one module; NULL is accepted. For modules.c. */
void dwarf_file_destroy(struct dwarf_file *file);

/** The sections that hold a DIE: of the file itself or of the shared one. */
const struct dwarf_sections *die_sections(const struct dwarf_file *file, Dwarf_Die *die);

/** Where a DIE is: its offset in info of the file itself, or (is_shared) of the shared one; false when it is in neither. */
bool die_place(const struct dwarf_file *file, const Dwarf_Die *die, uint64_t *offset_ret, bool *is_shared_ret);

/** The DIE at an offset of .debug_info of the file itself. */
bool die_at(const struct dwarf_file *file, uint64_t offset, Dwarf_Die *ret);

/** The name of a DIE, its own or that of the declaration it completes; NULL when it has none, or none that ends inside its section. Borrowed: as long
    as the file. */
const char *die_name(const struct dwarf_file *file, Dwarf_Die *die);

/** An attribute that is a number. */
bool die_number(Dwarf_Die *die, unsigned attribute, uint64_t *ret);

/** The DIE that an attribute refers to. */
bool die_reference(Dwarf_Die *die, unsigned attribute, Dwarf_Die *ret);

/** Goes from a DIE to the one it completes (DW_AT_specification) or is an instance of (DW_AT_abstract_origin), to the last one. False when that chain does
    not end. */
bool die_origin(Dwarf_Die *die);

/** The type of a DIE, or of the declaration it completes. */
bool die_type(Dwarf_Die *die, Dwarf_Die *ret);

/** Takes typedefs and qualifiers off a type, and goes from a declaration to its definition. False at the end of a chain that leads nowhere, or to what the file does
    not define. */
bool type_peel(struct dwarf_file *file, Dwarf_Die *type);

/** Elements of an array type in each dimension, 0 for one without a bound; returns how many dimensions, 0 when there are more than ARRAY_DIMENSIONS_MAX. */
size_t array_dimensions(Dwarf_Die *array, uint64_t counts[ARRAY_DIMENSIONS_MAX]);

/** sizeof a type, and its elements, of all dimensions together, when it is an array (else 1). Units: bytes. */
bool type_size(struct dwarf_file *file, const Dwarf_Die *type, uint64_t *size_ret, uint64_t *count_ret);

/** Where a member lies in its struct; false when that is computed at run time (a virtual base). Units: bytes. */
bool member_offset(Dwarf_Die *member, uint64_t *ret);

#endif
