/* SPDX-License-Identifier: MIT */
#include "debug/split.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "debug/debug_files.h"
#include "debug/type_units.h"

enum {
	/** Units of one module. */
	UNITS_MAX = 1 << 16,
	/** Attributes of a skeleton. */
	VALUES_MAX = 32,
	/** Kinds of sections in the index of a package, and what its table may have. */
	COLUMNS_MAX = 16,
	SLOTS_MAX = 1 << 20,
};

/** Kinds of sections in the index of a package; those of GNU's version 2 and of DWARF 5 agree in what is read here. */
enum { INDEX_INFO = 1, INDEX_ABBREV = 3, INDEX_STR_OFFSETS = 6 };

void split_walk_begin(struct split_walk *walk, struct modules *modules, struct module *module, const struct dwarf_file *file)
{
	*walk = (struct split_walk){ .modules = modules, .module = module, .package_fd = -1, .fd = -1 };
	die_reader_init(&walk->skeletons, &file->sections);
}

static void part_close(struct split_walk *walk)
{
	type_units_destroy(walk->sections.type_units);
	walk->sections = (struct dwarf_sections){ .types_from = 0 };
	debug_image_close(&walk->image);
	if (walk->elf)
		elf_end(take_pointer(walk->elf));
	cleanup_close(&walk->fd);
	walk->fd = -1;
}

void split_walk_end(struct split_walk *walk)
{
	part_close(walk);
	debug_image_close(&walk->package);
	if (walk->package_elf)
		elf_end(walk->package_elf);
	cleanup_close(&walk->package_fd);
	die_reader_deinit(&walk->skeletons);
}

/* ---- skeletons ---- */

struct skeleton {
	uint64_t id, addr_base;
	const char *name, *directory;
};

static const char *string_of(const struct die_value *values, size_t n, unsigned name)
{
	const struct die_value *value = die_value_find(values, n, name);

	return value && value->kind == DIE_STRING ? value->string : NULL;
}

/* Whether the unit at hand is a skeleton. Reads its first DIE. */
static bool skeleton_read(struct die_reader *reader, struct skeleton *ret)
{
	struct die_value values[VALUES_MAX];
	const struct die_value *id;
	size_t n;

	if ((reader->unit.type != DW_UT_skeleton && reader->unit.type != DW_UT_compile) || !die_reader_next(reader))
		return false;
	n = die_reader_values(reader, values, VALUES_MAX);
	id = die_value_find(values, n, DW_AT_GNU_dwo_id);
	*ret = (struct skeleton){ .id = reader->unit.type == DW_UT_skeleton ? reader->unit.signature : id ? id->number : 0,
				  .addr_base = reader->unit.addr_base,
				  .name = string_of(values, n, reader->unit.type == DW_UT_skeleton ? DW_AT_dwo_name : DW_AT_GNU_dwo_name),
				  .directory = string_of(values, n, DW_AT_comp_dir) };
	return ret->name && *ret->name && ret->id;
}

/* ---- packages ---- */

/* One row of the index of a package: where the parts of a unit are. False when it has no such unit. */
static bool index_find(struct dwarf_bytes index, uint64_t id, uint64_t offsets[COLUMNS_MAX], uint64_t sizes[COLUMNS_MAX])
{
	struct cursor at = cursor_of(index.bytes, index.size, 0);
	// The version has 4 bytes in GNU's, in DWARF 5 it has 2, and 2 of nothing.
	uint64_t version = cursor_number(&at, 4), columns = cursor_number(&at, 4), units = cursor_number(&at, 4), slots = cursor_number(&at, 4);
	uint64_t row = 0;

	if (at.failed || (version != 2 && version != 5) || columns > COLUMNS_MAX || units > SLOTS_MAX || slots > SLOTS_MAX)
		return false;

	struct cursor ids = at, rows = at;

	cursor_skip(&rows, slots * 8);
	for (uint64_t i = 0; i < slots && !row; i++) {
		uint64_t found = cursor_number(&ids, 8), number = cursor_number(&rows, 4);

		if (found == id)
			row = number;
	}
	if (!row || row > units || ids.failed || rows.failed)
		return false;
	cursor_skip(&at, slots * 12);

	struct cursor kinds = at, offset = at, size = at;

	cursor_skip(&offset, 4 * columns * row);
	cursor_skip(&size, 4 * columns * (units + row));
	memset(offsets, 0, COLUMNS_MAX * sizeof(*offsets));
	memset(sizes, 0, COLUMNS_MAX * sizeof(*sizes));
	for (uint64_t i = 0; i < columns; i++) {
		uint64_t kind = cursor_number(&kinds, 4), from = cursor_number(&offset, 4), length = cursor_number(&size, 4);

		if (kind < COLUMNS_MAX) {
			offsets[kind] = from;
			sizes[kind] = length;
		}
	}
	return !kinds.failed && !offset.failed && !size.failed;
}

