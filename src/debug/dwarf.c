/* SPDX-License-Identifier: MIT */
#include "debug/dwarf.h"

#include <dwarf.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/debug_files.h"
#include "debug/definitions.h"
#include "debug/elf_file.h"
#include "debug/functions.h"
#include "debug/locals.h"
#include "debug/scopes.h"
#include "debug/type_units.h"
#include "debug/variables.h"

enum {
	/** References from a DIE to what it completes. */
	ORIGINS_MAX = 16,
	/** DIEs below an array type. */
	ARRAY_CHILDREN_MAX = 64,
	POINTER_SIZE = 8,
	/** Of a name, with its NUL; those of templates are long. */
	NAME_LENGTH_MAX = 1 << 16,
};

/* ---- files ---- */

/* The sections that describe types. */
static struct dwarf_sections type_sections_of(struct debug_image *image)
{
	struct dwarf_sections sections = {
		.abbrev = debug_image_section(image, ".debug_abbrev"),
		.addr = debug_image_section(image, ".debug_addr"),
		.str = debug_image_section(image, ".debug_str"),
		.line_str = debug_image_section(image, ".debug_line_str"),
		.str_offsets = debug_image_section(image, ".debug_str_offsets"),
	};

	sections.info = debug_image_units(image, ".debug_info", ".debug_types", &sections.types_from);
	sections.type_units = type_units_read(&sections);
	return sections;
}

static void other_sections_read(struct debug_image *image, struct dwarf_sections *sections)
{
	sections->line = debug_image_section(image, ".debug_line");
	sections->loc = debug_image_section(image, ".debug_loc");
	sections->loclists = debug_image_section(image, ".debug_loclists");
}

/* Finds the shared file that dwz made, by what .gnu_debugaltlink says: a name, and a build ID. (Left alone, libdw opens that file by its name, whatever stands there.) */
static bool shared_open(struct dwarf_file *file, struct modules *modules, struct module *module, const Elf_Data *link)
{
	const char *name = link ? link->d_buf : NULL;
	size_t length = name ? strnlen(name, link->d_size) : 0;
	struct build_id build_id;

	if (!length || length >= link->d_size || link->d_size - length - 1 > BUILD_ID_MAX)
		return false;
	build_id.size = link->d_size - length - 1;
	memcpy(build_id.bytes, name + length + 1, build_id.size);
	file->shared_elf = module_shared_debug_file(modules, module, name, &build_id, &file->shared_fd);
	file->has_shared = debug_image_open(&file->shared_image, file->shared_elf, file->shared_fd);
	return file->has_shared;
}

/* Finds the sections of a module, and of the file that it shares. Nothing of them is read. */
static bool file_find(struct dwarf_file *ret, struct modules *modules, struct module *module)
{
	Elf *elf = module_debug_file(modules, module);
	struct dwarf_file file = { .shared_fd = -1 };
	Elf_Scn *link;
	GElf_Shdr header;

	if (!debug_image_open(&file.image, elf, elf == module->elf ? module->fd : module->debug_fd))
		return false;
	link = section_named(elf, ".gnu_debugaltlink", &header);
	if (link && !shared_open(&file, modules, module, section_bytes(link))) {
		dwarf_file_close(&file);
		return false;
	}
	*ret = file;
	return true;
}

/* Has the sections that describe types; false when there is no .debug_info that can be read. */
static bool sections_read(struct dwarf_file *file)
{
	if (!file->sections_were_asked) {
		file->sections_were_asked = true;
		file->sections = type_sections_of(&file->image);
		if (file->has_shared)
			file->shared_sections = type_sections_of(&file->shared_image);
	}
	return file->sections.info.size;
}

/* Has the rest of the sections, and libdw; false when that will not have the file. */
static bool libdw_open(struct dwarf_file *file)
{
	if (file->libdw_was_asked)
		return file->dwarf != NULL;
	file->libdw_was_asked = true;
	other_sections_read(&file->image, &file->sections);
	if (file->has_shared) {
		other_sections_read(&file->shared_image, &file->shared_sections);
		file->shared = dwarf_begin_elf(debug_image_elf(&file->shared_image), DWARF_C_READ, NULL);
		if (!file->shared)
			return false;
	}
	file->dwarf = dwarf_begin_elf(debug_image_elf(&file->image), DWARF_C_READ, NULL);
	if (file->dwarf && file->shared)
		dwarf_setalt(file->dwarf, file->shared);
	return file->dwarf != NULL;
}

