/* SPDX-License-Identifier: MIT */
#include "types/enclosing.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "types/type_index.h"

enum {
	ROWS_MAX = 1 << 22,
	DEPTH_MAX = 16,
	/** Of one type. */
	INNER_MAX = 512,
	/** Members that a base which is only written out may have, and the least. */
	PREFIX_MIN = 2,
	PREFIX_MAX = 6,
	/** A base is smaller than what it is for; larger ones are just like each other. Units: bytes. */
	PREFIX_SIZE_MAX = 64,
};

static int row_compare(const void *a, const void *b)
{
	const struct enclosing_type *left = a, *right = b;

	if (left->inner != right->inner)
		return left->inner < right->inner ? -1 : 1;
	if (left->offset != right->offset)
		return left->offset < right->offset ? -1 : 1;
	if (left->size != right->size)
		return left->size < right->size ? -1 : 1;
	return left->outer < right->outer ? -1 : left->outer > right->outer;
}

static void row_add(struct enclosing *enclosing, const struct type_table *table, type_id inner, uint64_t offset, type_id outer)
{
	uint64_t size = type_at(table, outer)->size;

	if (enclosing->v.n < ROWS_MAX && offset <= UINT32_MAX)
		array_append(&enclosing->v, (struct enclosing_type){ inner, (uint32_t)offset, outer, size < UINT32_MAX ? (uint32_t)size : UINT32_MAX });
}

/* Text at the end of a struct: where it begins is what a pointer to the text hits, and what is in front of it the text does not say. */
static void text_end_collect(struct enclosing *enclosing, const struct type_table *table, const struct type *type, uint64_t offset, type_id outer)
{
	const struct type_member *last = &table->members.v[type->first + type->n - 1];
	type_id array = type_strip(table, last->type), element;

	if (type->kind == TYPE_UNION || last->kind != MEMBER_FIELD || last->offset == MEMBER_NO_OFFSET || array == TYPE_NONE || type_at(table, array)->kind != TYPE_ARRAY)
		return;
	element = type_strip(table, type_at(table, array)->target);
	if (element != TYPE_NONE && type_at(table, element)->kind == TYPE_CHAR && offset + last->offset > 0)
		row_add(enclosing, table, enclosing->text, offset + last->offset, outer);
}

struct open_struct {
	const struct type *type;
	uint64_t offset;
	uint32_t next;
};

static void inner_collect(struct enclosing *enclosing, const struct type_table *table, type_id outer)
{
	struct open_struct open[DEPTH_MAX];
	size_t depth = 1, found = 0;

	open[0] = (struct open_struct){ .type = type_at(table, outer) };
	while (depth && found < INNER_MAX) {
		struct open_struct *top = &open[depth - 1];

		if (top->next == top->type->n) {
			// What is inside of another struct only counts if nothing comes behind it.
			if (depth == 1 || (open[depth - 2].next == open[depth - 2].type->n))
				text_end_collect(enclosing, table, top->type, top->offset, outer);
			depth--;
			continue;
		}

		const struct type_member *member = &table->members.v[top->type->first + top->next++];
		type_id type = type_strip(table, member->type);

		if ((member->kind != MEMBER_FIELD && member->kind != MEMBER_BASE) || member->offset == MEMBER_NO_OFFSET || type == TYPE_NONE)
			continue;
		if (!type_is_aggregate(table, type) || !type_at(table, type)->size)
			continue;
		found++;
		row_add(enclosing, table, type, top->offset + member->offset, outer);
		if (depth < DEPTH_MAX && top->offset + member->offset <= UINT32_MAX)
			open[depth++] = (struct open_struct){ .type = type_at(table, type), .offset = top->offset + member->offset };
	}
}

/* Hashes of the first members of a struct, 1 to PREFIX_MAX of them; gives how many. */
static size_t prefixes(const struct type_table *table, const struct type *type, uint64_t hashes[PREFIX_MAX])
{
	uint64_t hash = 17;
	size_t n = 0;

	for (uint32_t i = 0; i < type->n && n < PREFIX_MAX; i++) {
		const struct type_member *member = &table->members.v[type->first + i];

		if (member->kind != MEMBER_FIELD || !*member->name)
			break;
		hash = hash_mix(hash_mix(hash, member->offset), hash_bytes(member->name, strlen(member->name)));
		hash = hash_mix(hash, member->bit_size);
		hashes[n++] = hash;
	}
	return n;
}

