/* SPDX-License-Identifier: MIT */
#include "debug/lines.h"

#include <dwarf.h>
#include <string.h>

#include "base/cursor.h"

enum {
	/** Columns of a list of files (DWARF 5). */
	FORMATS_MAX = 16,
	FILES_MAX = 1 << 20,
	/** Of the program of one unit. Units: bytes. */
	PROGRAM_MAX = 64 << 20,
	/** Names that are looked up for one batch, and how often each of its lines may be filled in. */
	NAMES_MAX = 1 << 13,
	FILLS_MAX = 16,
};

/* A table whose header was read up to where its lists of directories and files begin. */
struct table {
	const struct dwarf_sections *sections;
	unsigned version, offset_size;
	/** The lists, and what is behind them. */
	struct cursor lists, program;
};

static bool table_open(const struct dwarf_file *file, Dwarf_Die *unit, struct table *ret)
{
	struct table table = { .sections = die_sections(file, unit), .offset_size = 4 };
	Dwarf_Attribute attribute;
	Dwarf_Word offset;

	// It has a form of its own, which is not that of a number.
	if (dwarf_formudata(dwarf_attr(unit, DW_AT_stmt_list, &attribute), &offset) != 0)
		return false;

	struct cursor at = cursor_of(table.sections->line.bytes, table.sections->line.size, offset);
	uint64_t length = cursor_number(&at, 4);

	if (length == UINT32_MAX) {
		length = cursor_number(&at, 8);
		table.offset_size = 8;
	}
	if (at.failed || length > cursor_left(&at))
		return false;
	at.end = at.at + length;
	table.version = (unsigned)cursor_number(&at, 2);
	if (table.version < 2 || table.version > 5)
		return false;
	if (table.version >= 5)
		cursor_skip(&at, 2);

	uint64_t header_length = cursor_number(&at, table.offset_size);

	if (at.failed || header_length > cursor_left(&at))
		return false;
	table.program = at;
	cursor_skip(&table.program, header_length);
	at.end = table.program.at;
	table.lists = at;
	*ret = table;
	return true;
}

/* A string of a section that ends inside it; NULL when there is none. */
static const char *string_in(const struct dwarf_bytes *section, uint64_t offset)
{
	struct cursor at = cursor_of(section->bytes, section->size, offset);
	const char *string = cursor_string(&at);

	return at.failed ? NULL : string;
}

/* Reads one value of a list; gives the string if it is one. */
static const char *value_read(const struct table *table, struct cursor *at, uint64_t form)
{
	const char *string;

	switch (form) {
	case DW_FORM_string:
		string = cursor_string(at);
		return at->failed ? NULL : string;
	case DW_FORM_line_strp:
		return string_in(&table->sections->line_str, cursor_number(at, table->offset_size));
	case DW_FORM_strp:
		return string_in(&table->sections->str, cursor_number(at, table->offset_size));
	case DW_FORM_udata:
		cursor_uleb(at);
		return NULL;
	case DW_FORM_data1:
		cursor_skip(at, 1);
		return NULL;
	case DW_FORM_data2:
		cursor_skip(at, 2);
		return NULL;
	case DW_FORM_data4:
		cursor_skip(at, 4);
		return NULL;
	case DW_FORM_data8:
		cursor_skip(at, 8);
		return NULL;
	case DW_FORM_data16:
		cursor_skip(at, 16);
		return NULL;
	case DW_FORM_block:
		cursor_skip(at, cursor_uleb(at));
		return NULL;
	default:
		cursor_fail(at);
		return NULL;
	}
}

/* Reads a list of DWARF 5 up to the entry with a number: its path; NULL when it has fewer entries. The cursor is then anywhere, else behind the list. */
static const char *list_read(const struct table *table, struct cursor *at, uint64_t index)
{
	uint64_t contents[FORMATS_MAX], forms[FORMATS_MAX];
	size_t n = (size_t)cursor_number(at, 1);

	if (n > FORMATS_MAX) {
		cursor_fail(at);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		contents[i] = cursor_uleb(at);
		forms[i] = cursor_uleb(at);
	}

	uint64_t count = cursor_uleb(at);

	for (uint64_t i = 0; i < count && i < FILES_MAX && !at->failed; i++) {
		const char *path = NULL;

		for (size_t j = 0; j < n; j++) {
			const char *string = value_read(table, at, forms[j]);

			if (contents[j] == DW_LNCT_path)
				path = string;
		}
		if (i == index)
			return at->failed ? NULL : path;
	}
	return NULL;
}

