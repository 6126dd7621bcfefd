/* SPDX-License-Identifier: MIT */
#include "types/type_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "debug/cache.h"
#include "debug/identity.h"
#include "debug/modules.h"
#include "types/type_index.h"
#include "types/type_table.h"

enum {
	/** Tags of columns. */
	COLUMN_SUMMARY = 1,
	COLUMN_DESCRIBED,
	COLUMN_TEXT,
	COLUMN_TYPES,
	COLUMN_MEMBERS,
	COLUMN_VARIABLES,
	COLUMN_FILES,
	COLUMN_DIES,
	COLUMN_DIE_TYPES,
	/** Elements that are put together before they are packed. */
	BATCH = 4096,
};

/** .debug_info that is read faster than a file is kept. Units: bytes. */
#define WORTH_KEEPING (UINT64_C(1) << 20)

/* ---- what stands in the columns ---- */

struct kept_summary {
	uint64_t bytes_read;
	uint64_t truncated;
};

/** Names are offsets in the text, which begins with an empty one. */
struct kept_type {
	uint64_t size, count;
	uint32_t name, target, first, n;
	uint16_t module;
	uint8_t kind, flags;
	uint32_t zero;
};

struct kept_member {
	uint64_t offset;
	uint32_t name, type;
	uint16_t bit_size;
	uint8_t bit_offset, kind;
	uint32_t zero;
};

struct kept_variable {
	uint64_t start, die;
	uint32_t type, module;
	uint64_t is_thread_local;
};

struct kept_file {
	uint32_t module, is_shared;
	uint64_t n;
};

/* ---- to columns ---- */

/** Where the text of a piece begins in the column. */
struct text_place {
	const char *start, *end;
	uint32_t offset;
};

static int place_compare(const void *a, const void *b)
{
	const struct text_place *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

/* Packs all text; gives where each piece is. Owner: the caller. */
static struct text_place *text_keep(const struct type_index *index, struct cache_entry *entry)
{
	struct text_place *places = xcalloc(index->pieces.n + 1, sizeof(*places));
	uint32_t offset = 1;

	cache_column_begin(entry, COLUMN_TEXT, 1);
	cache_column_add(entry, "", 1);
	for (size_t i = 0; i < index->pieces.n; i++) {
		const struct text_piece *piece = &index->pieces.v[i];

		places[i] = (struct text_place){ piece->bytes + piece->left, piece->bytes + piece->size, offset };
		cache_column_add(entry, places[i].start, piece->size - piece->left);
		offset += (uint32_t)(piece->size - piece->left);
	}
	if (index->pieces.n)
		qsort(places, index->pieces.n, sizeof(*places), place_compare);
	return places;
}

/* Where a name is in the column; 0, an empty one, when it is in no piece. */
static uint32_t text_offset(const struct text_place *places, size_t n, const char *name)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places[middle].end <= name)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && places[low].start <= name ? places[low].offset + (uint32_t)(name - places[low].start) : 0;
}

static void dies_keep(const struct type_table *table, struct cache_entry *entry)
{
	uint32_t batch[BATCH];

	cache_column_begin(entry, COLUMN_FILES, sizeof(struct kept_file));
	for (size_t i = 0; i < table->n_dies; i++)
		cache_column_add(entry, &(struct kept_file){ table->dies[i].module, table->dies[i].is_shared, table->dies[i].v.n }, 1);
	// Differences, which are small.
	cache_column_begin(entry, COLUMN_DIES, sizeof(uint32_t));
	for (size_t i = 0; i < table->n_dies; i++) {
		uint32_t last = 0;

		for (size_t at = 0; at < table->dies[i].v.n;) {
			size_t n = 0;

			for (; n < BATCH && at < table->dies[i].v.n; at++) {
				batch[n++] = table->dies[i].v.v[at].offset - last;
				last = table->dies[i].v.v[at].offset;
			}
			cache_column_add(entry, batch, n);
		}
	}
	cache_column_begin(entry, COLUMN_DIE_TYPES, sizeof(uint32_t));
	for (size_t i = 0; i < table->n_dies; i++) {
		for (size_t at = 0; at < table->dies[i].v.n;) {
			size_t n = 0;

			for (; n < BATCH && at < table->dies[i].v.n; at++)
				batch[n++] = table->dies[i].v.v[at].type;
			cache_column_add(entry, batch, n);
		}
	}
}

