/* SPDX-License-Identifier: MIT */
/*
 * One compilation unit is read, and of it only the DIEs at the top: a C file has its structs, typedefs and static variables
 * there. (dwz moves what several units share to partial units; DW_TAG_imported_unit leads to them.)
 *
 * libdw is trusted to stay inside its buffers, but not to stop: every walk over DIEs here counts its steps, chains of typedefs
 * are followed by hand (dwarf_peel_type() runs in a circle for ever when they do), and sections that would inflate to
 * more than a libc's could are not handed to it. Nor does it promise that a string ends inside its section (0.188 looks at
 * none), so names are asked for here, and looked up in the sections they may be in.
 */
#include "debug/layout.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"

enum {
	/** Units that are looked at. A debug file of a web browser has some 40 000. */
	UNITS_MAX = 1 << 20,
	/** DIEs at the top of one unit, with those of the partial units it imports. */
	DIES_MAX = 1 << 20,
	/** Partial units that one unit imports. */
	IMPORTS_MAX = 4096,
	/** Typedefs, qualifiers and array types on the way from a type to its struct or base type. */
	TYPE_CHAIN_MAX = 64,
	/** Unnamed structs and unions in one struct. */
	UNNAMED_MAX = 64,
	/** Members of one struct, with those of its unnamed ones. */
	MEMBERS_MAX = 4096,
	/** Ranges of code of one unit. */
	RANGES_MAX = 1 << 20,
	/** Units of the wanted name that are tried. */
	NAMESAKES_MAX = 64,
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

/* Where strings may be: sections, from start to end. */
struct string_section {
	const char *start;
	const char *end;
};

struct strings {
	ARRAY(struct string_section) sections;
};

static void strings_add(struct strings *strings, Elf *elf)
{
	static const char *const names[] = {".debug_info", ".debug_str", ".debug_line_str", ".zdebug_info", ".zdebug_str"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		GElf_Shdr header;
		Elf_Scn *section = section_named(elf, names[i], &header);
		// libdw has inflated it by now.
		const Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;

		if (data && data->d_buf)
			array_append(&strings->sections, (struct string_section){data->d_buf, (const char *)data->d_buf + data->d_size});
	}
}

/* A string from libdw if it ends where it should, else NULL. */
static const char *string_checked(const struct strings *strings, const char *string)
{
	for (size_t i = 0; string && i < strings->sections.n; i++) {
		const char *start = strings->sections.v[i].start, *end = strings->sections.v[i].end;

		if (string >= start && string < end && memchr(string, 0, (size_t)(end - string)))
			return string;
	}
	return NULL;
}

static const char *die_name(const struct strings *strings, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;

	return string_checked(strings, dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute)));
}

/* A type without its typedefs and qualifiers; false at the end of a chain that leads nowhere, or to a mere declaration. (Definitions in
   type units, as -fdebug-types-section makes them, are not looked for: no libc is built that way.) */
static bool type_peel(Dwarf_Die *type)
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

static bool attribute_number(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
		return false;
	*ret = value;
	return true;
}

/* Elements of an array type, all dimensions together; 0 for one without a bound. */
static uint64_t array_count(Dwarf_Die *array)
{
	uint64_t count = 1;
	Dwarf_Die dimension;

	if (dwarf_child(array, &dimension) != 0)
		return 0;
	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		uint64_t n = 0, upper;

		if (dwarf_tag(&dimension) == DW_TAG_subrange_type) {
			if (!attribute_number(&dimension, DW_AT_count, &n) &&
			    attribute_number(&dimension, DW_AT_upper_bound, &upper))
				n = upper + 1;
			if (__builtin_mul_overflow(count, n, &count) || count > UINT32_MAX)
				return 0;
		}
		if (dwarf_siblingof(&dimension, &dimension) != 0)
			break;
	}
	return count;
}