/* Part of a section; none when it is not all there. */
static struct dwarf_bytes slice(struct dwarf_bytes bytes, uint64_t offset, uint64_t size)
{
	if (!bytes.bytes || offset > bytes.size || size > bytes.size - offset)
		return (struct dwarf_bytes){ NULL, 0 };
	return (struct dwarf_bytes){ bytes.bytes + offset, size };
}

static bool package_has(struct split_walk *walk, const struct skeleton *skeleton)
{
	uint64_t offsets[COLUMNS_MAX], sizes[COLUMNS_MAX];

	if (!walk->package_was_asked) {
		_cleanup_free_ char *path = xasprintf("%s.dwp", walk->module->path);

		walk->package_was_asked = true;
		walk->package_elf = module_split_file(walk->modules, path, &walk->package_fd);
		if (walk->package_elf)
			debug_image_open(&walk->package, walk->package_elf, walk->package_fd);
	}
	if (!walk->package.bytes || !index_find(debug_image_section(&walk->package, ".debug_cu_index"), skeleton->id, offsets, sizes))
		return false;
	walk->sections = (struct dwarf_sections){
		.info = slice(debug_image_section(&walk->package, ".debug_info.dwo"), offsets[INDEX_INFO], sizes[INDEX_INFO]),
		.abbrev = slice(debug_image_section(&walk->package, ".debug_abbrev.dwo"), offsets[INDEX_ABBREV], sizes[INDEX_ABBREV]),
		.str_offsets = slice(debug_image_section(&walk->package, ".debug_str_offsets.dwo"), offsets[INDEX_STR_OFFSETS], sizes[INDEX_STR_OFFSETS]),
		.str = debug_image_section(&walk->package, ".debug_str.dwo"),
	};
	return walk->sections.info.size;
}

/* ---- files ---- */

/* Whether the sections at hand hold the unit that the skeleton stands for. */
static bool sections_have(const struct dwarf_sections *sections, uint64_t id)
{
	struct die_value values[VALUES_MAX];
	struct die_reader reader;
	bool found = false;

	die_reader_init(&reader, sections);
	for (uint64_t at = 0; !found && (die_reader_unit(&reader, at) || reader.unit.end); at = reader.unit.end) {
		const struct die_value *number;
		size_t n;

		if (reader.unit.type == DW_UT_split_compile) {
			found = reader.unit.signature == id;
		} else if (reader.unit.type == DW_UT_compile && die_reader_next(&reader)) {
			n = die_reader_values(&reader, values, VALUES_MAX);
			number = die_value_find(values, n, DW_AT_GNU_dwo_id);
			found = number && number->number == id;
		}
	}
	die_reader_deinit(&reader);
	return found;
}

static bool file_has(struct split_walk *walk, const struct skeleton *skeleton)
{
	_cleanup_free_ char *path = skeleton->name[0] == '/' || !skeleton->directory ? xstrdup(skeleton->name) : xasprintf("%s/%s", skeleton->directory, skeleton->name);

	if (path[0] != '/')
		return false;
	walk->elf = module_split_file(walk->modules, path, &walk->fd);
	if (!walk->elf || !debug_image_open(&walk->image, walk->elf, walk->fd))
		return false;
	walk->sections = (struct dwarf_sections){
		.abbrev = debug_image_section(&walk->image, ".debug_abbrev.dwo"),
		.str_offsets = debug_image_section(&walk->image, ".debug_str_offsets.dwo"),
		.str = debug_image_section(&walk->image, ".debug_str.dwo"),
	};
	walk->sections.info = debug_image_units(&walk->image, ".debug_info.dwo", ".debug_types.dwo", &walk->sections.types_from);
	return walk->sections.info.size;
}

const struct dwarf_sections *split_walk_next(struct split_walk *walk)
{
	struct die_reader *reader = &walk->skeletons;

	while (walk->met < UNITS_MAX && (die_reader_unit(reader, walk->next) || reader->unit.end)) {
		bool is_readable = !reader->at_end;
		struct skeleton skeleton;

		part_close(walk);
		walk->next = reader->unit.end;
		if (!is_readable || !skeleton_read(reader, &skeleton))
			continue;
		walk->met++;
		if ((package_has(walk, &skeleton) || file_has(walk, &skeleton)) && sections_have(&walk->sections, skeleton.id)) {
			walk->sections.addr = reader->sections->addr;
			walk->sections.is_split = true;
			walk->sections.split_addr_base = skeleton.addr_base;
			walk->sections.type_units = type_units_read(&walk->sections);
			return &walk->sections;
		}
		walk->missing++;
	}
	return NULL;
}