/* Reads the lists of DWARF 2 to 4 up to the file with a number, from 1. */
static const char *old_list_read(struct cursor *at, uint64_t index)
{
	// Directories.
	while (!at->failed && *cursor_string(at))
		;
	for (uint64_t i = 1; !at->failed && i < FILES_MAX; i++) {
		const char *name = cursor_string(at);

		if (!*name)
			return NULL;
		cursor_uleb(at);
		cursor_uleb(at);
		cursor_uleb(at);
		if (i == index)
			return at->failed ? NULL : name;
	}
	return NULL;
}

/* What a program goes by. */
struct parameters {
	uint8_t instruction_length, operations_maximum, line_range, opcode_base;
	int8_t line_base;
	/** How many LEB128 operands the standard opcodes have, from the first one. */
	const uint8_t *lengths;
};

/* Reads the part of the header before the lists. */
static bool parameters_read(const struct table *table, struct cursor *at, struct parameters *ret)
{
	struct parameters parameters = { .instruction_length = (uint8_t)cursor_number(at, 1), .operations_maximum = 1 };

	if (table->version >= 4)
		parameters.operations_maximum = (uint8_t)cursor_number(at, 1);
	// Whether a row is a good place for a breakpoint is no matter here.
	cursor_skip(at, 1);
	parameters.line_base = (int8_t)cursor_number(at, 1);
	parameters.line_range = (uint8_t)cursor_number(at, 1);
	parameters.opcode_base = (uint8_t)cursor_number(at, 1);
	parameters.lengths = at->at;
	cursor_skip(at, parameters.opcode_base ? parameters.opcode_base - 1u : 0);
	if (at->failed)
		return false;
	*ret = parameters;
	return true;
}

