/* SPDX-License-Identifier: MIT */
/* What pins free memory: against a count byte by byte and page by page. */
#include "report/pins.h"
#include "snapshot_builder.h"
#include "unit.h"

enum {
	PAGE = 256,
	PAGES = 512,
};

static const vaddr START = 0x100000;

/* What each byte of the address space belongs to: CHUNK_STATES for nothing. */
static uint8_t *byte_states(const struct heap *heap)
{
	uint8_t *states = xmalloc(PAGE * PAGES);

	memset(states, CHUNK_STATES, PAGE * PAGES);
	for (size_t i = 0; i < heap->chunks.n; i++)
		memset(states + (heap->chunks.mem[i] - 16 - START), heap->chunks.state[i],
		       chunk_usable(&heap->chunks, i) + 8);
	return states;
}

static void count_by_bytes(const struct heap *heap, struct pins *ret)
{
	uint8_t *states = byte_states(heap);

	*ret = (struct pins){ 0 };
	for (size_t page = 0; page < PAGES; page++) {
		uint64_t free = 0, cached = 0, held = 0;

		for (size_t i = 0; i < PAGE; i++) {
			uint8_t state = states[page * PAGE + i];

			held += state == CHUNK_IN_USE || state == CHUNK_INTERNAL;
			cached += state == CHUNK_TCACHE;
			free += state == CHUNK_FAST || state == CHUNK_UNSORTED ||
				state == CHUNK_SMALL || state == CHUNK_LARGE || state == CHUNK_FREE;
		}
		if (held && free + cached) {
			ret->pinned += free + cached;
			ret->pages++;
		} else if (cached) {
			ret->cached += free + cached;
		} else {
			ret->whole += free;
		}
	}
	// The chunks that touch a page with both.
	for (size_t c = 0; c < heap->chunks.n; c++) {
		uint64_t from = heap->chunks.mem[c] - 16 - START,
			 to = from + chunk_usable(&heap->chunks, c) + 8;
		bool pins = false;

		if (heap->chunks.state[c] != CHUNK_IN_USE &&
		    heap->chunks.state[c] != CHUNK_INTERNAL)
			continue;
		for (size_t page = from / PAGE; page <= (to - 1) / PAGE; page++)
			for (size_t i = 0; i < PAGE; i++) {
				uint8_t state = states[page * PAGE + i];

				pins |= state >= CHUNK_TCACHE && state <= CHUNK_FREE;
			}
		ret->chunks += pins;
	}
	free(states);
}

static void mark_trim(vaddr start, vaddr end, void *context)
{
	uint8_t *trimmed = context;

	ck_assert_uint_eq(start % PAGE, 0);
	ck_assert_uint_lt(start, end);
	for (vaddr page = start; page < end; page += PAGE) {
		ck_assert_uint_eq(trimmed[(page - START) / PAGE], 0);
		trimmed[(page - START) / PAGE] = 1;
	}
}

static void random_heap(struct heap *heap, unsigned seed)
{
	static const enum chunk_state states[] = { CHUNK_IN_USE, CHUNK_IN_USE,	 CHUNK_INTERNAL,
						   CHUNK_TCACHE, CHUNK_FAST,	 CHUNK_SMALL,
						   CHUNK_LARGE,	 CHUNK_UNSORTED, CHUNK_FREE };
	struct layout_at at;

	heap_init(heap);
	array_append(&heap->arenas, (struct heap_arena){ .is_main = true });
	at = source_begin(heap, START);
	for (unsigned i = 0; at.at < START + PAGE * (PAGES - 64); i++) {
		seed = seed * 1103515245 + 12345;

		unsigned random = seed >> 8;
		enum chunk_state state = states[random % 9];

		// Runs of one state now and then, and chunks larger than pages.
		chunks_next(&at, random % 7 == 0 ? 5 : 1,
			    random % 11 == 0 ? 24 + 16 * (random % 200) : 24 + 16 * (random % 9),
			    state);
		if (i % 97 == 96)
			at.at += 32;
	}
	source_end_top(&at, SOURCE_SEGMENT, 0, START, START + PAGE * PAGES);
	chunks_seal(&heap->chunks);
	heap_sum(heap);
}

START_TEST(pins_are_those_counted_by_bytes)
{
	for (unsigned seed = 0; seed < 8; seed++) {
		struct heap heap;
		struct pins pins, expected;
		double bytes = 0;
		uint64_t chunks = 0;

		random_heap(&heap, seed);
		pins_compute(&heap, PAGE, &pins);
		count_by_bytes(&heap, &expected);
		ck_assert_uint_eq(pins.pinned, expected.pinned);
		ck_assert_uint_eq(pins.pages, expected.pages);
		ck_assert_uint_eq(pins.cached, expected.cached);
		ck_assert_uint_eq(pins.whole, expected.whole);
		ck_assert_uint_eq(pins.chunks, expected.chunks);
		for (size_t i = 0; i < pins.sizes.n; i++) {
			bytes += pins.sizes.v[i].bytes;
			chunks += pins.sizes.v[i].chunks;
			if (i)
				ck_assert(pins.sizes.v[i - 1].bytes >= pins.sizes.v[i].bytes);
		}
		ck_assert_uint_eq(chunks, pins.chunks);
		ck_assert(bytes > (double)pins.pinned - 1 && bytes < (double)pins.pinned + 1);
		pins_deinit(&pins);
		heap_deinit(&heap);
	}
}
END_TEST

