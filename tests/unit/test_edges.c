/* SPDX-License-Identifier: MIT */
#include "graph/edges.h"

#include <string.h>

#include "unit.h"

/* A heap in memory of our own: chunks of dice sizes that hold words of all kinds, at an address of our choice. */
struct memory {
	struct chunks chunks;
	struct image image;
	uint8_t *bytes;
	size_t size;
};

#define BASE UINT64_C(0x7f0000000000)

static uint64_t state;

static uint64_t dice(uint64_t sides)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return ((state * UINT64_C(0x2545F4914F6CDD1D)) >> 13) % sides;
}

static uint64_t random_word(const struct memory *memory)
{
	size_t row = dice(memory->chunks.n);
	vaddr mem = memory->chunks.mem[row];

	switch (dice(8)) {
	case 0:
		return mem;
	case 1:
		return mem + dice(8);
	case 2:
		return mem + dice(chunk_usable(&memory->chunks, row) + 16);
	case 3:
		return mem | dice(256) << 56;
	case 4:
		return BASE - 64 + dice(memory->size + 128);
	case 5:
		return dice(UINT64_MAX);
	default:
		return dice(1000);
	}
}

static void memory_init(struct memory *memory, size_t n)
{
	vaddr at = BASE + 16;

	memset(memory, 0, sizeof(*memory));
	chunks_init(&memory->chunks);
	for (size_t i = 0; i < n; i++) {
		uint64_t usable = 24 + dice(12) * 16;

		if (dice(500) == 0)
			usable += dice(20000) * 16;
		chunks_add(&memory->chunks, at, usable,
			   dice(5) ? CHUNK_IN_USE : dice(2) ? CHUNK_SMALL : CHUNK_INTERNAL, CHUNK_HEAP);
		at += usable + 8;
	}
	ck_assert_uint_eq(chunks_seal(&memory->chunks), 0);
	memory->size = at - BASE;
	memory->bytes = xcalloc(memory->size + 16, 1);
	for (size_t offset = 0; offset + 8 <= memory->size; offset += dice(3) ? 8 : 3) {
		uint64_t word = random_word(memory);
		if (dice(3) == 0)
			memcpy(memory->bytes + offset, &word, 8);
	}
	for (size_t offset = 0; offset + 8 <= memory->size; offset += 8) {
		uint64_t word = random_word(memory);
		if (dice(3) == 0)
			memcpy(memory->bytes + offset, &word, 8);
	}
	image_init(&memory->image);
}

static void memory_deinit(struct memory *memory)
{
	chunks_deinit(&memory->chunks);
	image_deinit(&memory->image);
	free(memory->bytes);
}

static void memory_seal(struct memory *memory)
{
	image_add_bytes(&memory->image, BASE, memory->size, memory->bytes);
	image_seal(&memory->image);
}

/* The edges of one row, word by word. Gives how many there are; compares each. */
static size_t row_check(const struct memory *memory, const struct edges *edges, chunk_id row,
			const struct pointer_options *options, uint64_t skip)
{
	size_t edge = edges->first[row], step = options->unaligned ? 1 : 8;

	for (uint64_t at = skip; at + 8 <= chunk_usable(&memory->chunks, row); at += step) {
		uint64_t word;
		memcpy(&word, memory->bytes + (memory->chunks.mem[row] - BASE) + at, 8);
		if (options->tagged_top_byte)
			word &= UINT64_MAX >> 8;
		chunk_id to = chunks_find(&memory->chunks, word);
		if (to == CHUNK_NONE || !chunk_is_node(&memory->chunks, to))
			continue;
		ck_assert_uint_lt(edge, edges->first[row + 1]);
		ck_assert_uint_eq(edge_to(edges, edge), to);
		ck_assert_uint_eq(edge_offset(edges, edge), at);
		ck_assert(!(edges->to[edge] & EDGE_WEAK) == (edge_hit(edges, edge) != HIT_INTERIOR));
		if (word - memory->chunks.mem[to] < 8)
			ck_assert_uint_eq(edge_hit(edges, edge), HIT_START);
		else
			ck_assert_uint_ne(edge_hit(edges, edge), HIT_START);
		edge++;
	}
	return edge - edges->first[row];
}