static const char *table_file_name(const struct table *table, uint64_t index)
{
	struct cursor at = table->lists;
	struct parameters parameters;
	const char *name;

	if (!parameters_read(table, &at, &parameters))
		return NULL;
	if (table->version >= 5) {
		list_read(table, &at, UINT64_MAX);
		name = list_read(table, &at, index);
	} else {
		name = old_list_read(&at, index);
	}
	if (!name || !*name)
		return NULL;

	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/* ---- programs ---- */

struct row {
	vaddr address;
	uint64_t file, line;
	unsigned operation;
};

static const struct row first_row = { .file = 1, .line = 1 };

/* A program while it runs. */
struct run {
	const struct parameters *parameters;
	vaddr pc;
	struct row row;
	/** Rows before it came in this sequence, and where the sequence began. */
	bool has_rows;
	vaddr start;
	/** The last row with a line at or below the pc. */
	struct row best;
	bool has_best;
	/** How many rows there were in all, and the last one. */
	uint64_t rows;
	struct row emitted;
};

static void advance(struct run *run, uint64_t operations)
{
	const struct parameters *parameters = run->parameters;

	if (parameters->operations_maximum <= 1) {
		run->row.address += operations * parameters->instruction_length;
		return;
	}
	operations += run->row.operation;
	run->row.address += operations / parameters->operations_maximum * parameters->instruction_length;
	run->row.operation = (unsigned)(operations % parameters->operations_maximum);
}

/* Appends a row to the table; true when the row before it was the one. */
static bool row_emit(struct run *run)
{
	if (!run->has_rows)
		run->start = run->row.address;
	run->has_rows = true;
	run->rows++;
	run->emitted = run->row;
	if (run->row.address > run->pc) {
		// What the linker dropped is left at 0, and may reach anywhere.
		if (run->has_best && run->start != 0)
			return true;
		run->has_best = false;
		return false;
	}
	// No line is that of code which the compiler made up; the line before it is the nearest thing.
	if (run->row.line) {
		run->best = run->row;
		run->has_best = true;
	}
	return false;
}

static void sequence_begin(struct run *run)
{
	run->row = first_row;
	run->has_rows = run->has_best = false;
}

/* Runs an operation with a long number; true when it ended the search. */
static bool extended_run(struct run *run, struct cursor *at)
{
	uint64_t size = cursor_uleb(at);
	struct cursor operands = *at;
	bool found = false;

	cursor_skip(at, size);
	if (at->failed || size == 0)
		return false;
	operands.end = at->at;
	switch (cursor_number(&operands, 1)) {
	case DW_LNE_end_sequence:
		found = row_emit(run);
		if (!found)
			sequence_begin(run);
		break;
	case DW_LNE_set_address:
		run->row.address = cursor_number(&operands, cursor_left(&operands));
		run->row.operation = 0;
		break;
	default:
		break;
	}
	return found;
}

/* Runs one operation; true when the row at the pc is known. */
static bool operation_run(struct run *run, struct cursor *at)
{
	const struct parameters *parameters = run->parameters;
	unsigned opcode = (unsigned)cursor_number(at, 1);

	if (opcode >= parameters->opcode_base) {
		unsigned special = opcode - parameters->opcode_base;

		advance(run, special / parameters->line_range);
		run->row.line += (uint64_t)(int64_t)(parameters->line_base + (int)(special % parameters->line_range));
		return row_emit(run);
	}
	switch (opcode) {
	case 0:
		return extended_run(run, at);
	case DW_LNS_copy:
		return row_emit(run);
	case DW_LNS_advance_pc:
		advance(run, cursor_uleb(at));
		return false;
	case DW_LNS_advance_line:
		run->row.line += (uint64_t)cursor_sleb(at);
		return false;
	case DW_LNS_set_file:
		run->row.file = cursor_uleb(at);
		return false;
	case DW_LNS_const_add_pc:
		advance(run, (255u - parameters->opcode_base) / parameters->line_range);
		return false;
	case DW_LNS_fixed_advance_pc:
		run->row.address += cursor_number(at, 2);
		run->row.operation = 0;
		return false;
	default:
		for (unsigned i = 0; i < parameters->lengths[opcode - 1]; i++)
			cursor_uleb(at);
		return false;
	}
}

bool line_at(const struct dwarf_file *file, Dwarf_Die *unit, vaddr pc, const char **name_ret, uint64_t *line_ret)
{
	struct table table;
	struct parameters parameters;

	if (!table_open(file, unit, &table))
		return false;

	struct cursor header = table.lists, at = table.program;
	struct run run = { .parameters = &parameters, .pc = pc };

	if (!parameters_read(&table, &header, &parameters) || parameters.line_range == 0 || parameters.opcode_base == 0)
		return false;
	sequence_begin(&run);
	if (cursor_left(&at) > PROGRAM_MAX)
		return false;
	while (cursor_left(&at) && !at.failed) {
		if (!operation_run(&run, &at))
			continue;

		const char *name = table_file_name(&table, run.best.file);

		if (!name)
			return false;
		*name_ret = name;
		*line_ret = run.best.line;
		return true;
	}
	return false;
}

/* Many addresses that are looked up at once. */
struct batch {
	const struct table *table;
	struct line *lines;
	size_t n;
	/** The name that was looked up last, and of which file. */
	uint64_t file;
	const char *name;
	/** How many names may still be looked up, and how many lines filled in: sequences of a damaged file may overlap. */
	size_t names, fills;
};

/* Gives the lines between two rows that of the first one. */
static void lines_fill(struct batch *batch, const struct row *row, vaddr end)
{
	struct line *lines = batch->lines;
	const size_t n = batch->n;
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (lines[middle].pc < row->address)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < n && lines[low].pc < end && batch->fills; low++, batch->fills--) {
		if (row->file != batch->file && batch->names) {
			batch->file = row->file;
			batch->name = table_file_name(batch->table, row->file);
			batch->names--;
		}
		lines[low].name = row->file == batch->file ? batch->name : NULL;
		lines[low].number = row->line;
	}
}

void lines_at(const struct dwarf_file *file, Dwarf_Die *unit, struct line *lines, size_t n)
{
	struct table table;
	struct parameters parameters;

	if (!table_open(file, unit, &table))
		return;

	struct cursor header = table.lists, at = table.program;
	// A pc that no row is above: each row is only remembered.
	struct run run = { .parameters = &parameters, .pc = UINT64_MAX };
	struct row last = first_row;
	bool has_last = false;
	struct batch batch = { .table = &table, .lines = lines, .n = n, .file = UINT64_MAX, .names = NAMES_MAX, .fills = n * FILLS_MAX };

	if (!parameters_read(&table, &header, &parameters) || parameters.line_range == 0 || parameters.opcode_base == 0 || cursor_left(&at) > PROGRAM_MAX)
		return;
	sequence_begin(&run);
	while (cursor_left(&at) && !at.failed) {
		bool had_rows = run.has_rows;
		uint64_t before = run.rows;
		vaddr start = run.start;

		operation_run(&run, &at);
		if (run.rows == before)
			continue;
		// What the linker dropped is left at 0.
		if (has_last && had_rows && start != 0 && run.emitted.address > last.address)
			lines_fill(&batch, &last, run.emitted.address);
		if (!has_last || !had_rows || run.emitted.line || !last.line)
			last = run.emitted;
		has_last = run.has_rows;
	}
}

const char *line_file_name(const struct dwarf_file *file, Dwarf_Die *unit, uint64_t index)
{
	struct table table;

	return table_open(file, unit, &table) ? table_file_name(&table, index) : NULL;
}