START_TEST(what_is_trimmed_holds_nothing)
{
	for (unsigned seed = 0; seed < 8; seed++) {
		struct heap heap;
		struct pins pins;
		uint8_t trimmed[PAGES] = { 0 };
		uint64_t bytes = 0;

		random_heap(&heap, seed);

		uint8_t *states = byte_states(&heap);

		pins_trimmable(&heap, PAGE, mark_trim, trimmed);
		for (size_t page = 0; page < PAGES; page++) {
			if (!trimmed[page])
				continue;
			bytes += PAGE;

			// Counted first: each assertion of Check is a system call or two.
			size_t held = 0;

			for (size_t i = 0; i < PAGE; i++) {
				uint8_t state = states[page * PAGE + i];

				held += state == CHUNK_IN_USE || state == CHUNK_INTERNAL || state == CHUNK_TCACHE;
			}
			ck_assert_uint_eq(held, 0);
		}
		pins_compute(&heap, PAGE, &pins);
		ck_assert_uint_eq(pins.trimmable, bytes);
		ck_assert_uint_gt(bytes, 0);
		pins_deinit(&pins);
		heap_deinit(&heap);
		free(states);
	}
}
END_TEST

static uint64_t trimmable(const struct heap *heap)
{
	struct pins pins;

	pins_compute(heap, PAGE, &pins);

	uint64_t bytes = pins.trimmable;

	pins_deinit(&pins);
	return bytes;
}

START_TEST(trim_keeps_the_first_words_of_a_chunk)
{
	struct heap heap;

	heap_init(&heap);
	array_append(&heap.arenas, (struct heap_arena){ .is_main = false });

	struct layout_at at = source_begin(&heap, START);

	// Three pages and 32 bytes: malloc keeps 48 at the start, so only two of the pages can go.
	chunk_next(&at, PAGE * 3 + 32 - 8, CHUNK_LARGE);
	chunk_next(&at, 24, CHUNK_IN_USE);
	source_end_top(&at, SOURCE_HEAP, 0, START, START + PAGE * 64);
	chunks_seal(&heap.chunks);
	heap_sum(&heap);
	// The top of a heap that is not the main arena's stays.
	ck_assert_uint_eq(trimmable(&heap), 2 * PAGE);
	heap.arenas.v[0].is_main = true;
	ck_assert_uint_gt(trimmable(&heap), 50 * PAGE);
	heap.arenas.v[0].noncontiguous = true;
	ck_assert_uint_eq(trimmable(&heap), 2 * PAGE);
	heap_deinit(&heap);
}
END_TEST

START_TEST(trim_keeps_48_bytes_not_less)
{
	struct heap heap;

	heap_init(&heap);
	array_append(&heap.arenas, (struct heap_arena){ .is_main = false });

	struct layout_at at = source_begin(&heap, START);

	// One that starts 48 bytes before a page, which can go, and one 32 bytes before.
	chunk_next(&at, PAGE - 48 - 8, CHUNK_IN_USE);
	chunk_next(&at, 48 + PAGE - 8, CHUNK_LARGE);
	chunk_next(&at, PAGE - 32 - 8, CHUNK_IN_USE);
	chunk_next(&at, 32 + PAGE - 8, CHUNK_LARGE);
	chunk_next(&at, 24, CHUNK_IN_USE);
	source_end_top(&at, SOURCE_HEAP, 0, START, START + PAGE * 64);
	chunks_seal(&heap.chunks);
	heap_sum(&heap);
	ck_assert_uint_eq(trimmable(&heap), PAGE);
	heap_deinit(&heap);
}
END_TEST

START_TEST(an_empty_heap_pins_nothing)
{
	struct heap heap;
	struct pins pins;

	heap_init(&heap);
	pins_compute(&heap, 4096, &pins);
	ck_assert_uint_eq(pins.pinned + pins.cached + pins.whole + pins.trimmable + pins.sizes.n,
			  0);
	pins_deinit(&pins);
	heap_deinit(&heap);
}
END_TEST

UNIT_SUITE("pins", pins_are_those_counted_by_bytes, what_is_trimmed_holds_nothing,
	   trim_keeps_the_first_words_of_a_chunk, trim_keeps_48_bytes_not_less,
	   an_empty_heap_pins_nothing)
