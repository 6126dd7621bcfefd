/* SPDX-License-Identifier: MIT */
/*
 * The parts of a type are rows in the order of the declaration, what is inside of one behind it and one deeper. A walk over them keeps for each level where it is in the parts, and of an
 * array of structs which element; its depth is bounded, whatever the parts say.
 */
#include "report/print_fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/graph_text.h"

enum {
	/** Elements of an array that are shown: of structs, of others; and characters. */
	STRUCTS_SHOWN = 2,
	ELEMENTS_SHOWN = 4,
	CHARACTERS_SHOWN = 48,
	/** Rows for programs. */
	ROWS_MAX = 1 << 12,
};

struct printer {
	struct writer *writer;
	const struct snapshot *snapshot;
	chunk_id chunk;
	/** Of the chunk, as far as there are any; NULL for none. */
	const uint8_t *bytes;
	size_t length;
	size_t rows, limit, left_out;
	/** Some value could have been told with the bytes of the chunk. */
	bool lacks_bytes;
};

static uint64_t number_at(const uint8_t *bytes, uint64_t size)
{
	uint64_t number = 0;

	memcpy(&number, bytes, size < sizeof(number) ? size : sizeof(number));
	return number;
}

/* ---- what values look like ---- */

/* What lies at an address: «200 B, struct conn», «closed (server)»; NULL when that is not known. Owner: the caller; escaped. */
static char *target_text(const struct printer *printer, vaddr address)
{
	const struct chunks *chunks = &printer->snapshot->heap.chunks;
	chunk_id to = chunks_find(chunks, address);
	const struct snapshot_symbol *symbol;

	if (to != CHUNK_NONE) {
		_cleanup_free_ char *what = chunk_text(printer->writer, printer->snapshot, to);
		bool is_free = chunks->state[to] > CHUNK_INTERNAL;

		return address == chunks->mem[to] ? xasprintf("%s%s", what, is_free ? ", free" : "") :
						    xasprintf("+0x%" PRIx64 " into %s%s", address - chunks->mem[to], what, is_free ? ", free" : "");
	}
	symbol = snapshot_symbol_at(printer->snapshot, address);
	if (!symbol)
		return NULL;

	_cleanup_free_ char *phrase = symbol->name ? xasprintf("%s (%s)", symbol->name, symbol->module) : xstrdup(symbol->module);

	return text_escape(phrase, strlen(phrase));
}