static void edges_check(const struct memory *memory, const struct edge_options *options)
{
	struct edges edges;
	size_t cut = 0;

	edges_build(&memory->chunks, &memory->image, options, &edges);
	ck_assert_uint_eq(edges.first[0], 0);
	ck_assert_uint_eq(edges.first[memory->chunks.n], edges.n);
	ck_assert_uint_eq(edges.unread, 0);
	for (chunk_id row = 0; row < memory->chunks.n; row++) {
		uint64_t skip = 0;
		size_t n = 0;

		if (cut < options->n_cuts && options->cuts[cut].chunk == row)
			skip = options->cuts[cut++].offset;
		if (chunk_is_node(&memory->chunks, row))
			n = row_check(memory, &edges, row, &options->pointers, skip);
		ck_assert_uint_eq(edges.first[row + 1] - edges.first[row], n);
		if (n) {
			ck_assert_uint_eq(edge_source(&edges, edges.first[row]), row);
			ck_assert_uint_eq(edge_source(&edges, edges.first[row] + n - 1), row);
		}
	}
	edges_deinit(&edges);
}

START_TEST(every_word_is_what_it_is)
{
	for (int i = 0; i < unit_rounds(20); i++) {
		struct memory memory;

		state = 1000 + (uint64_t)i;
		memory_init(&memory, 2000);
		memory_seal(&memory);
		for (int options = 0; options < 4; options++)
			edges_check(&memory, &(struct edge_options){
						     .pointers = {.tagged_top_byte = options & 1, .unaligned = options & 2}});
		memory_deinit(&memory);
	}
}
END_TEST

START_TEST(threads_change_nothing)
{
	struct memory memory;
	struct edges one, several;

	state = 5;
	memory_init(&memory, 100000);
	memory_seal(&memory);
	edges_build(&memory.chunks, &memory.image, &(struct edge_options){.threads = 1}, &one);
	ck_assert_uint_gt(one.n, 10000);
	for (unsigned threads = 2; threads < 6; threads++) {
		edges_build(&memory.chunks, &memory.image,
			    &(struct edge_options){.threads = threads, .without_places = threads == 5}, &several);
		ck_assert_uint_eq(several.n, one.n);
		ck_assert_mem_eq(several.first, one.first, (one.n_chunks + 1) * 4);
		ck_assert_mem_eq(several.to, one.to, one.n * 4);
		if (threads < 5)
			ck_assert_mem_eq(several.place, one.place, one.n * 4);
		else
			ck_assert_ptr_null(several.place);
		edges_deinit(&several);
	}
	edges_deinit(&one);
	memory_deinit(&memory);
}
END_TEST

START_TEST(what_lies_below_a_stack_is_cut)
{
	struct memory memory;

	state = 6;
	memory_init(&memory, 1000);
	memory_seal(&memory);
	chunk_id first = 0, second = 500;
	while (!chunk_is_node(&memory.chunks, first))
		first++;
	while (!chunk_is_node(&memory.chunks, second))
		second++;
	struct edge_cut cuts[] = {{first, 16}, {second, chunk_usable(&memory.chunks, second) + 8}};
	edges_check(&memory, &(struct edge_options){.cuts = cuts, .n_cuts = 2});
	memory_deinit(&memory);
}
END_TEST

