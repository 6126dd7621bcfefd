/* SPDX-License-Identifier: MIT */
/*
 * Of each module two lists are made when first needed: its variables that have an address, by address, and its units, by the ranges of their code.
 *
 * Variables within functions are static ones; they are looked for only where there is not too much DWARF to go through. Locals are looked up frame by frame:
 * the unit, the function in it, and the blocks of that within which the pc lies.
 */
#include "debug/variables.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/dwarf_file.h"

enum {
	/** DIEs that are gone through in one module. Some 10 million a second. */
	DIES_MAX = 24 << 20,
	/** Functions are gone into while there is no more than this of .debug_info. Units: bytes. */
	FUNCTIONS_SIZE_MAX = 48 << 20,
	/** How deep DIEs nest that are gone into. */
	DEPTH_MAX = 64,
	/** Ranges of code of one unit. */
	RANGES_MAX = 1 << 16,
	/** Children of one DIE that are looked at for one pc. */
	CHILDREN_MAX = 1 << 20,
	/** Members, elements and bases on the way to an offset. */
	PATH_MAX_STEPS = 24,
	/** Operations of one location. */
	OPERATIONS_MAX = 16,
};

struct known_variable {
	vaddr start;
	uint64_t size;
	Dwarf_Off die;
};

struct unit_range {
	vaddr start, end;
	Dwarf_Off unit;
};

struct module_dwarf {
	bool is_looked_at, has_dwarf, has_variables, has_ranges;
	struct dwarf_file file;
	ARRAY(struct known_variable) variables, thread_locals;
	ARRAY(struct unit_range) ranges;
};

struct variables {
	struct modules *modules;
	/** Parallel to modules.v. */
	struct module_dwarf *dwarfs;
	size_t n;
};

struct variables *variables_create(struct modules *modules)
{
	struct variables *variables = xcalloc(1, sizeof(*variables));

	variables->modules = modules;
	variables->n = modules->v.n;
	variables->dwarfs = xcalloc(modules->v.n + 1, sizeof(*variables->dwarfs));
	return variables;
}

void variables_destroy(struct variables *variables)
{
	if (!variables)
		return;
	for (size_t i = 0; i < variables->n; i++) {
		struct module_dwarf *dwarf = &variables->dwarfs[i];

		if (dwarf->has_dwarf)
			dwarf_file_close(&dwarf->file);
		array_deinit(&dwarf->variables);
		array_deinit(&dwarf->thread_locals);
		array_deinit(&dwarf->ranges);
	}
	free(variables->dwarfs);
	free(variables);
}

static size_t index_of(const struct variables *variables, const struct module *module)
{
	return (size_t)(module - variables->modules->v.v);
}

/* The DWARF of a module, NULL when it has none. */
static struct module_dwarf *dwarf_of(struct variables *variables, size_t index)
{
	struct module_dwarf *dwarf = &variables->dwarfs[index];

	if (!dwarf->is_looked_at) {
		dwarf->is_looked_at = true;
		dwarf->has_dwarf = dwarf_file_open(variables->modules, &variables->modules->v.v[index], &dwarf->file);
	}
	return dwarf->has_dwarf ? dwarf : NULL;
}

/* ---- variables with an address ---- */

/* Whether a location is an address, or an offset in the TLS segment. */
static bool location_read(Dwarf_Attribute *attribute, vaddr *ret, bool *is_thread_local_ret)
{
	Dwarf_Op *ops;
	size_t n;

	if (dwarf_getlocation(attribute, &ops, &n) || !n)
		return false;
	if (n == 1 && ops[0].atom == DW_OP_addr) {
		*ret = ops[0].number;
		*is_thread_local_ret = false;
		return true;
	}
	if (n == 1 && (ops[0].atom == DW_OP_addrx || ops[0].atom == DW_OP_GNU_addr_index)) {
		Dwarf_Attribute indirect;
		Dwarf_Addr address;

		*is_thread_local_ret = false;
		if (dwarf_getlocation_attr(attribute, &ops[0], &indirect) || dwarf_formaddr(&indirect, &address))
			return false;
		*ret = address;
		return true;
	}
	*is_thread_local_ret = true;
	if (n != 2 || (ops[1].atom != DW_OP_form_tls_address && ops[1].atom != DW_OP_GNU_push_tls_address))
		return false;
	switch (ops[0].atom) {
	case DW_OP_const1u:
	case DW_OP_const2u:
	case DW_OP_const4u:
	case DW_OP_const8u:
	case DW_OP_constu:
		*ret = ops[0].number;
		return true;
	default:
		return false;
	}
}