bool dwarf_file_open(struct dwarf_file *ret, struct modules *modules, struct module *module)
{
	struct dwarf_file file;

	if (!file_find(&file, modules, module))
		return false;
	if (!sections_read(&file) || !libdw_open(&file)) {
		dwarf_file_close(&file);
		return false;
	}
	*ret = file;
	return true;
}

void dwarf_file_close(struct dwarf_file *file)
{
	variable_table_destroy(file->variables);
	function_table_destroy(file->functions);
	local_table_destroy(file->locals);
	scope_table_destroy(file->scopes);
	definition_table_destroy(file->definitions);
	if (file->dwarf)
		dwarf_end(file->dwarf);
	if (file->shared)
		dwarf_end(file->shared);
	type_units_destroy(file->sections.type_units);
	type_units_destroy(file->shared_sections.type_units);
	debug_image_close(&file->image);
	debug_image_close(&file->shared_image);
	if (file->shared_elf)
		elf_end(file->shared_elf);
	cleanup_close(&file->shared_fd);
	*file = (struct dwarf_file){ .shared_fd = -1 };
}

struct dwarf_file *module_dwarf_found(struct modules *modules, struct module *module)
{
	struct dwarf_file file;

	if (module->dwarf_looked_for)
		return module->dwarf;
	module->dwarf_looked_for = true;
	if (file_find(&file, modules, module))
		module->dwarf = xmemdup(&file, sizeof(file));
	return module->dwarf;
}

struct dwarf_file *module_dwarf_sections(struct modules *modules, struct module *module)
{
	struct dwarf_file *file = module_dwarf_found(modules, module);

	return file && sections_read(file) ? file : NULL;
}

struct dwarf_file *module_dwarf(struct modules *modules, struct module *module)
{
	struct dwarf_file *file = module_dwarf_sections(modules, module);

	return file && libdw_open(file) ? file : NULL;
}

void dwarf_file_destroy(struct dwarf_file *file)
{
	if (file)
		dwarf_file_close(file);
	free(file);
}

void dwarf_files_release(struct modules *modules)
{
	for (size_t i = 0; i < modules->v.n; i++) {
		struct module *module = &modules->v.v[i];

		dwarf_file_destroy(take_pointer(module->dwarf));
		module->dwarf_looked_for = false;
	}
}

/* ---- DIEs ---- */

const struct dwarf_sections *die_sections(const struct dwarf_file *file, Dwarf_Die *die)
{
	return file->shared && dwarf_cu_getdwarf(die->cu) == file->shared ? &file->shared_sections : &file->sections;
}

bool die_at(const struct dwarf_file *file, uint64_t offset, Dwarf_Die *ret)
{
	uint64_t types_from = file->sections.types_from;

	if (types_from && offset >= types_from)
		return dwarf_offdie_types(file->dwarf, offset - types_from, ret) != NULL;
	return dwarf_offdie(file->dwarf, offset, ret) != NULL;
}

/* Whether an address lies in a section, and where. */
static bool bytes_have(const struct dwarf_bytes *bytes, const void *address, uint64_t *offset_ret)
{
	uintptr_t start = (uintptr_t)bytes->bytes, at = (uintptr_t)address;

	if (!bytes->bytes || at < start || at - start >= bytes->size)
		return false;
	*offset_ret = at - start;
	return true;
}

bool die_place(const struct dwarf_file *file, const Dwarf_Die *die, uint64_t *offset_ret, bool *is_shared_ret)
{
	// libdw reads the very bytes.
	*is_shared_ret = !bytes_have(&file->sections.info, die->addr, offset_ret);
	return !*is_shared_ret || bytes_have(&file->shared_sections.info, die->addr, offset_ret);
}

static bool string_ends_in(const struct dwarf_bytes *section, const char *string)
{
	const char *start = (const char *)section->bytes, *end;

	if (!start)
		return false;
	end = start + section->size;
	if (string < start || string >= end)
		return false;
	return memchr(string, 0, end - string < NAME_LENGTH_MAX ? (size_t)(end - string) : NAME_LENGTH_MAX) != NULL;
}

static bool string_ends(const struct dwarf_sections *sections, const char *string)
{
	return string_ends_in(&sections->str, string) || string_ends_in(&sections->info, string) || string_ends_in(&sections->line_str, string);
}

const char *die_name(const struct dwarf_file *file, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	const char *string = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));

	return string && (string_ends(&file->sections, string) || string_ends(&file->shared_sections, string)) ? string : NULL;
}

