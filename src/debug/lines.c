/* SPDX-License-Identifier: MIT */
#include "debug/lines.h"

#include <dwarf.h>
#include <string.h>

#include "base/cursor.h"

enum {
	/** Columns of a list of files (DWARF 5). */
	FORMATS_MAX = 16,
	FILES_MAX = 1 << 20,
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

static const char *table_file_name(const struct table *table, uint64_t index)
{
	struct cursor at = table->lists;
	const char *name;

	// The numbers that the program goes by.
	cursor_skip(&at, table->version >= 4 ? 5 : 4);

	uint64_t opcode_base = cursor_number(&at, 1);

	cursor_skip(&at, opcode_base ? opcode_base - 1 : 0);
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

const char *line_file_name(const struct dwarf_file *file, Dwarf_Die *unit, uint64_t index)
{
	struct table table;

	return table_open(file, unit, &table) ? table_file_name(&table, index) : NULL;
}