static uint64_t size_of_type(Dwarf_Die *die)
{
	Dwarf_Die type;
	uint32_t size, count;

	return dwarf_type_of(die, &type) && dwarf_type_size(&type, 8, &size, &count) ? size : 0;
}

static void variable_take(struct module_dwarf *dwarf, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	struct known_variable variable = { .die = dwarf_dieoffset(die) };
	bool is_thread_local;

	if (!dwarf_attr(die, DW_AT_location, &attribute) || !location_read(&attribute, &variable.start, &is_thread_local))
		return;
	variable.size = size_of_type(die);
	if (is_thread_local)
		array_append(&dwarf->thread_locals, variable);
	else if (variable.start)
		array_append(&dwarf->variables, variable);
}

/* Whether variables can be among the children of a DIE. */
static bool holds_variables(int tag, bool with_functions)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
		return true;
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
		return with_functions;
	default:
		return false;
	}
}

/* Goes through one unit; gives how many DIEs were met. */
static size_t unit_variables(struct module_dwarf *dwarf, Dwarf_Die *unit, bool with_functions, size_t limit)
{
	Dwarf_Die branch[DEPTH_MAX];
	size_t depth = 0, met = 0;

	if (dwarf_child(unit, &branch[0]))
		return 0;
	depth = 1;
	while (depth && met++ < limit) {
		Dwarf_Die *die = &branch[depth - 1];
		int tag = dwarf_tag(die);
		Dwarf_Die child;
		bool descends = depth < DEPTH_MAX && holds_variables(tag, with_functions) && !dwarf_child(die, &child);

		if (tag == DW_TAG_variable)
			variable_take(dwarf, die);
		// Its sibling first, so that it is where the branch goes on.
		if (dwarf_siblingof(die, die))
			depth--;
		if (descends)
			branch[depth++] = child;
	}
	return met;
}

static int compare_variables(const void *left, const void *right)
{
	const struct known_variable *a = left, *b = right;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->size > b->size ? -1 : a->size < b->size;
}

static void variables_read(struct module_dwarf *dwarf)
{
	GElf_Shdr header = { 0 };
	size_t left = DIES_MAX;
	bool with_functions = section_named(dwarf_getelf(dwarf->file.dwarf), ".debug_info", &header) && header.sh_size <= FUNCTIONS_SIZE_MAX;
	Dwarf_CU *cu = NULL;

	if (dwarf->has_variables)
		return;
	dwarf->has_variables = true;
	for (size_t i = 0; i < DWARF_UNITS_MAX && left; i++) {
		Dwarf_Die die;
		uint8_t type;

		if (dwarf_get_units(dwarf->file.dwarf, cu, &cu, NULL, &type, &die, NULL))
			break;
		if (type == DW_UT_compile || type == DW_UT_partial) {
			size_t met = unit_variables(dwarf, &die, with_functions, left);

			left -= met < left ? met : left;
		}
	}
	if (dwarf->variables.n)
		qsort(dwarf->variables.v, dwarf->variables.n, sizeof(*dwarf->variables.v), compare_variables);
	if (dwarf->thread_locals.n)
		qsort(dwarf->thread_locals.v, dwarf->thread_locals.n, sizeof(*dwarf->thread_locals.v), compare_variables);
}

/* The one that holds an address, of those sorted. */
static bool find(const struct known_variable *v, size_t n, vaddr address, struct known_variable *ret)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	// Of several at one address the largest comes first.
	while (low > 1 && v[low - 2].start == v[low - 1].start)
		low--;
	if (!low || address - v[low - 1].start >= v[low - 1].size)
		return false;
	*ret = v[low - 1];
	return true;
}

