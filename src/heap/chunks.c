/* SPDX-License-Identifier: MIT */
/*
 * Models append rows in address order wherever they can, since then sealing is one linear pass; the sort is for those that cannot.
 *
 * The index covers clusters of rows: a gap of more than GAP between two rows starts a new range, so that a sparse address space costs
 * nothing. Within a range, word w has a bit for each row whose mem lies in its 1 KiB, and rank[w] rows come before them. A lookup
 * inside a chunk is «the last row at or before the address»: rank plus the bits up to it, less one, which may well be a row of
 * an earlier word.
 */
#include "heap/chunks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

enum {
	GAP = 16 * 1024,
	WORD_SPAN = 64 * CHUNK_ALIGN,
};

static const size_t ROWS_MAX = UINT32_MAX; // CHUNK_NONE is no id

const char *chunk_state_name(enum chunk_state state)
{
	static const char *const names[CHUNK_STATES] = {
		[CHUNK_IN_USE] = "in-use", [CHUNK_INTERNAL] = "internal", [CHUNK_TCACHE] = "tcache",
		[CHUNK_FAST] = "fast",	   [CHUNK_UNSORTED] = "unsorted", [CHUNK_SMALL] = "small",
		[CHUNK_LARGE] = "large",   [CHUNK_FREE] = "free",	  [CHUNK_TOP] = "top",
	};

	assert((unsigned)state < CHUNK_STATES);
	return names[state];
}

const char *chunk_kind_name(enum chunk_kind kind)
{
	static const char *const names[CHUNK_KINDS] = {
		[CHUNK_HEAP] = "heap",
		[CHUNK_MMAPPED] = "mmapped",
		[CHUNK_PYMALLOC] = "pymalloc",
	};

	assert((unsigned)kind < CHUNK_KINDS);
	return names[kind];
}

void chunks_init(struct chunks *chunks)
{
	*chunks = (struct chunks){ 0 };
}

static void index_deinit(struct chunks *chunks)
{
	array_deinit(&chunks->ranges);
	free(chunks->bits);
	free(chunks->rank);
	chunks->bits = NULL;
	chunks->rank = NULL;
	chunks->n_words = 0;
}

void chunks_deinit(struct chunks *chunks)
{
	index_deinit(chunks);
	column_free(chunks->mem, chunks->capacity * sizeof(*chunks->mem));
	column_free(chunks->usable, chunks->capacity * sizeof(*chunks->usable));
	column_free(chunks->state, chunks->capacity * sizeof(*chunks->state));
	column_free(chunks->kind, chunks->capacity * sizeof(*chunks->kind));
	chunks_init(chunks);
}

void chunks_reserve(struct chunks *chunks, size_t capacity)
{
	if (capacity > ROWS_MAX)
		capacity = ROWS_MAX;
	if (capacity <= chunks->capacity)
		return;
#define GROW(column) chunks->column = column_grow(chunks->column, chunks->capacity * sizeof(*chunks->column), capacity * sizeof(*chunks->column))
	GROW(mem);
	GROW(usable);
	GROW(state);
	GROW(kind);
#undef GROW
	chunks->capacity = capacity;
}

struct row {
	vaddr mem;
	uint64_t usable;
	uint8_t state, kind;
};

static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	return a->mem < b->mem ? -1 : a->mem > b->mem;
}

static void sort_rows(struct chunks *chunks)
{
	struct row *rows = xcalloc(chunks->n, sizeof(*rows));

	for (size_t i = 0; i < chunks->n; i++)
		rows[i] = (struct row){ chunks->mem[i], chunks->usable[i], chunks->state[i], chunks->kind[i] };
	qsort(rows, chunks->n, sizeof(*rows), compare_rows);
	for (size_t i = 0; i < chunks->n; i++) {
		chunks->mem[i] = rows[i].mem;
		chunks->usable[i] = rows[i].usable;
		chunks->state[i] = rows[i].state;
		chunks->kind[i] = rows[i].kind;
	}
	free(rows);
}

/* A chunk of no usable bytes still occupies its own address. */
static vaddr row_end(const struct chunks *chunks, size_t i)
{
	return chunks->mem[i] + (chunks->usable[i] ? chunks->usable[i] : 1);
}

static bool row_fits(const struct chunks *chunks, size_t i, vaddr previous_end)
{
	vaddr mem = chunks->mem[i];

	// The last word of the index would end at no address; no process has memory there, though a core may say so.
	return mem % CHUNK_ALIGN == 0 && mem >= previous_end && mem < UINT64_MAX - WORD_SPAN && chunks->usable[i] < UINT64_MAX - mem;
}

/* Removes rows that overlap an earlier one; returns how many. */
static size_t drop_misfits(struct chunks *chunks)
{
	size_t kept = 0;
	vaddr previous_end = 0;

	for (size_t i = 0; i < chunks->n; i++) {
		if (!row_fits(chunks, i, previous_end))
			continue;
		previous_end = row_end(chunks, i);
		chunks->mem[kept] = chunks->mem[i];
		chunks->usable[kept] = chunks->usable[i];
		chunks->state[kept] = chunks->state[i];
		chunks->kind[kept] = chunks->kind[i];
		kept++;
	}

	size_t dropped = chunks->n - kept;

	chunks->n = kept;
	return dropped;
}