START_TEST(holes_are_counted_and_untouched_pages_are_zero)
{
	struct memory memory;
	struct edges edges;
	vaddr mem = BASE + 16;
	static uint64_t words[8];

	memset(&memory, 0, sizeof(memory));
	chunks_init(&memory.chunks);
	chunks_add(&memory.chunks, mem, 4000, CHUNK_IN_USE, CHUNK_HEAP);
	chunks_seal(&memory.chunks);
	image_init(&memory.image);
	words[0] = words[7] = mem;
	image_add_bytes(&memory.image, mem, 64, words);
	image_add_untouched(&memory.image, mem + 64, 436, NULL);
	image_add_bytes(&memory.image, mem + 1000, 64, words);
	// Nobody wrote there.
	image_add_file(&memory.image, mem + 2000, 500, 0, 0);
	image_seal(&memory.image);
	edges_build(&memory.chunks, &memory.image, &(struct edge_options){0}, &edges);
	ck_assert_uint_eq(edges.n, 4);
	ck_assert_uint_eq(edge_offset(&edges, 0), 0);
	ck_assert_uint_eq(edge_offset(&edges, 1), 56);
	ck_assert_uint_eq(edge_offset(&edges, 2), 1000);
	ck_assert_uint_eq(edge_offset(&edges, 3), 1056);
	ck_assert_uint_eq(edges.unread, 4000 - 64 - 436 - 64 - 500);
	edges_deinit(&edges);
	memory_deinit(&memory);
}
END_TEST

START_TEST(the_reverse_has_the_same_edges)
{
	struct memory memory;
	struct edges edges;
	struct edges_in in;
	size_t n = 0;

	state = 9;
	memory_init(&memory, 3000);
	memory_seal(&memory);
	edges_build(&memory.chunks, &memory.image, &(struct edge_options){0}, &edges);
	edges_reverse(&edges, &in);
	for (chunk_id to = 0; to < memory.chunks.n; to++) {
		for (size_t i = in.first[to]; i < in.first[to + 1]; i++, n++) {
			chunk_id from = in.from[i] & ~EDGE_WEAK;
			bool found = false;
			for (size_t edge = edges.first[from]; edge < edges.first[from + 1]; edge++)
				found |= edges.to[edge] == (to | (in.from[i] & EDGE_WEAK));
			ck_assert(found);
			ck_assert(i == in.first[to] || (in.from[i - 1] & ~EDGE_WEAK) <= from);
		}
	}
	size_t own = 0;
	for (size_t edge = 0; edge < edges.n; edge++)
		own += edge_source(&edges, edge) == edge_to(&edges, edge);
	ck_assert_uint_eq(n + own, edges.n);
	ck_assert_uint_eq(in.n, n);
	edges_in_deinit(&in);
	edges_deinit(&edges);
	memory_deinit(&memory);
}
END_TEST

/* Two chunks: 0 holds words that lead to 1, which has a head. */
static void heads_case(uint16_t head_of_source, uint16_t head, const uint64_t *words, size_t n, uint32_t *edges_ret, bool *weak_ret)
{
	struct chunks chunks;
	struct image image;
	uint8_t bytes[256] = { 0 };
	struct edge_options options = { 0 };
	struct edges edges;

	chunks_init(&chunks);
	image_init(&image);
	chunks_add(&chunks, BASE, 96, CHUNK_IN_USE, CHUNK_PYMALLOC);
	chunks_add(&chunks, BASE + 96, 96, CHUNK_IN_USE, CHUNK_PYMALLOC);
	ck_assert_uint_eq(chunks_seal(&chunks), 0);
	chunks_make_heads(&chunks);
	chunks.head[0] = head_of_source;
	chunks.head[1] = head;
	memcpy(bytes, words, n * 8);
	image_add_bytes(&image, BASE, sizeof(bytes), bytes);
	image_seal(&image);
	edges_build(&chunks, &image, &options, &edges);
	*edges_ret = (uint32_t)edges.n;
	*weak_ret = edges.n && edges.to[0] & EDGE_WEAK;
	edges_deinit(&edges);
	chunks_deinit(&chunks);
	image_deinit(&image);
}