void type_table_keep(const struct type_table *table, const bool *described, size_t n_modules, struct cache_entry *entry)
{
	size_t n_pieces = table->index->pieces.n;

	cache_column_begin(entry, COLUMN_SUMMARY, sizeof(struct kept_summary));
	cache_column_add(entry, &(struct kept_summary){ table->bytes_read, table->truncated }, 1);
	cache_column_begin(entry, COLUMN_DESCRIBED, 1);
	for (size_t i = 0; i < n_modules; i++)
		cache_column_add(entry, &(uint8_t){ described[i] }, 1);

	_cleanup_free_ struct text_place *places = text_keep(table->index, entry);

	cache_column_begin(entry, COLUMN_TYPES, sizeof(struct kept_type));
	for (size_t i = 0; i < table->v.n; i++) {
		const struct type *type = &table->v.v[i];

		cache_column_add(entry, &(struct kept_type){
			.size = type->size, .count = type->count, .name = text_offset(places, n_pieces, type->name), .target = type->target, .first = type->first,
			.n = type->n, .module = type->module, .kind = type->kind, .flags = type->flags }, 1);
	}
	cache_column_begin(entry, COLUMN_MEMBERS, sizeof(struct kept_member));
	for (size_t i = 0; i < table->members.n; i++) {
		const struct type_member *member = &table->members.v[i];

		cache_column_add(entry, &(struct kept_member){
			.offset = member->offset, .name = text_offset(places, n_pieces, member->name), .type = member->type, .bit_size = member->bit_size,
			.bit_offset = member->bit_offset, .kind = member->kind }, 1);
	}
	cache_column_begin(entry, COLUMN_VARIABLES, sizeof(struct kept_variable));
	for (size_t i = 0; i < table->variables.n; i++) {
		const struct type_variable *variable = &table->variables.v[i];

		cache_column_add(entry, &(struct kept_variable){ variable->start, variable->die, variable->type, variable->module, variable->is_thread_local }, 1);
	}
	dies_keep(table, entry);
}

/* ---- and back ---- */

/* What was taken out of the columns. */
struct revival {
	const struct cache_entry *entry;
	size_t n_modules;
	char *text;
	size_t text_size;
	struct type_table *table;
};

static const char *text_at(const struct revival *revival, uint32_t offset)
{
	return offset && offset < revival->text_size ? revival->text + offset : "";
}

static bool types_revive(struct revival *revival)
{
	struct type_table *table = revival->table;
	size_t n, n_members;
	_cleanup_free_ struct kept_type *types = cache_column_get(revival->entry, COLUMN_TYPES, sizeof(*types), &n);
	_cleanup_free_ struct kept_member *members = cache_column_get(revival->entry, COLUMN_MEMBERS, sizeof(*members), &n_members);

	if (!types || !members || n == 0 || n > TYPES_MAX || n_members > TYPE_MEMBERS_MAX)
		return false;
	array_reserve(&table->v, n);
	for (size_t i = 0; i < n; i++) {
		const struct kept_type *kept = &types[i];

		if ((kept->kind == TYPE_VOID) != (i == 0) || kept->kind >= TYPE_KINDS || kept->n > n_members || kept->first > n_members - kept->n ||
		    (kept->target != TYPE_NONE && kept->target >= n))
			return false;
		table->v.v[i] = (struct type){
			.name = i ? text_at(revival, kept->name) : "void", .size = kept->size, .count = kept->count, .target = kept->target, .first = kept->first,
			.n = kept->n, .kind = kept->kind, .flags = kept->flags, .module = kept->module };
	}
	table->v.n = n;
	array_reserve(&table->members, n_members);
	for (size_t i = 0; i < n_members; i++) {
		const struct kept_member *kept = &members[i];

		if (kept->type >= n || kept->kind >= MEMBER_KINDS || kept->bit_offset > 7)
			return false;
		table->members.v[i] = (struct type_member){
			.name = text_at(revival, kept->name), .offset = kept->offset, .type = kept->type, .bit_size = kept->bit_size, .bit_offset = kept->bit_offset,
			.kind = kept->kind };
	}
	table->members.n = n_members;
	return true;
}

static bool variables_revive(struct revival *revival)
{
	struct type_table *table = revival->table;
	size_t n;
	_cleanup_free_ struct kept_variable *variables = cache_column_get(revival->entry, COLUMN_VARIABLES, sizeof(*variables), &n);

	if (!variables || n > TYPE_VARIABLES_MAX)
		return false;
	array_reserve(&table->variables, n);
	for (size_t i = 0; i < n; i++) {
		const struct kept_variable *kept = &variables[i];

		if (kept->type >= table->v.n || kept->module >= revival->n_modules || kept->is_thread_local > 1)
			return false;
		table->variables.v[i] = (struct type_variable){
			.start = kept->start, .die = kept->die, .type = kept->type, .module = kept->module, .is_thread_local = kept->is_thread_local };
	}
	table->variables.n = n;
	return true;
}

