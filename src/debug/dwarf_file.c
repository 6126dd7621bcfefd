/* SPDX-License-Identifier: MIT */
#include "debug/dwarf_file.h"

#include <dwarf.h>
#include <elfutils/libdwelf.h>
#include <string.h>

#include "base/cleanup.h"

enum {
	/** Typedefs, qualifiers and array types on the way from a type to its struct or base type. */
	TYPE_CHAIN_MAX = 64,
};

/** Bytes that all debug sections of a file may have when inflated. */
#define DWARF_SIZE_MAX (UINT64_C(4) << 30)

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

static void strings_add(struct dwarf_file *file, Elf *elf)
{
	static const char *const names[] = {".debug_info", ".debug_str", ".debug_line_str", ".zdebug_info", ".zdebug_str"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		GElf_Shdr header;
		Elf_Scn *section = section_named(elf, names[i], &header);
		// libdw has inflated it by now.
		const Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;

		if (data && data->d_buf)
			array_append(&file->sections, (struct string_section){data->d_buf, (const char *)data->d_buf + data->d_size});
	}
}

void dwarf_file_close(struct dwarf_file *file)
{
	if (file->dwarf)
		dwarf_end(file->dwarf);
	if (file->shared)
		dwarf_end(file->shared);
	if (file->shared_elf)
		elf_end(file->shared_elf);
	cleanup_close(&file->shared_fd);
	array_deinit(&file->sections);
	*file = (struct dwarf_file){.shared_fd = -1};
}

/* (Left alone, libdw opens the shared file by the name that it finds, whatever stands there.) */
static bool open_both(struct dwarf_file *file, struct modules *modules, struct module *module)
{
	Elf *elf = module_debug_file(modules, module);
	struct build_id build_id;
	GElf_Shdr header;
	const char *name;
	const void *id;

	*file = (struct dwarf_file){.shared_fd = -1};
	if ((!section_named(elf, ".debug_info", &header) && !section_named(elf, ".zdebug_info", &header)) || !dwarf_is_sane(elf))
		return false;
	file->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!file->dwarf)
		return false;
	if (!section_named(elf, ".gnu_debugaltlink", &header))
		return true;

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
	return true;
}

bool dwarf_file_open(struct modules *modules, struct module *module, struct dwarf_file *ret)
{
	struct dwarf_file file;

	if (!open_both(&file, modules, module)) {
		dwarf_file_close(&file);
		return false;
	}
	strings_add(&file, dwarf_getelf(file.dwarf));
	if (file.shared)
		strings_add(&file, file.shared_elf);
	*ret = file;
	return true;
}

bool dwarf_type_of(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attribute;

	return dwarf_attr_integrate(die, DW_AT_type, &attribute) && dwarf_formref_die(&attribute, ret);
}

const char *dwarf_string(const struct dwarf_file *file, const char *string)
{
	for (size_t i = 0; string && i < file->sections.n; i++) {
		const char *start = file->sections.v[i].start, *end = file->sections.v[i].end;

		if (string >= start && string < end && memchr(string, 0, (size_t)(end - string)))
			return string;
	}
	return NULL;
}

const char *dwarf_die_name(const struct dwarf_file *file, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	return dwarf_string(file, dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute)));
}

bool dwarf_type_peel(Dwarf_Die *type)
{
	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		Dwarf_Attribute attribute;

		switch (dwarf_tag(type)) {
		case DW_TAG_typedef:
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
			if (!dwarf_attr(type, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, type))
				return false;
			break;
		case DW_TAG_structure_type:
		case DW_TAG_union_type:
			return !dwarf_hasattr(type, DW_AT_declaration);
		default:
			return true;
		}
	}
	return false;
}

bool dwarf_number(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
		return false;
	*ret = value;
	return true;
}

uint64_t dwarf_array_count(Dwarf_Die *array)
{
	uint64_t count = 1;
	Dwarf_Die dimension;

	if (dwarf_child(array, &dimension) != 0)
		return 0;
	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		uint64_t n = 0, upper;

		if (dwarf_tag(&dimension) == DW_TAG_subrange_type) {
			if (!dwarf_number(&dimension, DW_AT_count, &n) &&
			    dwarf_number(&dimension, DW_AT_upper_bound, &upper))
				n = upper + 1;
			if (__builtin_mul_overflow(count, n, &count) || count > UINT32_MAX)
				return 0;
		}
		if (dwarf_siblingof(&dimension, &dimension) != 0)
			break;
	}
	return count;
}

bool dwarf_type_size(Dwarf_Die *type_in, unsigned address_size, uint32_t *size_ret, uint32_t *count_ret)
{
	Dwarf_Die type = *type_in;
	uint64_t count = 1, size;

	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		Dwarf_Attribute attribute;

		if (!dwarf_type_peel(&type))
			return false;
		if (dwarf_number(&type, DW_AT_byte_size, &size))
			break;
		int tag = dwarf_tag(&type);
		if (tag == DW_TAG_pointer_type) {
			size = address_size;
			break;
		}
		// An enumeration without a size has that of its type.
		if ((tag != DW_TAG_array_type && tag != DW_TAG_enumeration_type) || i + 1 == TYPE_CHAIN_MAX)
			return false;
		if (tag == DW_TAG_array_type && __builtin_mul_overflow(count, dwarf_array_count(&type), &count))
			return false;
		if (!dwarf_attr(&type, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, &type))
			return false;
	}
	if (__builtin_mul_overflow(size, count, &size) || size > UINT32_MAX || count > UINT32_MAX)
		return false;
	*size_ret = (uint32_t)size;
	*count_ret = (uint32_t)count;
	return true;
}

bool dwarf_member_offset(Dwarf_Die *member, uint64_t *ret)
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
	if (dwarf_number(member, DW_AT_data_bit_offset, &value)) {
		*ret = value / 8;
		return true;
	}
	// A union's members have none.
	*ret = 0;
	return true;
}