START_TEST(pointers_lead_behind_a_head)
{
	const uint64_t target = BASE + 96;
	const struct {
		uint16_t head;
		uint64_t word;
		uint32_t edges;
		bool weak;
	} cases[] = {
		{ 4, target + 32, 1, false },
		{ 4, target + 31, 1, false },
		{ 4, target, 1, true },
		{ 4 | CHUNK_HEAD_LINKS, target + 16, 0, false },
		{ 4 | CHUNK_HEAD_LINKS, target + 24, 0, false },
		{ 4 | CHUNK_HEAD_LINKS, target, 1, true },
		{ 4 | CHUNK_HEAD_EXACT, target, 0, false },
		{ 4 | CHUNK_HEAD_EXACT, target + 40, 0, false },
		{ 4 | CHUNK_HEAD_EXACT, target + 34, 1, false },
		{ CHUNK_HEAD_EXACT, target, 1, false },
		{ CHUNK_HEAD_EXACT, target + 16, 0, false },
		{ 0, target + 16, 1, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t n;
		bool weak;

		heads_case(0, cases[i].head, &cases[i].word, 1, &n, &weak);
		ck_assert_msg(n == cases[i].edges && weak == cases[i].weak, "case %zu: %u edges, %d", i, n, weak);
	}
}
END_TEST

START_TEST(words_before_and_behind_a_head_are_looked_at)
{
	const uint64_t target = BASE + 96;
	const uint64_t words[12] = { target, target, target, target, target, target, target, target, target, target, target, target };
	const struct {
		uint16_t head;
		uint32_t edges;
	} cases[] = {
		{ 0, 12 },
		{ 4, 12 },
		{ 4 | CHUNK_HEAD_LINKS, 10 },
		{ 2 | CHUNK_HEAD_LINKS, 10 },
		{ 2 | CHUNK_HEAD_LINKS | CHUNK_HEAD_WEAK, 9 },
		{ CHUNK_HEAD_WEAK, 11 },
		{ CHUNK_HEAD_LEAF, 2 },
		{ 4 | CHUNK_HEAD_LINKS | CHUNK_HEAD_LEAF, 4 },
		{ CHUNK_HEAD_STALE, 4 },
		{ CHUNK_HEAD_WORDS | CHUNK_HEAD_LINKS, 10 }, // a head larger than its chunk
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t n;
		bool weak;

		heads_case(cases[i].head, 0, words, 12, &n, &weak);
		ck_assert_msg(n == cases[i].edges, "case %zu: %u edges", i, n);
	}
}
END_TEST

START_TEST(an_empty_heap_has_no_edges)
{
	struct chunks chunks;
	struct image image;
	struct edges edges;
	struct edges_in in;

	chunks_init(&chunks);
	chunks_seal(&chunks);
	image_init(&image);
	image_seal(&image);
	edges_build(&chunks, &image, &(struct edge_options){.threads = 3}, &edges);
	ck_assert_uint_eq(edges.n, 0);
	edges_reverse(&edges, &in);
	ck_assert_uint_eq(in.n, 0);
	edges_in_deinit(&in);
	edges_deinit(&edges);
	chunks_deinit(&chunks);
	image_deinit(&image);
}
END_TEST

/* ---- interior pointers that rules know ---- */

/* How a pointer `offset` bytes into a chunk hits it; the chunk begins with these words. */
static enum pointer_hit hit(uint64_t usable, uint64_t offset, const uint64_t *begin, size_t n_begin)
{
	struct chunks chunks;
	struct image image;
	struct edges edges;
	uint64_t *bytes = xcalloc(usable / 8 + 64, 8);
	enum pointer_hit result;

	chunks_init(&chunks);
	chunks_add(&chunks, BASE, 24, CHUNK_IN_USE, CHUNK_HEAP);
	chunks_add(&chunks, BASE + 32, usable, CHUNK_IN_USE, CHUNK_HEAP);
	chunks_seal(&chunks);
	bytes[0] = BASE + 32 + offset;
	memcpy(bytes + 4, begin, n_begin * 8);
	// Vtables: 0, type information, functions; -16, type information, functions.
	uint64_t tables[] = {0, 1, 2, 3, (uint64_t)-16, 1, 2, 3, (uint64_t)-48, 1, 2, 3};
	image_init(&image);
	image_add_bytes(&image, BASE, usable + 32, bytes);
	image_add_bytes(&image, 0x5000, sizeof(tables), tables);
	image_seal(&image);
	edges_build(&chunks, &image, &(struct edge_options){0}, &edges);
	ck_assert_uint_ge(edges.n, 1);
	ck_assert_uint_eq(edge_to(&edges, 0), 1);
	result = edge_hit(&edges, 0);
	edges_deinit(&edges);
	image_deinit(&image);
	chunks_deinit(&chunks);
	free(bytes);
	return result;
}

START_TEST(interior_pointers_that_rules_know)
{
	// new[]: 100 elements of 24 bytes behind their count, in a chunk for 2408.
	ck_assert_int_eq(hit(2408, 8, (uint64_t[]){100}, 1), HIT_KNOWN);
	ck_assert_int_eq(hit(2424, 8, (uint64_t[]){100}, 1), HIT_KNOWN);
	ck_assert_int_eq(hit(2408 + 48, 8, (uint64_t[]){100}, 1), HIT_INTERIOR);
	ck_assert_int_eq(hit(2408, 8, (uint64_t[]){0}, 1), HIT_INTERIOR);
	ck_assert_int_eq(hit(2408, 16, (uint64_t[]){100}, 1), HIT_INTERIOR);
	ck_assert_int_eq(hit(24, 8, (uint64_t[]){UINT64_MAX}, 1), HIT_INTERIOR);
	// A size in front.
	ck_assert_int_eq(hit(1016, 8, (uint64_t[]){1000}, 1), HIT_KNOWN);
	ck_assert_int_eq(hit(1016, 8, (uint64_t[]){700}, 1), HIT_INTERIOR);
	// A std::string of the old kind: length 5, capacity 40, one reference.
	ck_assert_int_eq(hit(72, 24, (uint64_t[]){5, 40, 0}, 3), HIT_KNOWN);
	ck_assert_int_eq(hit(72, 24, (uint64_t[]){50, 40, 0}, 3), HIT_INTERIOR);
	ck_assert_int_eq(hit(72, 24, (uint64_t[]){5, 4000, 0}, 3), HIT_INTERIOR);
	ck_assert_int_eq(hit(24, 16, (uint64_t[]){5, 4000, 0}, 3), HIT_INTERIOR);
	// sds: 32 bits of length and capacity, and flags 2; 64 bits, and flags 3.
	ck_assert_int_eq(hit(104, 9, (uint64_t[]){UINT64_C(80) << 32 | 70, 2}, 2), HIT_KNOWN);
	ck_assert_int_eq(hit(104, 9, (uint64_t[]){UINT64_C(80) << 32 | 70, 1}, 2), HIT_INTERIOR);
	ck_assert_int_eq(hit(104, 9, (uint64_t[]){UINT64_C(800) << 32 | 70, 2}, 2), HIT_INTERIOR);
	ck_assert_int_eq(hit(104, 17, (uint64_t[]){70, 80, 3}, 3), HIT_KNOWN);
	ck_assert_int_eq(hit(104, 17, (uint64_t[]){90, 80, 3}, 3), HIT_INTERIOR);
	// A second base: the vtables are at 0x5010 and 0x5030, and the second says 16.
	ck_assert_int_eq(hit(56, 16, (uint64_t[]){0x5010, 9, 0x5030}, 3), HIT_KNOWN);
	ck_assert_int_eq(hit(56, 24, (uint64_t[]){0x5010, 9, 9, 0x5030}, 4), HIT_INTERIOR);
	ck_assert_int_eq(hit(56, 16, (uint64_t[]){0x5030, 9, 0x5050}, 3), HIT_INTERIOR);
	ck_assert_int_eq(hit(72, 48, (uint64_t[]){0x5010, 9, 0, 0, 0, 0, 0x5050}, 7), HIT_KNOWN);
	ck_assert_int_eq(hit(56, 16, (uint64_t[]){0x9010, 9, 0x9030}, 3), HIT_INTERIOR);
}
END_TEST

UNIT_SUITE("edges", pointers_lead_behind_a_head, words_before_and_behind_a_head_are_looked_at, every_word_is_what_it_is, threads_change_nothing, what_lies_below_a_stack_is_cut,
	   holes_are_counted_and_untouched_pages_are_zero, the_reverse_has_the_same_edges, an_empty_heap_has_no_edges,
	   interior_pointers_that_rules_know)