static bool variable_find(struct variables *variables, const struct module *module, vaddr address, bool is_thread_local, struct variable *ret)
{
	size_t index = index_of(variables, module);
	struct module_dwarf *dwarf = dwarf_of(variables, index);
	struct known_variable known;
	Dwarf_Die die;
	const char *name;

	if (!dwarf)
		return false;
	variables_read(dwarf);
	if (!(is_thread_local ? find(dwarf->thread_locals.v, dwarf->thread_locals.n, address, &known) :
				find(dwarf->variables.v, dwarf->variables.n, address, &known)) ||
	    !dwarf_offdie(dwarf->file.dwarf, known.die, &die))
		return false;
	name = dwarf_die_name(&dwarf->file, &die);
	if (!name)
		return false;
	*ret = (struct variable){ .name = name, .start = known.start, .size = known.size, .module = index, .die = known.die };
	return true;
}

bool variable_at(struct variables *variables, const struct module *module, vaddr file_address, struct variable *ret)
{
	return variable_find(variables, module, file_address, false, ret);
}

bool variable_thread_local(struct variables *variables, const struct module *module, uint64_t offset, struct variable *ret)
{
	return variable_find(variables, module, offset, true, ret);
}

/* «server.c:40», the last component of the path alone. */
static char *source_text(const char *path, uint64_t line)
{
	const char *slash;

	if (!path || !line)
		return NULL;
	slash = strrchr(path, '/');
	return xasprintf("%s:%" PRIu64, slash ? slash + 1 : path, line);
}

char *variable_source(struct variables *variables, const struct variable *variable)
{
	struct module_dwarf *dwarf = dwarf_of(variables, variable->module);
	Dwarf_Attribute attribute;
	Dwarf_Die die;
	Dwarf_Word line;

	if (!dwarf || !dwarf_offdie(dwarf->file.dwarf, variable->die, &die) || !dwarf_attr_integrate(&die, DW_AT_decl_line, &attribute) ||
	    dwarf_formudata(&attribute, &line))
		return NULL;
	return source_text(dwarf_decl_file(&die), line);
}

/* ---- paths ---- */

/* A type on the way to an offset, and what is left of it. */
struct walk {
	Dwarf_Die type;
	uint64_t offset;
	char *path;
};

static void path_append(struct walk *walk, char *more)
{
	char *longer = xasprintf("%s%s", walk->path, more);

	free(walk->path);
	free(more);
	walk->path = longer;
}

/* One element of an array, by all its dimensions. */
static bool element_enter(struct walk *walk)
{
	Dwarf_Die element = walk->type, dimension;
	uint64_t counts[8], index, total = 1;
	uint32_t size, count;
	size_t n = 0;

	if (!dwarf_type_of(&walk->type, &element) || !dwarf_type_size(&element, 8, &size, &count) || !size || dwarf_child(&walk->type, &dimension))
		return false;
	do {
		uint64_t upper;

		if (dwarf_tag(&dimension) != DW_TAG_subrange_type)
			continue;
		if (!dwarf_number(&dimension, DW_AT_count, &counts[n])) {
			if (!dwarf_number(&dimension, DW_AT_upper_bound, &upper))
				return false;
			counts[n] = upper + 1;
		}
		if (!counts[n] || __builtin_mul_overflow(total, counts[n], &total))
			return false;
		n++;
	} while (n < sizeof(counts) / sizeof(*counts) && !dwarf_siblingof(&dimension, &dimension));
	index = walk->offset / size;
	if (index >= total)
		return false;
	for (size_t i = 0; i < n; i++) {
		total /= counts[i];
		path_append(walk, xasprintf("[%" PRIu64 "]", index / total));
		index %= total;
	}
	walk->offset %= size;
	walk->type = element;
	return true;
}