/* The chunk that a pointer at an offset leads to, by the graph; CHUNK_NONE. */
static chunk_id edge_target(const struct printer *printer, uint64_t offset)
{
	const struct edges *edges = &printer->snapshot->graph.edges;
	size_t low, high;

	if (!edges->first || !edges->place || printer->chunk >= edges->n_chunks)
		return CHUNK_NONE;
	low = edges->first[printer->chunk];
	high = edges->first[printer->chunk + 1];
	// In the order of their place.
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (edge_offset(edges, middle) < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < edges->first[printer->chunk + 1] && edge_offset(edges, low) == offset ? edge_to(edges, low) : CHUNK_NONE;
}

/* A pointer without the bytes it lies in, in a list without what it leads to; NULL when the graph has none there. */
static char *known_pointer(struct printer *printer, uint64_t offset, bool in_list)
{
	chunk_id to = edge_target(printer, offset);

	if (to == CHUNK_NONE) {
		printer->lacks_bytes = true;
		return NULL;
	}
	if (in_list)
		return xasprintf("0x%" PRIxVADDR, printer->snapshot->heap.chunks.mem[to]);

	_cleanup_free_ char *what = chunk_text(printer->writer, printer->snapshot, to);

	return xasprintf("0x%" PRIxVADDR " (%s)", printer->snapshot->heap.chunks.mem[to], what);
}

static char *pointer_value(const struct printer *printer, uint64_t word, bool in_list)
{
	_cleanup_free_ char *what = word && !in_list ? target_text(printer, word) : NULL;

	if (!word)
		return xstrdup("null");
	return what ? xasprintf("0x%" PRIx64 " (%s)", word, what) : xasprintf("0x%" PRIx64, word);
}

static int64_t sign_extend(uint64_t number, unsigned bits)
{
	return bits && bits < 64 ? (int64_t)(number << (64 - bits)) >> (64 - bits) : (int64_t)number;
}

/* «kilroy», cut where it is too long. */
static char *text_value(const uint8_t *bytes, uint64_t length)
{
	uint64_t end = strnlen((const char *)bytes, length), shown = end < CHARACTERS_SHOWN ? end : CHARACTERS_SHOWN;
	_cleanup_free_ char *text = text_escape((const char *)bytes, shown);

	return xasprintf("\"%s\"%s", text, shown < end ? " and on" : "");
}

static char *float_value(const uint8_t *bytes, uint64_t size)
{
	float single;
	double number;

	if (size == sizeof(single)) {
		memcpy(&single, bytes, sizeof(single));
		return xasprintf("%g", (double)single);
	}
	if (size == sizeof(number)) {
		memcpy(&number, bytes, sizeof(number));
		return xasprintf("%g", number);
	}
	return NULL;
}

/* One element that is no struct, by its bytes. NULL when there is nothing to say of such a thing. Owner: the caller; escaped. */
static char *scalar_value(const struct printer *printer, const struct type_part *part, const uint8_t *bytes, bool in_list)
{
	uint64_t number = number_at(bytes, part->size);
	unsigned bits = part->size < 8 ? (unsigned)part->size * 8 : 64;
	const char *constant;

	if (part->bit_size) {
		if (part->bit_offset >= 64 || part->bit_size > 64)
			return NULL;
		bits = part->bit_size;
		number = number >> part->bit_offset & (bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX);
	} else if (part->size > 8 && part->kind != PART_FLOAT) {
		return NULL;
	}
	switch (part->kind) {
	case PART_POINTER:
	case PART_FUNCTION:
		return pointer_value(printer, number, in_list);
	case PART_SIGNED:
		return xasprintf("%" PRId64, sign_extend(number, bits));
	case PART_UNSIGNED:
		return xasprintf("%" PRIu64, number);
	case PART_CHAR:
		return number >= 0x20 && number < 0x7f ? xasprintf("%" PRIu64 " '%c'", number, (char)number) : xasprintf("%" PRIu64, number);
	case PART_BOOL:
		return number > 1 ? xasprintf("%" PRIu64 ", neither true nor false", number) : xstrdup(number ? "true" : "false");
	case PART_ENUM: {
		constant = part_constant(&printer->snapshot->types, part, sign_extend(number, bits));
		if (!constant)
			constant = part_constant(&printer->snapshot->types, part, (int64_t)number);
		if (!constant)
			return xasprintf("%" PRIu64, number);

		_cleanup_free_ char *name = text_escape(constant, strlen(constant));

		return xasprintf("%s (%" PRId64 ")", name, sign_extend(number, bits));
	}
	case PART_FLOAT:
		return float_value(bytes, part->size);
	case PART_STRUCT:
	case PART_UNION:
	case PART_OTHER:
	case PART_KINDS:
		break;
	}
	return NULL;
}

static char *append(char *list, const char *value)
{
	char *longer = list ? xasprintf("%s, %s", list, value) : xstrdup(value);

	free(list);
	return longer;
}

/* The first elements of an array that is not one of structs; of pointers without their bytes how many lead to chunks. Owner: the caller; escaped. */
static char *array_value(struct printer *printer, const struct type_part *part, uint64_t offset, uint64_t count)
{
	char *list = NULL;
	uint64_t shown = 0;

	if (part->kind == PART_CHAR && part->size == 1) {
		if (!printer->bytes || offset >= printer->length) {
			printer->lacks_bytes = true;
			return NULL;
		}
		return text_value(printer->bytes + offset, count < printer->length - offset ? count : printer->length - offset);
	}
	for (; shown < count && shown < ELEMENTS_SHOWN; shown++) {
		uint64_t at = offset + shown * part->size;
		bool has_bytes = printer->bytes && at < printer->length && part->size <= printer->length - at;
		_cleanup_free_ char *value = has_bytes			  ? scalar_value(printer, part, printer->bytes + at, true)
					     : part->kind == PART_POINTER ? known_pointer(printer, at, true)
									  : NULL;

		if (!value && !list && part->kind != PART_POINTER) {
			printer->lacks_bytes |= !has_bytes;
			return NULL;
		}
		list = append(list, value ? value : "?");
	}
	if (shown < count) {
		char number[TEXT_NUMBER_MAX];
		_cleanup_free_ char *rest = xasprintf("%s more", text_count(number, count - shown));

		list = append(list, rest);
	}
	return list;
}

/* What a part holds. NULL where that is not known, or there is nothing to say. Owner: the caller; escaped. */
static char *part_value(struct printer *printer, const struct type_part *part, uint64_t offset, uint64_t count)
{
	if (part->kind == PART_STRUCT || part->kind == PART_UNION || part->kind == PART_OTHER || !part->size)
		return NULL;
	if (part->is_array)
		return array_value(printer, part, offset, count);
	if (printer->bytes && offset < printer->length && part->size <= printer->length - offset)
		return scalar_value(printer, part, printer->bytes + offset, false);
	if (part->kind == PART_POINTER)
		return known_pointer(printer, offset, false);
	printer->lacks_bytes = true;
	return NULL;
}

/* ---- rows ---- */

/* What is a heading has no value that could be missing. */
static bool is_heading(const char *kind, const char *type)
{
	return !type || !strcmp(kind, part_kind_name(PART_STRUCT)) || !strcmp(kind, part_kind_name(PART_UNION));
}

static void row_print(struct printer *printer, uint64_t offset, size_t depth, const char *name, const char *type, const char *kind, const char *value)
{
	bool holds_nothing = is_heading(kind, type);
	bool is_text = writer_options(printer->writer)->format == FORMAT_TEXT;

	if ((is_text && printer->limit && printer->rows >= printer->limit) || printer->rows >= ROWS_MAX) {
		printer->left_out++;
		return;
	}
	printer->rows++;

	_cleanup_free_ char *place = xasprintf("+0x%" PRIx64, offset), *escaped = text_escape(name, strlen(name));
	_cleanup_free_ char *label = xasprintf("%*s%s", (int)depth * 2, "", *escaped ? escaped : "-");

	writer_row(printer->writer, (struct value[]){
					    value_number(offset),
					    value_number(depth),
					    value_text(name),
					    value_word(kind),
					    value_word(place),
					    value_word(label),
					    type || !is_text ? value_text(type) : value_word(""),
					    value || !is_text || !holds_nothing ? value_word(value) : value_word(""),
				    });
}

/* How many elements an array has here: of one without a bound as many as there is room for. */
static uint64_t elements_of(const struct printer *printer, const struct type_part *part, uint64_t offset)
{
	uint64_t usable = chunk_usable(&printer->snapshot->heap.chunks, printer->chunk);

	if (!part->is_array)
		return 1;
	if (part->count > 1 || !part->size)
		return part->count;
	return offset < usable ? (usable - offset) / part->size : 0;
}

static void part_print(struct printer *printer, const struct type_part *part, uint64_t offset, uint64_t count, size_t depth)
{
	_cleanup_free_ char *value = part_value(printer, part, offset, count);
	_cleanup_free_ char *type = part->bit_size ? xasprintf("%s: %" PRIu32, part->type, part->bit_size)
				    : !part->is_array ? xstrdup(part->type)
				    : part->count     ? xasprintf("%s[%" PRIu64 "]", part->type, part->count)
						      : xasprintf("%s[]", part->type);

	row_print(printer, offset, depth, part->name, type, part_kind_name(part->kind), value);
}

/* Parts on one level: of a struct, or of an element of an array of structs. */
struct level {
	size_t begin, end, at;
	/** Of the first of all parts: where the struct or element begins less where its parts say. Units: bytes. */
	uint64_t shift;
	/** Of an array: which element, how many there are, and how large one is. */
	uint64_t element, n, stride;
	bool is_array;
};

static void element_heading(struct printer *printer, const struct level *level, uint64_t offset, size_t depth)
{
	_cleanup_free_ char *name = xasprintf("[%" PRIu64 "]", level->element);

	if (level->is_array)
		row_print(printer, offset, depth, name, NULL, "element", NULL);
}

/* All parts of a type behind its first one, which is the whole; `start` is where that begins in the chunk, and it is one of `n` of its kind. */
static void walk(struct printer *printer, const struct type_part *parts, size_t n_parts, uint64_t start, uint64_t n, bool is_array)
{
	struct level levels[PART_DEPTH_MAX + 2];
	size_t depth = 0;
	uint64_t usable = chunk_usable(&printer->snapshot->heap.chunks, printer->chunk);

	levels[depth++] = (struct level){ .begin = 1, .end = n_parts, .at = 1, .shift = start, .n = n, .stride = parts->size, .is_array = is_array };
	element_heading(printer, &levels[0], start, 0);
	while (depth) {
		struct level *level = &levels[depth - 1];
		const struct type_part *part;
		uint64_t offset, count;
		size_t end;

		if (level->at == level->end) {
			if (level->is_array && level->element + 1 < level->n && level->element + 1 < STRUCTS_SHOWN) {
				level->element++;
				level->shift += level->stride;
				level->at = level->begin;
				element_heading(printer, level, level->shift + (level->begin > 1 ? parts[level->begin - 1].offset : 0), depth - 1);
				continue;
			}
			if (level->is_array && level->element + 1 < level->n) {
				char count_text[TEXT_NUMBER_MAX];
				_cleanup_free_ char *more = xasprintf("(%s more)", text_count(count_text, level->n - level->element - 1));

				row_print(printer, level->shift + level->stride + (level->begin > 1 ? parts[level->begin - 1].offset : 0), depth - 1, more, NULL, "rest", NULL);
			}
			depth--;
			continue;
		}
		part = &parts[level->at];
		for (end = level->at + 1; end < level->end && parts[end].depth > part->depth; end++)
			;
		if (__builtin_add_overflow(part->offset, level->shift, &offset) || offset >= usable) {
			level->at = end;
			continue;
		}
		count = elements_of(printer, part, offset);
		// Within an element of an array names stand deeper than its heading.
		part_print(printer, part, offset, count, depth - 1 + (levels[0].is_array || (depth > 1 && level->is_array)));
		if (end > level->at + 1 && depth < sizeof(levels) / sizeof(levels[0]) && count) {
			levels[depth] = (struct level){ .begin = level->at + 1, .end = end, .at = level->at + 1, .shift = level->shift, .n = count, .stride = part->size,
							.is_array = part->is_array };
			level->at = end;
			depth++;
			element_heading(printer, &levels[depth - 1], offset, depth - 1);
			continue;
		}
		level->at = end;
	}
}

void print_fields(struct writer *writer, const struct snapshot *snapshot, chunk_id chunk, size_t limit)
{
	static const struct column columns[] = {
		{ .key = "offset" },
		{ .key = "depth" },
		{ .key = "name" },
		{ .key = "kind" },
		{ .title = "offset", .flags = COLUMN_RIGHT },
		{ .title = "field" },
		{ .key = "type", .title = "type" },
		{ .key = "value", .title = "value" },
	};
	static const struct table table = { .key = "fields", .columns = columns, .n_columns = sizeof(columns) / sizeof(columns[0]) };
	const struct types *types = &snapshot->types;
	struct printer printer = { .writer = writer, .snapshot = snapshot, .chunk = chunk, .limit = limit };
	const struct type_part *parts;
	uint64_t start, elements;
	size_t n = 0;
	char count[TEXT_NUMBER_MAX];

	if (!types->is_built || !types->labels.v[types->label[chunk]].is_type)
		return;
	parts = label_parts(types, types->label[chunk], &n);
	if (!parts)
		return;
	elements = chunk_elements(types, &snapshot->heap.chunks, chunk, &start);
	printer.bytes = snapshot_contents(snapshot, chunk, &printer.length);
	writer_print(writer, STYLE_PLAIN, "\n");
	writer_table_begin(writer, &table);
	if (n > 1) {
		walk(&printer, parts, n, start, elements, elements != 1);
	} else {
		// Numbers, pointers, characters.
		struct type_part whole = parts[0];

		whole.is_array = true;
		whole.count = elements;
		part_print(&printer, &whole, start, elements, 0);
	}
	writer_table_end(writer);
	if (printer.left_out)
		writer_print(writer, STYLE_FAINT, "(and %s more fields; -v shows all)\n", text_count(count, printer.left_out));
	if (printer.lacks_bytes && !printer.bytes)
		writer_print(writer, STYLE_FAINT, "Values take --contents: of a process, a core, or a snapshot saved with it.\n");
	writer_print(writer, STYLE_PLAIN, "\n");
}