static bool dies_revive(struct revival *revival)
{
	struct type_table *table = revival->table;
	size_t n_files, n, n_types, at = 0;
	_cleanup_free_ struct kept_file *files = cache_column_get(revival->entry, COLUMN_FILES, sizeof(*files), &n_files);
	_cleanup_free_ uint32_t *dies = cache_column_get(revival->entry, COLUMN_DIES, sizeof(*dies), &n);
	_cleanup_free_ uint32_t *types = cache_column_get(revival->entry, COLUMN_DIE_TYPES, sizeof(*types), &n_types);

	if (!files || !dies || !types || n != n_types || n_files > revival->n_modules * 2)
		return false;
	table->dies = xcalloc(n_files + 1, sizeof(*table->dies));
	for (size_t i = 0; i < n_files; i++) {
		struct type_dies *one = &table->dies[table->n_dies++];
		uint64_t offset = 0;

		*one = (struct type_dies){ .module = files[i].module, .is_shared = files[i].is_shared == 1 };
		if (files[i].module >= revival->n_modules || files[i].is_shared > 1 || files[i].n > n - at)
			return false;
		array_reserve(&one->v, files[i].n);
		for (; one->v.n < files[i].n; at++) {
			offset += dies[at];
			if (offset > UINT32_MAX || (one->v.n && !dies[at]) || types[at] >= table->v.n)
				return false;
			one->v.v[one->v.n++] = (struct type_die){ (uint32_t)offset, types[at] };
		}
	}
	return at == n;
}

static bool summary_revive(struct revival *revival, bool *described)
{
	size_t n, n_described;
	_cleanup_free_ struct kept_summary *summary = cache_column_get(revival->entry, COLUMN_SUMMARY, sizeof(*summary), &n);
	_cleanup_free_ uint8_t *flags = cache_column_get(revival->entry, COLUMN_DESCRIBED, 1, &n_described);

	if (!summary || !flags || n != 1 || n_described != revival->n_modules)
		return false;
	for (size_t i = 0; i < n_described; i++)
		described[i] = flags[i] != 0;
	revival->table->bytes_read = summary->bytes_read;
	revival->table->truncated = summary->truncated != 0;
	return true;
}

bool type_table_revive(struct type_table *table, bool *described, size_t n_modules, const struct cache_entry *entry)
{
	struct type_table revived;
	struct revival revival = { .entry = entry, .n_modules = n_modules, .table = &revived };

	type_table_init(&revived);
	revived.v.n = 0;
	revival.text = cache_column_get(entry, COLUMN_TEXT, 1, &revival.text_size);
	if (revival.text && revival.text_size && revival.text_size <= TYPE_TEXT_MAX && revival.text[revival.text_size - 1] == '\0') {
		array_append(&revived.index->pieces, (struct text_piece){ revival.text, revival.text_size, 0 });
		revived.index->text_size = revival.text_size;
		if (types_revive(&revival) && variables_revive(&revival) && dies_revive(&revival) && summary_revive(&revival, described)) {
			type_index_names(&revived);
			type_table_deinit(table);
			*table = revived;
			return true;
		}
	} else {
		free(revival.text);
	}
	type_table_deinit(&revived);
	return false;
}

/* ---- all modules ---- */

bool *type_table_read_all(struct type_table *table, struct modules *modules)
{
	const char *directory = modules->options.cache_dir;
	_cleanup_free_ char *identity = directory ? modules_identity(modules) : NULL;
	_cleanup_cache_entry_ struct cache_entry entry = { .bytes = NULL };
	bool *described = xcalloc(modules->v.n + 1, sizeof(*described));

	if (identity && cache_load(directory, "types", identity, &entry) && type_table_revive(table, described, modules->v.n, &entry))
		return described;
	cache_entry_deinit(&entry);
	for (size_t i = 0; i < modules->v.n; i++)
		described[i] = type_table_read(table, modules, i);
	type_table_seal(table);
	if (identity && !table->has_split && table->bytes_read >= WORTH_KEEPING) {
		type_table_keep(table, described, modules->v.n, &entry);
		modules_keep(modules, "types", identity, &entry);
	}
	return described;
}