/* sizeof a type, and its elements when it is an array (else 1). Units: bytes. */
static bool type_size(Dwarf_Die *type_in, unsigned address_size, uint32_t *size_ret, uint32_t *count_ret)
{
	Dwarf_Die type = *type_in;
	uint64_t count = 1, size;

	for (int i = 0; i < TYPE_CHAIN_MAX; i++) {
		Dwarf_Attribute attribute;

		if (!type_peel(&type))
			return false;
		if (attribute_number(&type, DW_AT_byte_size, &size))
			break;
		int tag = dwarf_tag(&type);
		if (tag == DW_TAG_pointer_type) {
			size = address_size;
			break;
		}
		// An enumeration without a size has that of its type.
		if ((tag != DW_TAG_array_type && tag != DW_TAG_enumeration_type) || i + 1 == TYPE_CHAIN_MAX)
			return false;
		if (tag == DW_TAG_array_type && __builtin_mul_overflow(count, array_count(&type), &count))
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

/* Where a member lies in its struct. Units: bytes. */
static bool member_offset(Dwarf_Die *member, uint64_t *ret)
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
	if (attribute_number(member, DW_AT_data_bit_offset, &value)) {
		*ret = value / 8;
		return true;
	}
	// A union's members have none.
	*ret = 0;
	return true;
}

/* A struct whose members are to be looked at, and where it lies in the outermost one. */
struct unnamed {
	Dwarf_Die die;
	uint64_t offset;
};

static void layout_set_member(struct layout *layout, const char *name, uint64_t offset, Dwarf_Die *type, unsigned address_size)
{
	for (size_t i = 0; i < layout->n_members; i++) {
		struct layout_member *member = &layout->members[i];

		if (member->offset != MEMBER_ABSENT || strcmp(member->name, name) != 0)
			continue;
		uint32_t size, count;
		if (!type_size(type, address_size, &size, &count))
			return;
		member->offset = (uint32_t)offset;
		member->size = size;
		member->count = count;
	}
}

/* Fills a layout from a struct's definition. */
static void layout_fill(struct layout *layout, Dwarf_Die *definition, const struct strings *strings, unsigned address_size)
{
	struct unnamed pending[UNNAMED_MAX] = {{.die = *definition}};
	size_t n_pending = 1, steps = 0;
	uint64_t size;

	if (!attribute_number(definition, DW_AT_byte_size, &size) || size == 0 || size > UINT32_MAX)
		return;
	layout->size = (uint32_t)size;
	for (size_t i = 0; i < n_pending; i++) {
		uint64_t base = pending[i].offset;
		Dwarf_Die member;

		if (dwarf_child(&pending[i].die, &member) != 0)
			continue;
		do {
			Dwarf_Attribute attribute;
			Dwarf_Die type;
			uint64_t offset = 0;

			if (dwarf_tag(&member) != DW_TAG_member || !member_offset(&member, &offset) || offset > size ||
			    !dwarf_attr(&member, DW_AT_type, &attribute) || !dwarf_formref_die(&attribute, &type))
				continue;
			offset += base;
			// A flexible array may begin at the very end.
			if (offset > size)
				continue;
			const char *name = die_name(strings, &member);
			if (name)
				layout_set_member(layout, name, offset, &type, address_size);
			else if (type_peel(&type) && n_pending < UNNAMED_MAX)
				pending[n_pending++] = (struct unnamed){.die = type, .offset = offset};
		} while (++steps < MEMBERS_MAX && dwarf_siblingof(&member, &member) == 0);
	}
}

/* Where a variable lies. */
static void variable_fill(struct layout_variable *variable, Dwarf_Die *die)
{
	Dwarf_Attribute attribute, address;
	Dwarf_Op *ops;
	size_t n;
	Dwarf_Addr value;

	if (!dwarf_attr_integrate(die, DW_AT_location, &attribute) || dwarf_getlocation(&attribute, &ops, &n) != 0)
		return;
	if (n == 2 && (ops[1].atom == DW_OP_form_tls_address || ops[1].atom == DW_OP_GNU_push_tls_address)) {
		switch (ops[0].atom) {
		case DW_OP_const1u:
		case DW_OP_const2u:
		case DW_OP_const4u:
		case DW_OP_const8u:
		case DW_OP_constu:
			value = ops[0].number;
			break;
		case DW_OP_constx:
		case DW_OP_GNU_const_index:
			if (dwarf_getlocation_attr(&attribute, &ops[0], &address) != 0 ||
			    dwarf_formudata(&address, &value) != 0)
				return;
			break;
		default:
			return;
		}
		variable->value = value;
		variable->is_tls = true;
	} else if (n == 1 && ops[0].atom == DW_OP_addr) {
		variable->value = ops[0].number;
		variable->is_tls = false;
	} else if (n == 1 && (ops[0].atom == DW_OP_addrx || ops[0].atom == DW_OP_GNU_addr_index)) {
		if (dwarf_getlocation_attr(&attribute, &ops[0], &address) != 0 || dwarf_formaddr(&address, &value) != 0)
			return;
		variable->value = value;
		variable->is_tls = false;
	}
}

/* What is asked for, on its way to being found. */
struct wanted {
	struct layout *layouts;
	size_t n_layouts;
	struct layout_variable *variables;
	size_t n_variables;
	unsigned address_size;
	const struct strings *strings;
};

/* Takes from one DIE at the top of a unit what is wanted of it. */
static void wanted_take(struct wanted *wanted, Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	if (tag != DW_TAG_structure_type && tag != DW_TAG_union_type && tag != DW_TAG_typedef && tag != DW_TAG_variable)
		return;
	if (tag == DW_TAG_variable) {
		const char *name = die_name(wanted->strings, die);

		for (size_t i = 0; name && i < wanted->n_variables; i++) {
			if (wanted->variables[i].value == VADDR_NONE && strcmp(wanted->variables[i].name, name) == 0)
				variable_fill(&wanted->variables[i], die);
		}
		return;
	}
	const char *name = die_name(wanted->strings, die);
	for (size_t i = 0; name && i < wanted->n_layouts; i++) {
		Dwarf_Die type = *die;

		if (wanted->layouts[i].size != 0 || strcmp(wanted->layouts[i].name, name) != 0 || !type_peel(&type))
			continue;
		tag = dwarf_tag(&type);
		if (tag == DW_TAG_structure_type || tag == DW_TAG_union_type)
			layout_fill(&wanted->layouts[i], &type, wanted->strings, wanted->address_size);
	}
}

/* Goes over the DIEs at the top of a unit and of the partial units that it imports. */
static void unit_read(Dwarf_Die *unit, struct wanted *wanted)
{
	ARRAY(Dwarf_Die) pending = {0};
	size_t steps = 0;

	array_append(&pending, *unit);
	for (size_t i = 0; i < pending.n; i++) {
		Dwarf_Die die, imported;
		Dwarf_Attribute attribute;

		if (dwarf_child(&pending.v[i], &die) != 0)
			continue;
		do {
			if (dwarf_tag(&die) != DW_TAG_imported_unit)
				wanted_take(wanted, &die);
			else if (pending.n < IMPORTS_MAX && dwarf_attr(&die, DW_AT_import, &attribute) &&
				 dwarf_formref_die(&attribute, &imported))
				array_append(&pending, imported);
		} while (++steps < DIES_MAX && dwarf_siblingof(&die, &die) == 0);
	}
	array_deinit(&pending);
}

/* The hull of a unit's code; 0 and 0 when it has none. */
static void unit_hull(Dwarf_Die *unit, vaddr *low_ret, vaddr *high_ret)
{
	vaddr low = VADDR_NONE, high = 0;
	ptrdiff_t at = 0;

	for (int i = 0; i < RANGES_MAX; i++) {
		Dwarf_Addr base, start, end;

		at = dwarf_ranges(unit, at, &base, &start, &end);
		if (at <= 0)
			break;
		// A function that the linker dropped leaves a range at 0.
		if (start == 0 || start >= end)
			continue;
		low = start < low ? start : low;
		high = end > high ? end : high;
	}
	*low_ret = high ? low : 0;
	*high_ret = high;
}

static bool name_ends_in(const char *name, const char *end)
{
	size_t length = name ? strlen(name) : 0, end_length = strlen(end);

	return length >= end_length && strcmp(name + length - end_length, end) == 0 &&
	       (length == end_length || name[length - end_length - 1] == '/');
}

static size_t wanted_found(const struct wanted *wanted)
{
	size_t found = 0;

	for (size_t i = 0; i < wanted->n_layouts; i++)
		found += wanted->layouts[i].size != 0;
	for (size_t i = 0; i < wanted->n_variables; i++)
		found += wanted->variables[i].value != VADDR_NONE;
	return found;
}

/* Copies what the caller asks for, with nothing found yet. Owner: the caller, wanted_deinit(). */
static struct wanted wanted_copy(const struct layout *layouts, size_t n_layouts, const struct layout_variable *variables, size_t n_variables)
{
	struct wanted copy = {.n_layouts = n_layouts, .n_variables = n_variables};

	copy.layouts = xcalloc(n_layouts + 1, sizeof(*layouts));
	for (size_t i = 0; i < n_layouts; i++) {
		struct layout *layout = &copy.layouts[i];

		*layout = (struct layout){.name = layouts[i].name, .n_members = layouts[i].n_members};
		layout->members = xcalloc(layout->n_members + 1, sizeof(*layout->members));
		for (size_t j = 0; j < layout->n_members; j++)
			layout->members[j] = (struct layout_member){.name = layouts[i].members[j].name,
								    .offset = MEMBER_ABSENT, .count = 1};
	}
	copy.variables = xcalloc(n_variables + 1, sizeof(*variables));
	for (size_t i = 0; i < n_variables; i++)
		copy.variables[i] = (struct layout_variable){.name = variables[i].name, .value = VADDR_NONE};
	return copy;
}

static void wanted_deinit(struct wanted *wanted)
{
	for (size_t i = 0; i < wanted->n_layouts; i++)
		free(wanted->layouts[i].members);
	free(wanted->layouts);
	free(wanted->variables);
}

/* Gives what was found to the caller. */
static void wanted_give(const struct wanted *wanted, struct layout *layouts, struct layout_variable *variables)
{
	for (size_t i = 0; i < wanted->n_layouts; i++) {
		layouts[i].size = wanted->layouts[i].size;
		for (size_t j = 0; j < wanted->layouts[i].n_members; j++)
			layouts[i].members[j] = wanted->layouts[i].members[j];
	}
	for (size_t i = 0; i < wanted->n_variables; i++)
		variables[i] = wanted->variables[i];
}

/* A debug file open for reading, with the one it shares types with. */
struct opened {
	Dwarf *dwarf, *shared;
	Elf *shared_elf;
	int shared_fd;
};

static void opened_deinit(struct opened *opened)
{
	if (opened->dwarf)
		dwarf_end(opened->dwarf);
	if (opened->shared)
		dwarf_end(opened->shared);
	if (opened->shared_elf)
		elf_end(opened->shared_elf);
	cleanup_close(&opened->shared_fd);
}

/* Opens the DWARF of a module. False when there is none, or when the file is missing that dwz moved some of the types to: structs would then
   lack members without a sign. (Left alone, libdw opens that file by the name that it finds, whatever stands there.) */
static bool opened_init(struct opened *opened, struct modules *modules, struct module *module)
{
	Elf *elf = module_debug_file(modules, module);
	struct build_id build_id;
	GElf_Shdr header;
	const char *name;
	const void *id;

	*opened = (struct opened){.shared_fd = -1};
	if ((!section_named(elf, ".debug_info", &header) && !section_named(elf, ".zdebug_info", &header)) || !dwarf_is_sane(elf))
		return false;
	opened->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	if (!opened->dwarf)
		return false;
	if (!section_named(elf, ".gnu_debugaltlink", &header))
		return true;

	ssize_t size = dwelf_dwarf_gnu_debugaltlink(opened->dwarf, &name, &id);
	if (size <= 0 || size > BUILD_ID_MAX)
		return false;
	build_id.size = (size_t)size;
	memcpy(build_id.bytes, id, (size_t)size);
	opened->shared_elf = module_shared_debug_file(modules, module, name, &build_id, &opened->shared_fd);
	if (!opened->shared_elf || !dwarf_is_sane(opened->shared_elf))
		return false;
	opened->shared = dwarf_begin_elf(opened->shared_elf, DWARF_C_READ, NULL);
	if (!opened->shared)
		return false;
	dwarf_setalt(opened->dwarf, opened->shared);
	return true;
}

bool layouts_from_dwarf(struct modules *modules, struct module *module, const char *unit, struct layout *layouts, size_t n_layouts,
			struct layout_variable *variables, size_t n_variables, vaddr *low_ret, vaddr *high_ret)
{
	struct opened opened;
	struct strings strings = {0};

	if (!opened_init(&opened, modules, module)) {
		opened_deinit(&opened);
		return false;
	}
	strings_add(&strings, dwarf_getelf(opened.dwarf));
	if (opened.shared)
		strings_add(&strings, opened.shared_elf);

	Dwarf_CU *cu = NULL;
	struct wanted best = {0};
	size_t best_found = 0, namesakes = 0;
	bool found = false;
	vaddr low = 0, high = 0;
	for (size_t i = 0; i < UNITS_MAX && namesakes < NAMESAKES_MAX; i++) {
		Dwarf_Die die;
		uint8_t unit_type, address_size;

		if (dwarf_get_units(opened.dwarf, cu, &cu, NULL, &unit_type, &die, NULL) != 0)
			break;
		if (unit_type != DW_UT_compile || !name_ends_in(die_name(&strings, &die), unit) ||
		    dwarf_cu_info(cu, NULL, NULL, NULL, NULL, NULL, &address_size, NULL) != 0)
			continue;
		namesakes++;
		// A program may have a malloc.c of its own beside libc's: the one with most of what is wanted it is.
		struct wanted wanted = wanted_copy(layouts, n_layouts, variables, n_variables);
		wanted.address_size = address_size;
		wanted.strings = &strings;
		unit_read(&die, &wanted);
		size_t n = wanted_found(&wanted);
		if (found && n <= best_found) {
			wanted_deinit(&wanted);
			continue;
		}
		wanted_deinit(&best);
		best = wanted;
		best_found = n;
		found = true;
		unit_hull(&die, &low, &high);
	}
	if (found) {
		wanted_give(&best, layouts, variables);
		*low_ret = low;
		*high_ret = high;
	}
	wanted_deinit(&best);
	array_deinit(&strings.sections);
	opened_deinit(&opened);
	return found;
}
