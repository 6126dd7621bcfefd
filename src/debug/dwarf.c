/* SPDX-License-Identifier: MIT */
#include "debug/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/definitions.h"
#include "debug/functions.h"
#include "debug/locals.h"
#include "debug/scopes.h"
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

/** Bytes that all debug sections of a file may have when inflated. */
#define DWARF_SIZE_MAX (UINT64_C(4) << 30)

/* ---- files ---- */

/* Whether libdw, which inflates every debug section at once, may be let at a file. */
static bool dwarf_is_sane(Elf *elf)
{
	uint64_t total = 0;

	for (Elf_Scn *section = elf_nextscn(elf, NULL); section; section = elf_nextscn(elf, section)) {
		GElf_Shdr header;
		GElf_Chdr compressed;

		if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS || (header.sh_flags & SHF_ALLOC))
			continue;
		uint64_t size = header.sh_size;
		if ((header.sh_flags & SHF_COMPRESSED) && gelf_getchdr(section, &compressed))
			size = compressed.ch_size;
		if (size > DWARF_SIZE_MAX || (total += size) > DWARF_SIZE_MAX)
			return false;
	}
	return true;
}

/* The bytes of a debug section, once libdw has inflated it. */
static struct dwarf_bytes bytes_of(Elf *elf, const char *name)
{
	char old_name[32];
	GElf_Shdr header;
	Elf_Scn *section = section_named(elf, name, &header);

	if (!section) {
		// .debug_info → .zdebug_info, as GNU compressed them before ELF had a flag for it.
		snprintf(old_name, sizeof(old_name), ".z%s", name + 1);
		section = section_named(elf, old_name, &header);
	}

	const Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;

	return data && data->d_buf ? (struct dwarf_bytes){ data->d_buf, data->d_size } : (struct dwarf_bytes){ NULL, 0 };
}

static struct dwarf_sections sections_of(Elf *elf)
{
	return (struct dwarf_sections){
		.info = bytes_of(elf, ".debug_info"),
		.abbrev = bytes_of(elf, ".debug_abbrev"),
		.addr = bytes_of(elf, ".debug_addr"),
		.line = bytes_of(elf, ".debug_line"),
		.str = bytes_of(elf, ".debug_str"),
		.line_str = bytes_of(elf, ".debug_line_str"),
		.str_offsets = bytes_of(elf, ".debug_str_offsets"),
		.loc = bytes_of(elf, ".debug_loc"),
		.loclists = bytes_of(elf, ".debug_loclists"),
	};
}

/* Opens the shared file that dwz made. (Left alone, libdw opens that file by the name that it finds, whatever stands there.) */
static bool shared_open(struct dwarf_file *file, struct modules *modules, struct module *module)
{
	struct build_id build_id;
	const char *name;
	const void *id;
	ssize_t size = dwelf_dwarf_gnu_debugaltlink(file->dwarf, &name, &id);

	if (size <= 0 || size > BUILD_ID_MAX)
		return false;
	build_id.size = (size_t)size;
	memcpy(build_id.bytes, id, (size_t)size);
	file->shared_elf = module_shared_debug_file(modules, module, name, &build_id, &file->shared_fd);
	if (!file->shared_elf || !dwarf_is_sane(file->shared_elf))
		return false;
	file->shared = dwarf_begin_elf(file->shared_elf, DWARF_C_READ, NULL);
	if (!file->shared)
		return false;
	dwarf_setalt(file->dwarf, file->shared);
	file->shared_sections = sections_of(file->shared_elf);
	return true;
}

bool dwarf_file_open(struct dwarf_file *ret, struct modules *modules, struct module *module)
{
	Elf *elf = module_debug_file(modules, module);
	struct dwarf_file file = { .shared_fd = -1 };
	GElf_Shdr header;

	if ((!section_named(elf, ".debug_info", &header) && !section_named(elf, ".zdebug_info", &header)) || !dwarf_is_sane(elf))
		return false;
	file.dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!file.dwarf)
		return false;
	file.sections = sections_of(elf);
	if (section_named(elf, ".gnu_debugaltlink", &header) && !shared_open(&file, modules, module)) {
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
	if (file->shared_elf)
		elf_end(file->shared_elf);
	cleanup_close(&file->shared_fd);
	*file = (struct dwarf_file){ .shared_fd = -1 };
}

struct dwarf_file *module_dwarf(struct modules *modules, struct module *module)
{
	struct dwarf_file file;

	if (module->dwarf_looked_for)
		return module->dwarf;
	module->dwarf_looked_for = true;
	if (dwarf_file_open(&file, modules, module))
		module->dwarf = xmemdup(&file, sizeof(file));
	return module->dwarf;
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
	return dwarf_offdie(file->dwarf, offset, ret) != NULL;
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