/* Checks the rows and divides them into ranges, in the one pass that all models need that append in order. False at the first row that does not fit. */
static bool build_ranges(struct chunks *chunks)
{
	struct chunk_range *range = NULL;
	vaddr last = 0, previous_end = 0;

	chunks->ranges.n = 0;
	chunks->n_words = 0;
	for (size_t i = 0; i < chunks->n; i++) {
		vaddr mem = chunks->mem[i];

		if (!row_fits(chunks, i, previous_end))
			return false;
		previous_end = row_end(chunks, i);
		if (!range || mem - last > GAP) {
			vaddr start = mem - mem % WORD_SPAN;

			if (range) {
				range->end = last - last % WORD_SPAN + WORD_SPAN;
				chunks->n_words += (range->end - range->start) / WORD_SPAN;
				// Two ranges never share a word, since GAP is larger than one.
			}
			range = array_push(&chunks->ranges);
			*range = (struct chunk_range){ .start = start, .word = chunks->n_words };
		}
		last = mem;
	}
	if (range) {
		range->end = last - last % WORD_SPAN + WORD_SPAN;
		chunks->n_words += (range->end - range->start) / WORD_SPAN;
	}
	return true;
}

static void build_index(struct chunks *chunks)
{
	free(chunks->bits);
	free(chunks->rank);
	chunks->bits = xcalloc(chunks->n_words, sizeof(*chunks->bits));
	chunks->rank = xcalloc(chunks->n_words, sizeof(*chunks->rank));

	size_t row = 0;

	for (size_t r = 0; r < chunks->ranges.n; r++) {
		const struct chunk_range *range = &chunks->ranges.v[r];
		size_t words = (range->end - range->start) / WORD_SPAN;

		for (size_t w = 0; w < words; w++) {
			vaddr end = range->start + (w + 1) * WORD_SPAN;
			uint64_t bits = 0;

			chunks->rank[range->word + w] = (uint32_t)row;
			for (; row < chunks->n && chunks->mem[row] < end; row++)
				bits |= UINT64_C(1) << (chunks->mem[row] / CHUNK_ALIGN % 64);
			chunks->bits[range->word + w] = bits;
		}
	}
	assert(row == chunks->n);
}

size_t chunks_seal(struct chunks *chunks)
{
	size_t dropped = chunks->refused;

	if (!build_ranges(chunks)) {
		sort_rows(chunks);
		dropped += drop_misfits(chunks);
		if (!build_ranges(chunks))
			assert(!"sorted rows without misfits do not fit");
	}
	build_index(chunks);
	return dropped;
}

/* The last range that starts at or before an address, or NULL. */
static const struct chunk_range *range_before(const struct chunks *chunks, vaddr address)
{
	size_t low = 0, high = chunks->ranges.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (chunks->ranges.v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &chunks->ranges.v[low - 1] : NULL;
}

chunk_id chunks_at(const struct chunks *chunks, vaddr mem)
{
	const struct chunk_range *range = range_before(chunks, mem);

	if (!range || mem >= range->end || mem % CHUNK_ALIGN)
		return CHUNK_NONE;

	size_t word = range->word + (mem - range->start) / WORD_SPAN;
	unsigned bit = mem / CHUNK_ALIGN % 64;

	if (!(chunks->bits[word] >> bit & 1))
		return CHUNK_NONE;
	return chunks->rank[word] + (uint32_t)__builtin_popcountll(chunks->bits[word] & ((UINT64_C(1) << bit) - 1));
}

chunk_id chunks_find(const struct chunks *chunks, vaddr address)
{
	const struct chunk_range *range = range_before(chunks, address);

	if (!range)
		return CHUNK_NONE;

	// Behind the last word of a range only its last row can reach.
	vaddr within = address < range->end ? address : range->end - 1;
	size_t word = range->word + (within - range->start) / WORD_SPAN;
	unsigned bit = within / CHUNK_ALIGN % 64;
	uint64_t upto = chunks->bits[word] & (UINT64_MAX >> (63 - bit));
	uint32_t after = chunks->rank[word] + (uint32_t)__builtin_popcountll(upto);

	// after == 0, or the row lies in an earlier range and ends before this one: both fail the test below.
	if (!after)
		return CHUNK_NONE;
	chunk_id id = after - 1;
	return address - chunks->mem[id] < chunks->usable[id] ? id : CHUNK_NONE;
}

char *chunks_verify(const struct chunks *chunks)
{
	vaddr previous_end = 0;

	for (size_t i = 0; i < chunks->n; i++) {
		if (!row_fits(chunks, i, previous_end))
			return xasprintf("chunk %zu at 0x%" PRIxVADDR " overlaps the one before it or is not aligned", i,
					 chunks->mem[i]);
		previous_end = row_end(chunks, i);
		if (chunks->state[i] >= CHUNK_STATES || chunks->kind[i] >= CHUNK_KINDS)
			return xasprintf("chunk %zu at 0x%" PRIxVADDR " has no valid state or kind", i, chunks->mem[i]);
		if (chunks_at(chunks, chunks->mem[i]) != i)
			return xasprintf("chunk %zu at 0x%" PRIxVADDR " is not found by its address", i, chunks->mem[i]);
	}
	return NULL;
}