/* Types that begin as another one does, member by member. */
static void heirs_collect(struct enclosing *enclosing, const struct type_table *table)
{
	struct hash_map bases = { .v = NULL };
	uint64_t hashes[PREFIX_MAX];

	for (size_t i = 0; i < table->v.n; i++) {
		const struct type *type = &table->v.v[i];

		if (type->kind != TYPE_STRUCT || type->n < PREFIX_MIN || type->n > PREFIX_MAX || !type->size || type->size > PREFIX_SIZE_MAX)
			continue;
		if (prefixes(table, type, hashes) == type->n && hash_map_get(&bases, hashes[type->n - 1]) == UINT32_MAX)
			hash_map_set(&bases, hashes[type->n - 1], (uint32_t)i);
	}
	for (size_t i = 0; i < table->v.n && bases.n; i++) {
		const struct type *type = &table->v.v[i];
		size_t n;

		if (type->kind != TYPE_STRUCT || !type->size)
			continue;
		n = prefixes(table, type, hashes);
		for (size_t j = PREFIX_MIN; j <= n && j < type->n; j++) {
			uint32_t base = hash_map_get(&bases, hashes[j - 1]);

			if (base != UINT32_MAX && base != i && type_at(table, base)->size <= type->size)
				row_add(enclosing, table, base, 0, (type_id)i);
		}
	}
	hash_map_deinit(&bases);
}

/* Sorts the rows, and finds where those of each type begin. */
static void rows_index(struct enclosing *enclosing)
{
	size_t kept = 0;

	if (enclosing->v.n)
		qsort(enclosing->v.v, enclosing->v.n, sizeof(*enclosing->v.v), row_compare);
	for (size_t i = 0; i < enclosing->v.n; i++) {
		if (!kept || row_compare(&enclosing->v.v[kept - 1], &enclosing->v.v[i]) != 0)
			enclosing->v.v[kept++] = enclosing->v.v[i];
	}
	enclosing->v.n = kept;
	free(enclosing->first);
	enclosing->first = xcalloc(enclosing->n_types + 2, sizeof(*enclosing->first));
	for (size_t i = 0; i < kept; i++)
		enclosing->first[enclosing->v.v[i].inner + 1]++;
	for (size_t i = 0; i < enclosing->n_types; i++)
		enclosing->first[i + 1] += enclosing->first[i];
}

/* What has an heir inside has its base inside, too. */
static void heirs_nest(struct enclosing *enclosing, const struct type_table *table, const struct enclosing_type *heirs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t end = enclosing->first[heirs[i].outer + 1];

		for (uint32_t j = enclosing->first[heirs[i].outer]; j < end; j++) {
			struct enclosing_type outer = enclosing->v.v[j];

			row_add(enclosing, table, heirs[i].inner, outer.offset, outer.outer);
		}
	}
}

void enclosing_build(const struct type_table *table, struct enclosing *ret)
{
	struct enclosing enclosing = { .text = TYPE_NONE, .n_types = table->v.n }, heirs = { .n_types = table->v.n };

	for (size_t i = 0; i < table->v.n && enclosing.text == TYPE_NONE; i++) {
		if (table->v.v[i].kind == TYPE_CHAR)
			enclosing.text = (type_id)i;
	}
	for (size_t i = 0; i < table->v.n; i++) {
		if (type_is_aggregate(table, (type_id)i) && table->v.v[i].size && table->v.v[i].n)
			inner_collect(&enclosing, table, (type_id)i);
	}
	heirs_collect(&heirs, table);
	rows_index(&enclosing);
	heirs_nest(&enclosing, table, heirs.v.v, heirs.v.n);
	for (size_t i = 0; i < heirs.v.n; i++)
		row_add(&enclosing, table, heirs.v.v[i].inner, 0, heirs.v.v[i].outer);
	enclosing_deinit(&heirs);
	rows_index(&enclosing);
	*ret = enclosing;
}

void enclosing_deinit(struct enclosing *enclosing)
{
	array_deinit(&enclosing->v);
	free(enclosing->first);
	*enclosing = (struct enclosing){ .first = NULL };
}

/* The first row of a type that is not before an offset. */
static size_t row_at(const struct enclosing *enclosing, type_id inner, uint64_t offset)
{
	size_t low = enclosing->first[inner], high = enclosing->first[inner + 1];

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (enclosing->v.v[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct enclosing_type *enclosing_find(const struct enclosing *enclosing, type_id inner, uint64_t offset, size_t *n_ret)
{
	size_t first = row_at(enclosing, inner, offset);

	// A link may be inside of thousands.
	*n_ret = row_at(enclosing, inner, offset + 1) - first;
	return *n_ret ? &enclosing->v.v[first] : NULL;
}

size_t enclosing_heirs(const struct enclosing *enclosing, type_id inner)
{
	size_t n;

	enclosing_find(enclosing, inner, 0, &n);
	return n;
}