/* The member (or base) of a struct that holds the offset; of a union the first that does. */
static bool member_enter(struct walk *walk, const struct dwarf_file *file)
{
	Dwarf_Die member;
	size_t left = CHILDREN_MAX;

	if (dwarf_child(&walk->type, &member))
		return false;
	do {
		Dwarf_Die type;
		uint64_t offset;
		uint32_t size, count;
		int tag = dwarf_tag(&member);
		const char *name;

		if ((tag != DW_TAG_member && tag != DW_TAG_inheritance) || dwarf_hasattr(&member, DW_AT_external) ||
		    !dwarf_member_offset(&member, &offset) || !dwarf_type_of(&member, &type) || !dwarf_type_size(&type, 8, &size, &count) ||
		    walk->offset < offset || walk->offset - offset >= size)
			continue;
		name = tag == DW_TAG_member ? dwarf_die_name(file, &member) : NULL;
		if (name)
			path_append(walk, xasprintf(".%s", name));
		walk->offset -= offset;
		walk->type = type;
		return true;
	} while (--left && !dwarf_siblingof(&member, &member));
	return false;
}

char *variable_path(struct variables *variables, const struct variable *variable, uint64_t offset)
{
	struct module_dwarf *dwarf = dwarf_of(variables, variable->module);
	struct walk walk = { .offset = offset };
	Dwarf_Die die;
	bool goes_on = true;

	if (!dwarf || !dwarf_offdie(dwarf->file.dwarf, variable->die, &die) || !dwarf_type_of(&die, &walk.type))
		return NULL;
	walk.path = xstrdup("");
	for (unsigned i = 0; i < PATH_MAX_STEPS && goes_on && dwarf_type_peel(&walk.type); i++) {
		switch (dwarf_tag(&walk.type)) {
		case DW_TAG_structure_type:
		case DW_TAG_class_type:
		case DW_TAG_union_type:
			goes_on = member_enter(&walk, &dwarf->file);
			break;
		case DW_TAG_array_type:
			goes_on = element_enter(&walk);
			break;
		default:
			goes_on = false;
			break;
		}
	}
	if (walk.offset)
		path_append(&walk, xasprintf("+0x%" PRIx64, walk.offset));
	return walk.path;
}

/* ---- code ---- */

