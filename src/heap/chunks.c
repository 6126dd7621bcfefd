/* SPDX-License-Identifier: MIT */
/*
 * Models append rows in address order wherever they can, since then sealing is one linear pass; the sort is for those that cannot.
 *
 * A lookup inside a chunk is «the last row at or before the address»: rank plus the bits up to it, less one, which may well be a row of an
 * earlier word or page. So a page into which rows merely reach needs no words. How much memory the upper levels take is bounded by how many
 * stretches hold a row (16 KiB each), that of the words by how many pages do (768 bytes each).
 */
#include "heap/chunks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

static const size_t ROWS_MAX = INT32_MAX; // an entry of the index has one bit for something else

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

enum {
	STRETCHES_SIZE = CHUNK_STRETCHES * 4,
	STRETCH_PAGES_SIZE = CHUNK_STRETCH_PAGES * 4,
	PAGE_WORDS_SIZE = CHUNK_PAGE_WORDS * sizeof(struct chunk_word),
};

static void index_deinit(struct chunks *chunks)
{
	column_free(chunks->stretches, STRETCHES_SIZE);
	column_free(chunks->pages, chunks->stretches_capacity * STRETCH_PAGES_SIZE);
	column_free(chunks->words, chunks->pages_capacity * PAGE_WORDS_SIZE);
	chunks->stretches = chunks->pages = NULL;
	chunks->words = NULL;
	chunks->n_stretches = chunks->stretches_capacity = 0;
	chunks->n_pages = chunks->pages_capacity = 0;
}

void chunks_deinit(struct chunks *chunks)
{
	index_deinit(chunks);
	column_free(chunks->mem, chunks->capacity * sizeof(*chunks->mem));
	column_free(chunks->size_units, chunks->capacity * sizeof(*chunks->size_units));
	column_free(chunks->state, chunks->capacity * sizeof(*chunks->state));
	column_free(chunks->kind, chunks->capacity * sizeof(*chunks->kind));
	column_free(chunks->head, chunks->capacity * sizeof(*chunks->head));
	array_deinit(&chunks->odd);
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
	GROW(size_units);
	GROW(state);
	GROW(kind);
#undef GROW
	chunks->capacity = capacity;
}

