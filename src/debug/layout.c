/* SPDX-License-Identifier: MIT */
/*
 * One compilation unit is read, and of it only the DIEs at the top: a C file has its structs, typedefs and static variables
 * there. (dwz moves what several units share to partial units; DW_TAG_imported_unit leads to them.)
 *
 * Every walk over DIEs counts its steps (see dwarf.h for what else is not left to libdw).
 */
#include "debug/layout.h"

#include <dwarf.h>
#include <string.h>

#include "base/alloc.h"
#include "debug/dwarf.h"

enum {
	/** Units that are looked at. A debug file of a web browser has some 40 000. */
	UNITS_MAX = 1 << 20,
	/** DIEs at the top of one unit, with those of the partial units it imports. */
	DIES_MAX = 1 << 20,
	/** Partial units that one unit imports. */
	IMPORTS_MAX = 4096,
	/** Unnamed structs and unions in one struct. */
	UNNAMED_MAX = 64,
	/** Members of one struct, with those of its unnamed ones. */
	MEMBERS_MAX = 4096,
	/** Ranges of code of one unit. */
	RANGES_MAX = 1 << 20,
	/** Units of the wanted name that are tried. */
	NAMESAKES_MAX = 64,
};

/* A struct whose members are to be looked at, and where it lies in the outermost one. */
struct unnamed {
	Dwarf_Die die;
	uint64_t offset;
};

static void layout_set_member(struct dwarf_file *file, struct layout *layout, const char *name, uint64_t offset, Dwarf_Die *type)
{
	for (size_t i = 0; i < layout->n_members; i++) {
		struct layout_member *member = &layout->members[i];

		if (member->offset != MEMBER_ABSENT || strcmp(member->name, name) != 0)
			continue;
		uint64_t size, count;
		if (!type_size(file, type, &size, &count) || size > UINT32_MAX || count > UINT32_MAX)
			return;
		member->offset = (uint32_t)offset;
		member->size = (uint32_t)size;
		member->count = (uint32_t)count;
	}
}

/* Fills a layout from a struct's definition. */
static void layout_fill(struct layout *layout, Dwarf_Die *definition, struct dwarf_file *file)
{
	struct unnamed pending[UNNAMED_MAX] = {{.die = *definition}};
	size_t n_pending = 1, steps = 0;
	uint64_t size;

	if (!die_number(definition, DW_AT_byte_size, &size) || size == 0 || size > UINT32_MAX)
		return;
	layout->size = (uint32_t)size;
	for (size_t i = 0; i < n_pending; i++) {
		uint64_t base = pending[i].offset;
		Dwarf_Die member;

		if (dwarf_child(&pending[i].die, &member) != 0)
			continue;
		do {
			Dwarf_Die type;
			uint64_t offset = 0;

			if (dwarf_tag(&member) != DW_TAG_member || !member_offset(&member, &offset) || offset > size ||
			    !die_reference(&member, DW_AT_type, &type))
				continue;
			offset += base;
			// A flexible array may begin at the very end.
			if (offset > size)
				continue;
			const char *name = die_name(file, &member);
			if (name)
				layout_set_member(file, layout, name, offset, &type);
			else if (type_peel(file, &type) && n_pending < UNNAMED_MAX)
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
	struct dwarf_file *file;
};

/* Takes from one DIE at the top of a unit what is wanted of it. */
static void wanted_take(struct wanted *wanted, Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	if (tag != DW_TAG_structure_type && tag != DW_TAG_union_type && tag != DW_TAG_typedef && tag != DW_TAG_variable)
		return;
	if (tag == DW_TAG_variable) {
		const char *name = die_name(wanted->file, die);

		for (size_t i = 0; name && i < wanted->n_variables; i++) {
			if (wanted->variables[i].value == VADDR_NONE && strcmp(wanted->variables[i].name, name) == 0)
				variable_fill(&wanted->variables[i], die);
		}
		return;
	}
	const char *name = die_name(wanted->file, die);
	for (size_t i = 0; name && i < wanted->n_layouts; i++) {
		Dwarf_Die type = *die;

		if (wanted->layouts[i].size != 0 || strcmp(wanted->layouts[i].name, name) != 0 || !type_peel(wanted->file, &type))
			continue;
		tag = dwarf_tag(&type);
		if (tag == DW_TAG_structure_type || tag == DW_TAG_union_type)
			layout_fill(&wanted->layouts[i], &type, wanted->file);
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

		if (dwarf_child(&pending.v[i], &die) != 0)
			continue;
		do {
			if (dwarf_tag(&die) != DW_TAG_imported_unit)
				wanted_take(wanted, &die);
			else if (pending.n < IMPORTS_MAX && die_reference(&die, DW_AT_import, &imported))
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

bool layouts_from_dwarf(struct modules *modules, struct module *module, const char *unit, struct layout *layouts, size_t n_layouts,
			struct layout_variable *variables, size_t n_variables, vaddr *low_ret, vaddr *high_ret)
{
	struct dwarf_file file;

	if (!dwarf_file_open(&file, modules, module))
		return false;

	Dwarf_CU *cu = NULL;
	struct wanted best = {0};
	size_t best_found = 0, namesakes = 0;
	bool found = false;
	vaddr low = 0, high = 0;
	for (size_t i = 0; i < UNITS_MAX && namesakes < NAMESAKES_MAX; i++) {
		Dwarf_Die die;
		uint8_t unit_type;

		if (dwarf_get_units(file.dwarf, cu, &cu, NULL, &unit_type, &die, NULL) != 0)
			break;
		if (unit_type != DW_UT_compile || !name_ends_in(die_name(&file, &die), unit))
			continue;
		namesakes++;
		// A program may have a malloc.c of its own beside libc's: the one with most of what is wanted it is.
		struct wanted wanted = wanted_copy(layouts, n_layouts, variables, n_variables);
		wanted.file = &file;
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
	dwarf_file_close(&file);
	return found;
}