static int compare_ranges(const void *left, const void *right)
{
	const struct unit_range *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Unlike .debug_aranges, the units' own ranges are always there. */
static void ranges_read(struct module_dwarf *dwarf)
{
	Dwarf_CU *cu = NULL;

	if (dwarf->has_ranges)
		return;
	dwarf->has_ranges = true;
	for (size_t i = 0; i < DWARF_UNITS_MAX; i++) {
		Dwarf_Die die;
		uint8_t type;
		ptrdiff_t at = 0;

		if (dwarf_get_units(dwarf->file.dwarf, cu, &cu, NULL, &type, &die, NULL))
			break;
		if (type != DW_UT_compile)
			continue;
		for (unsigned k = 0; k < RANGES_MAX; k++) {
			Dwarf_Addr base, start, end;

			at = dwarf_ranges(&die, at, &base, &start, &end);
			if (at <= 0)
				break;
			// A function that the linker dropped leaves a range at 0.
			if (start && start < end)
				array_append(&dwarf->ranges, (struct unit_range){ start, end, dwarf_dieoffset(&die) });
		}
	}
	if (dwarf->ranges.n)
		qsort(dwarf->ranges.v, dwarf->ranges.n, sizeof(*dwarf->ranges.v), compare_ranges);
}

/* The unit that code at an address comes from. */
static bool unit_at(struct module_dwarf *dwarf, vaddr pc, Dwarf_Die *ret)
{
	size_t low = 0, high;

	ranges_read(dwarf);
	high = dwarf->ranges.n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (dwarf->ranges.v[middle].start <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low && pc < dwarf->ranges.v[low - 1].end && dwarf_offdie(dwarf->file.dwarf, dwarf->ranges.v[low - 1].unit, ret);
}

char *code_source(struct variables *variables, const struct module *module, vaddr file_address)
{
	struct module_dwarf *dwarf = dwarf_of(variables, index_of(variables, module));
	Dwarf_Die unit;
	Dwarf_Line *line;
	int number;

	if (!dwarf || !unit_at(dwarf, file_address, &unit))
		return NULL;
	line = dwarf_getsrc_die(&unit, file_address);
	if (!line || dwarf_lineno(line, &number) || number <= 0)
		return NULL;
	return source_text(dwarf_linesrc(line, NULL, NULL), (uint64_t)number);
}

/* ---- variables of a frame ---- */

static bool is_scope(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine;
}

/* The child of a DIE within whose code the pc lies; through namespaces and classes, whose functions stand in them. */
static bool scope_enter(Dwarf_Die *die, vaddr pc, Dwarf_Die *ret)
{
	Dwarf_Die branch[DEPTH_MAX];
	size_t depth = 0, left = CHILDREN_MAX;

	if (dwarf_child(die, &branch[0]))
		return false;
	depth = 1;
	while (depth && left--) {
		Dwarf_Die *at = &branch[depth - 1], child;
		int tag = dwarf_tag(at);
		bool descends;

		if (is_scope(tag) && dwarf_haspc(at, pc) == 1) {
			*ret = *at;
			return true;
		}
		descends = depth < DEPTH_MAX &&
			   (tag == DW_TAG_namespace || tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_module) &&
			   !dwarf_child(at, &child);
		if (dwarf_siblingof(at, at))
			depth--;
		if (descends)
			branch[depth++] = child;
	}
	return false;
}

/* A location as far as it is worked out. */
struct evaluation {
	const struct variable_frame *frame;
	/** Of the function, for DW_OP_fbreg; NULL within it. */
	Dwarf_Die *function;
	uint64_t stack[OPERATIONS_MAX];
	size_t n;
};

static bool push(struct evaluation *evaluation, uint64_t value)
{
	if (evaluation->n == OPERATIONS_MAX)
		return false;
	evaluation->stack[evaluation->n++] = value;
	return true;
}

static bool register_value(const struct variable_frame *frame, uint64_t number, uint64_t *ret)
{
	if (number >= THREAD_REGISTERS_MAX || !(frame->frame->known >> number & 1))
		return false;
	*ret = frame->frame->registers[number];
	return true;
}

static bool evaluate(struct evaluation *evaluation, const Dwarf_Op *ops, size_t n);

/* Where the function's locals are counted from. */
static bool frame_base(const struct evaluation *evaluation, uint64_t *ret)
{
	struct evaluation base = { .frame = evaluation->frame };
	Dwarf_Attribute attribute;
	Dwarf_Op *ops;
	size_t n;

	if (!evaluation->function || !dwarf_attr_integrate(evaluation->function, DW_AT_frame_base, &attribute) ||
	    dwarf_getlocation_addr(&attribute, evaluation->frame->file_pc, &ops, &n, 1) != 1 || !n)
		return false;
	// A register by itself is its value here.
	if (n == 1 && ops[0].atom >= DW_OP_reg0 && ops[0].atom <= DW_OP_reg31)
		return register_value(evaluation->frame, ops[0].atom - DW_OP_reg0, ret);
	if (!evaluate(&base, ops, n) || !base.n)
		return false;
	*ret = base.stack[base.n - 1];
	return true;
}

/* Works out the locations that compilers write for what lies in memory. False for any other. */
static bool evaluate(struct evaluation *evaluation, const Dwarf_Op *ops, size_t n)
{
	for (size_t i = 0; i < n && n <= OPERATIONS_MAX; i++) {
		const Dwarf_Op *op = &ops[i];
		uint64_t value;

		if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
			if (!register_value(evaluation->frame, op->atom - DW_OP_breg0, &value) || !push(evaluation, value + op->number))
				return false;
		} else if (op->atom == DW_OP_bregx) {
			if (!register_value(evaluation->frame, op->number, &value) || !push(evaluation, value + op->number2))
				return false;
		} else if (op->atom == DW_OP_fbreg) {
			if (!frame_base(evaluation, &value) || !push(evaluation, value + op->number))
				return false;
		} else if (op->atom == DW_OP_call_frame_cfa) {
			if (evaluation->frame->cfa == VADDR_NONE || !push(evaluation, evaluation->frame->cfa))
				return false;
		} else if (op->atom == DW_OP_plus_uconst) {
			if (!evaluation->n)
				return false;
			evaluation->stack[evaluation->n - 1] += op->number;
		} else {
			return false;
		}
	}
	return n <= OPERATIONS_MAX;
}

/* What is called for each variable of a frame with its location at the pc. Gives false to end the search. */
typedef bool visit_local(void *context, Dwarf_Die *variable, Dwarf_Die *function, const Dwarf_Op *ops, size_t n);

static bool scope_visit(Dwarf_Die *scope, Dwarf_Die *function, vaddr pc, visit_local *visit, void *context)
{
	Dwarf_Die child;
	size_t left = CHILDREN_MAX;

	if (dwarf_child(scope, &child))
		return true;
	do {
		int tag = dwarf_tag(&child);
		Dwarf_Attribute attribute;
		Dwarf_Op *ops;
		size_t n;

		if ((tag == DW_TAG_variable || tag == DW_TAG_formal_parameter) && dwarf_attr(&child, DW_AT_location, &attribute) &&
		    dwarf_getlocation_addr(&attribute, pc, &ops, &n, 1) == 1 && n && !visit(context, &child, function, ops, n))
			return false;
	} while (--left && !dwarf_siblingof(&child, &child));
	return true;
}

/* Visits the variables of all scopes that the pc is in, the outermost first. */
static void frame_visit(struct variables *variables, const struct variable_frame *frame, visit_local *visit, void *context)
{
	struct module_dwarf *dwarf = dwarf_of(variables, index_of(variables, frame->module));
	Dwarf_Die scope, function = { 0 };

	if (!dwarf || !unit_at(dwarf, frame->file_pc, &scope))
		return;
	for (unsigned depth = 0; depth < DEPTH_MAX && scope_enter(&scope, frame->file_pc, &scope); depth++) {
		// Inlined ones have the frame of the function they are in.
		if (dwarf_tag(&scope) == DW_TAG_subprogram)
			function = scope;
		if (!scope_visit(&scope, &function, frame->file_pc, visit, context))
			return;
	}
}

struct in_memory {
	struct variables *variables;
	const struct variable_frame *frame;
	variable_array *found;
};

static bool memory_take(void *context, Dwarf_Die *die, Dwarf_Die *function, const Dwarf_Op *ops, size_t n)
{
	struct in_memory *memory = context;
	struct evaluation evaluation = { .frame = memory->frame, .function = function };
	size_t index = index_of(memory->variables, memory->frame->module);
	const char *name = dwarf_die_name(&memory->variables->dwarfs[index].file, die);
	uint64_t size = size_of_type(die);

	if (name && size && evaluate(&evaluation, ops, n) && evaluation.n == 1)
		array_append(memory->found, (struct variable){ .name = name,
							       .start = evaluation.stack[0],
							       .size = size,
							       .module = index,
							       .die = dwarf_dieoffset(die) });
	return true;
}

void variables_in_frame(struct variables *variables, const struct variable_frame *frame, variable_array *ret)
{
	struct in_memory memory = { variables, frame, ret };

	*ret = (variable_array){ 0 };
	frame_visit(variables, frame, memory_take, &memory);
}

struct in_register {
	const struct dwarf_file *file;
	unsigned number;
	const char *name;
};

static bool register_take(void *context, Dwarf_Die *die, Dwarf_Die *function, const Dwarf_Op *ops, size_t n)
{
	struct in_register *in_register = context;

	(void)function;
	if (n != 1 || (ops[0].atom != DW_OP_reg0 + in_register->number && !(ops[0].atom == DW_OP_regx && ops[0].number == in_register->number)))
		return true;
	// The innermost scope comes last and wins.
	in_register->name = dwarf_die_name(in_register->file, die);
	return true;
}

const char *variable_in_register(struct variables *variables, const struct variable_frame *frame, unsigned number)
{
	size_t index = index_of(variables, frame->module);
	struct in_register in_register = { .file = &variables->dwarfs[index].file, .number = number };

	if (number > 31)
		return NULL;
	frame_visit(variables, frame, register_take, &in_register);
	return in_register.name;
}