/* Where the odd size of a row is, or would be. */
static size_t odd_position(const struct chunks *chunks, vaddr mem)
{
	size_t low = 0, high = chunks->odd.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (chunks->odd.v[middle].mem < mem)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t chunk_odd_usable(const struct chunks *chunks, chunk_id id)
{
	size_t i = odd_position(chunks, chunks->mem[id]);

	assert(i < chunks->odd.n && chunks->odd.v[i].mem == chunks->mem[id]);
	return chunks->odd.v[i].usable;
}

static void odd_keep(struct chunks *chunks, struct chunk_odd_size odd)
{
	size_t i = odd_position(chunks, odd.mem);

	if (i == chunks->odd.n || chunks->odd.v[i].mem != odd.mem) {
		array_append(&chunks->odd, (struct chunk_odd_size){ 0 });
		memmove(&chunks->odd.v[i + 1], &chunks->odd.v[i], (chunks->odd.n - 1 - i) * sizeof(*chunks->odd.v));
	}
	chunks->odd.v[i] = odd;
}

void chunks_set_usable(struct chunks *chunks, chunk_id id, uint64_t usable)
{
	vaddr mem = chunks->mem[id];

	if (usable % CHUNK_SIZE_UNIT == 0 && usable / CHUNK_SIZE_UNIT < CHUNK_SIZE_ODD) {
		chunks->size_units[id] = (uint32_t)(usable / CHUNK_SIZE_UNIT);
		return;
	}
	chunks->size_units[id] = CHUNK_SIZE_ODD;
	odd_keep(chunks, (struct chunk_odd_size){ mem, usable });
}

void chunks_merge(struct chunks *chunks, struct chunks *more)
{
	size_t left, right, n = chunks->n + more->n;

	assert(!chunks->head && !more->head);
	// The few go between the many: then there is room for these only once.
	if (more->n > chunks->n) {
		struct chunks few = *chunks;

		*chunks = *more;
		*more = few;
	}
	left = chunks->n;
	right = more->n;
	chunks_reserve(chunks, n);
	chunks->refused += more->refused;
	if (n > chunks->capacity) {
		chunks->refused += n - chunks->capacity;
		right -= n - chunks->capacity;
		n = chunks->capacity;
	}
	// From the back, so that no row is overwritten before it was moved.
	for (size_t to = n; right;) {
		bool own = left && chunks->mem[left - 1] > more->mem[right - 1];
		const struct chunks *from = own ? chunks : more;
		size_t row = own ? --left : --right;

		to--;
		chunks->mem[to] = from->mem[row];
		chunks->size_units[to] = from->size_units[row];
		chunks->state[to] = from->state[row];
		chunks->kind[to] = from->kind[row];
	}
	chunks->n = n;
	for (size_t i = 0; i < more->odd.n; i++)
		odd_keep(chunks, more->odd.v[i]);
	chunks_deinit(more);
}

void chunks_make_heads(struct chunks *chunks)
{
	if (!chunks->head && chunks->capacity)
		chunks->head = column_grow(NULL, 0, chunks->capacity * sizeof(*chunks->head));
}

struct row {
	vaddr mem;
	uint32_t size_units;
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
		rows[i] = (struct row){ chunks->mem[i], chunks->size_units[i], chunks->state[i], chunks->kind[i] };
	qsort(rows, chunks->n, sizeof(*rows), compare_rows);
	for (size_t i = 0; i < chunks->n; i++) {
		chunks->mem[i] = rows[i].mem;
		chunks->size_units[i] = rows[i].size_units;
		chunks->state[i] = rows[i].state;
		chunks->kind[i] = rows[i].kind;
	}
	free(rows);
}

/* A chunk of no usable bytes still occupies its own address. */
static vaddr row_end(const struct chunks *chunks, size_t i)
{
	return chunks->mem[i] + (chunk_usable(chunks, i) ? chunk_usable(chunks, i) : 1);
}

static bool row_fits(const struct chunks *chunks, size_t i, vaddr previous_end)
{
	vaddr mem = chunks->mem[i];

	return mem % CHUNK_ALIGN == 0 && mem >= previous_end && mem < CHUNK_MEM_END && chunk_usable(chunks, i) < CHUNK_MEM_END - mem;
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
		chunks->size_units[kept] = chunks->size_units[i];
		chunks->state[kept] = chunks->state[i];
		chunks->kind[kept] = chunks->kind[i];
		kept++;
	}

	size_t dropped = chunks->n - kept;

	chunks->n = kept;
	return dropped;
}

/* The page entry of an address, made where there is none. */
static uint32_t *page_entry(struct chunks *chunks, vaddr address)
{
	uint32_t *stretch = &chunks->stretches[address >> CHUNK_STRETCH_SHIFT];

	if (!*stretch) {
		if (chunks->n_stretches == chunks->stretches_capacity) {
			size_t capacity = chunks->stretches_capacity * 2 + 16;

			chunks->pages = column_grow(chunks->pages, chunks->stretches_capacity * STRETCH_PAGES_SIZE, capacity * STRETCH_PAGES_SIZE);
			chunks->stretches_capacity = capacity;
		}
		*stretch = (uint32_t)++chunks->n_stretches;
	}
	return &chunks->pages[(size_t)(*stretch - 1) * CHUNK_STRETCH_PAGES + (address >> CHUNK_PAGE_SHIFT) % CHUNK_STRETCH_PAGES];
}

/* The words of the page of an address, made where there are none: every one with the rank of the first. */
static struct chunk_word *page_words(struct chunks *chunks, vaddr address, uint32_t rank)
{
	uint32_t *page = page_entry(chunks, address);

	if (!*page || *page & CHUNK_COVERED) {
		if (chunks->n_pages == chunks->pages_capacity) {
			size_t capacity = chunks->pages_capacity * 2 + 256;

			chunks->words = column_grow(chunks->words, chunks->pages_capacity * PAGE_WORDS_SIZE, capacity * PAGE_WORDS_SIZE);
			chunks->pages_capacity = capacity;
		}
		*page = (uint32_t)++chunks->n_pages;
		for (size_t i = 0; i < CHUNK_PAGE_WORDS; i++)
			chunks->words[(size_t)(*page - 1) * CHUNK_PAGE_WORDS + i].rank = rank;
	}
	return &chunks->words[(size_t)(*page - 1) * CHUNK_PAGE_WORDS];
}

