/* SPDX-License-Identifier: MIT */
/*
 * Reading the DWARF of a module, unit by unit, in one pass forward.
 *
 *   DIEs of a unit → raw types (as they are written, with references) → types of the table, each once → forget the raw ones
 *
 * So what is held at a time is one unit, and of all units only what is new.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "debug/dwarf.h"
#include "debug/split.h"
#include "types/raw_types.h"

static uint32_t file_read(struct type_table *table, struct modules *modules, size_t index, const struct dwarf_file *file,
			  const struct dwarf_sections *sections, uint32_t shared_file)
{
	struct type_reader reader = { .table = table,
				      .module = &modules->v.v[index],
				      .module_index = (uint32_t)index,
				      .file = (uint32_t)table->n_dies,
				      .shared_file = shared_file,
				      .names = xcalloc(1 << NAMES_BITS, sizeof(*reader.names)) };

	table->dies = xreallocarray(table->dies, table->n_dies + 1, sizeof(*table->dies));
	table->dies[table->n_dies++] = (struct type_dies){ .module = (uint32_t)index, .is_shared = sections == &file->shared_sections, .is_split = sections->is_split };
	die_reader_init(&reader.dies, sections);
	die_reader_with_facts(&reader.dies, file->has_shared && sections == &file->sections ? &file->shared_sections : NULL);
	for (uint64_t at = 0; die_reader_unit(&reader.dies, at) || reader.dies.unit.end; at = reader.dies.unit.end) {
		raw_types_read(&reader);
		unit_types_keep(&reader);
		if (table->truncated)
			break;
	}
	if (sections == &file->sections)
		unit_types_keep_distant(&reader, modules);
	table->bytes_read += sections->info.size;
	die_reader_deinit(&reader.dies);
	free(reader.names);
	array_deinit(&reader.raws);
	array_deinit(&reader.members);
	array_deinit(&reader.variables);
	array_deinit(&reader.scopes);
	array_deinit(&reader.distant);
	array_deinit(&reader.pending);
	array_deinit(&reader.bits);
	array_deinit(&reader.ranks);
	array_trim(&table->dies[reader.file].v);
	return reader.file;
}

bool type_table_read(struct type_table *table, struct modules *modules, size_t module)
{
	const struct dwarf_file *file = module_dwarf_sections(modules, &modules->v.v[module]);
	const struct dwarf_sections *split;
	uint32_t shared = UINT32_MAX;
	struct split_walk walk;

	if (!file || !file->sections.info.size)
		return false;
	if (file->has_shared && file->shared_sections.info.size)
		shared = file_read(table, modules, module, file, &file->shared_sections, UINT32_MAX);
	file_read(table, modules, module, file, &file->sections, shared);
	split_walk_begin(&walk, modules, &modules->v.v[module], file);
	while (!table->truncated && (split = split_walk_next(&walk)) != NULL)
		file_read(table, modules, module, file, split, UINT32_MAX);
	table->has_split |= walk.met > 0;
	split_walk_end(&walk);
	return true;
}