bool die_number(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
		return false;
	*ret = value;
	return true;
}

bool die_reference(Dwarf_Die *die, unsigned name, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Die found;

	if (!dwarf_attr(die, name, &attribute) || !dwarf_formref_die(&attribute, &found))
		return false;
	*ret = found;
	return true;
}

bool die_origin(Dwarf_Die *die)
{
	for (int i = 0; i < ORIGINS_MAX; i++) {
		if (!die_reference(die, DW_AT_specification, die) && !die_reference(die, DW_AT_abstract_origin, die))
			return true;
	}
	return false;
}

bool die_type(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Die found;

	if (!dwarf_attr_integrate(die, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, &found))
		return false;
	*ret = found;
	return true;
}

/* ---- types ---- */

bool type_peel(struct dwarf_file *file, Dwarf_Die *type)
{
	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		switch (dwarf_tag(type)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
			if (!die_reference(type, DW_AT_type, type))
				return false;
			break;
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
		case DW_TAG_enumeration_type:
			// The definition may be in a type unit (-fdebug-types-section).
			if (die_reference(type, DW_AT_signature, type))
				break;
			return !dwarf_hasattr(type, DW_AT_declaration) || definition_find(file, type);
		default:
			return true;
		}
	}
	return false;
}

size_t array_dimensions(Dwarf_Die *array, uint64_t counts[ARRAY_DIMENSIONS_MAX])
{
	Dwarf_Die dimension;
	size_t n = 0;

	if (dwarf_child(array, &dimension) != 0)
		return 0;
	for (int i = 0; i < ARRAY_CHILDREN_MAX; i++) {
		uint64_t upper;

		if (dwarf_tag(&dimension) == DW_TAG_subrange_type) {
			if (n == ARRAY_DIMENSIONS_MAX)
				return 0;
			counts[n] = 0;
			if (!die_number(&dimension, DW_AT_count, &counts[n]) && die_number(&dimension, DW_AT_upper_bound, &upper))
				counts[n] = upper + 1;
			n++;
		}
		if (dwarf_siblingof(&dimension, &dimension) != 0)
			break;
	}
	return n;
}

static uint64_t array_count(Dwarf_Die *array)
{
	uint64_t counts[ARRAY_DIMENSIONS_MAX], count = 1;
	size_t n = array_dimensions(array, counts);

	for (size_t i = 0; i < n; i++) {
		if (__builtin_mul_overflow(count, counts[i], &count))
			return 0;
	}
	return n ? count : 0;
}

bool type_size(struct dwarf_file *file, const Dwarf_Die *type_in, uint64_t *size_ret, uint64_t *count_ret)
{
	Dwarf_Die type = *type_in;
	uint64_t count = 1, size;

	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		if (!type_peel(file, &type))
			return false;
		if (die_number(&type, DW_AT_byte_size, &size)) {
			if (__builtin_mul_overflow(size, count, &size))
				return false;
			*size_ret = size;
			*count_ret = count;
			return true;
		}
		switch (dwarf_tag(&type)) {
		case DW_TAG_pointer_type:
		case DW_TAG_reference_type:
		case DW_TAG_rvalue_reference_type:
			if (__builtin_mul_overflow(POINTER_SIZE, count, size_ret))
				return false;
			*count_ret = count;
			return true;
		case DW_TAG_array_type:
			if (__builtin_mul_overflow(count, array_count(&type), &count))
				return false;
			break;
		case DW_TAG_enumeration_type:
			// One without a size has that of its type.
			break;
		default:
			return false;
		}
		if (!die_reference(&type, DW_AT_type, &type))
			return false;
	}
	return false;
}

bool member_offset(Dwarf_Die *member, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (dwarf_attr(member, DW_AT_data_member_location, &attribute)) {
		Dwarf_Op *ops;
		size_t n;

		if (dwarf_formudata(&attribute, &value) == 0) {
			*ret = value;
			return true;
		}
		// DWARF 2 has an expression here.
		if (dwarf_getlocation(&attribute, &ops, &n) != 0 || n != 1 || ops[0].atom != DW_OP_plus_uconst)
			return false;
		*ret = ops[0].number;
		return true;
	}
	if (die_number(member, DW_AT_data_bit_offset, &value)) {
		*ret = value / 8;
		return true;
	}
	// A union's members have none.
	*ret = 0;
	return true;
}