/* Enters a row into the pages behind that of its start. */
static void cover(struct chunks *chunks, chunk_id row)
{
	const vaddr page_size = UINT64_C(1) << CHUNK_PAGE_SHIFT, stretch_size = UINT64_C(1) << CHUNK_STRETCH_SHIFT;
	vaddr end = chunks->mem[row] + chunk_usable(chunks, row);
	vaddr at = (chunks->mem[row] | (page_size - 1)) + 1;

	while (at < end) {
		if (at % stretch_size == 0 && end - at >= stretch_size) {
			chunks->stretches[at >> CHUNK_STRETCH_SHIFT] = CHUNK_COVERED | row;
			at += stretch_size;
		} else {
			*page_entry(chunks, at) = CHUNK_COVERED | row;
			at += page_size;
		}
	}
}

/* Checks the rows and builds the index, in the one pass that all models need that append in order. False at the first row that does not fit. */
static bool build_index(struct chunks *chunks)
{
	vaddr previous_end = 0;

	index_deinit(chunks);
	chunks->stretches = column_sparse(STRETCHES_SIZE);

	for (size_t row = 0; row < chunks->n;) {
		if (!row_fits(chunks, row, previous_end))
			return false;

		vaddr page = chunks->mem[row] >> CHUNK_PAGE_SHIFT;
		struct chunk_word *words = page_words(chunks, chunks->mem[row], (uint32_t)row);
		size_t done = 0;

		for (; row < chunks->n && chunks->mem[row] >> CHUNK_PAGE_SHIFT == page; row++) {
			size_t word = chunks->mem[row] >> CHUNK_WORD_SHIFT & (CHUNK_PAGE_WORDS - 1);

			if (!row_fits(chunks, row, previous_end))
				return false;
			previous_end = row_end(chunks, row);
			for (; done < word; done++)
				words[done + 1].rank = (uint32_t)row;
			words[word].bits |= UINT64_C(1) << (chunks->mem[row] / CHUNK_ALIGN % 64);
		}
		for (; done + 1 < CHUNK_PAGE_WORDS; done++)
			words[done + 1].rank = (uint32_t)row;
		// Only the last of them can reach out of the page.
		cover(chunks, (chunk_id)row - 1);
	}
	return true;
}

size_t chunks_seal(struct chunks *chunks)
{
	size_t dropped = chunks->refused;

	if (!build_index(chunks)) {
		sort_rows(chunks);
		dropped += drop_misfits(chunks);
		if (!build_index(chunks))
			assert(!"sorted rows without misfits do not fit");
	}
	return dropped;
}

chunk_id chunks_at(const struct chunks *chunks, vaddr mem)
{
	if (!chunks->stretches || !chunks_may_hold(chunks, mem) || mem % CHUNK_ALIGN)
		return CHUNK_NONE;

	uint32_t page = chunks_page(chunks, mem);
	bool begins;

	// In a page without words no row begins.
	if (!page || page & CHUNK_COVERED)
		return CHUNK_NONE;

	chunk_id id = chunk_word_row(chunk_word_at(chunks, page, mem), mem, &begins);

	return begins ? id : CHUNK_NONE;
}

chunk_id chunks_find(const struct chunks *chunks, vaddr address)
{
	if (!chunks->stretches || !chunks_may_hold(chunks, address))
		return CHUNK_NONE;

	uint32_t page = chunks_page(chunks, address);
	bool begins;
	chunk_id id;

	if (!page)
		return CHUNK_NONE;
	if (page & CHUNK_COVERED)
		id = page & ~CHUNK_COVERED;
	else
		id = chunk_word_row(chunk_word_at(chunks, page, address), address, &begins);
	// CHUNK_NONE, before the first row; or behind the end of the last one.
	return id < chunks->n && address - chunks->mem[id] < chunk_usable(chunks, id) ? id : CHUNK_NONE;
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
