/* SPDX-License-Identifier: MIT */
#include "types/words.h"

#include "graph/pointers.h"

/* Numbers below are more likely counted than pointed to. */
static const uint64_t SMALL_MAX = 1 << 20;

void words_init(struct words *words, const struct chunks *chunks, const struct target *target)
{
	*words = (struct words){ .chunks = chunks };
	for (size_t i = 0; i < target->mappings.n; i++) {
		const struct mapping *mapping = &target->mappings.v[i];
		enum word_class class = mapping->prot & MAPPING_EXEC ? WORD_CODE : mapping->file >= 0 ? WORD_DATA : WORD_MEMORY;

		if (!mapping->prot)
			continue;
		// .bss follows the data of its module.
		if (class == WORD_MEMORY && words->ranges.n && words->ranges.v[words->ranges.n - 1].class == WORD_DATA &&
		    words->ranges.v[words->ranges.n - 1].end == mapping->start && !mapping->path)
			class = WORD_DATA;
		array_append(&words->ranges, (struct word_range){ mapping->start, mapping->end, class });
	}
}

void words_deinit(struct words *words)
{
	array_deinit(&words->ranges);
}

static bool is_text(uint64_t word)
{
	for (int i = 0; i < 8; i++, word >>= 8) {
		uint8_t byte = (uint8_t)word;

		if (byte < 0x20 ? byte != '\t' && byte != '\n' && byte != '\r' : byte == 0x7f)
			return false;
	}
	return true;
}

static const struct word_range *range_find(struct words *words, uint64_t word)
{
	size_t low = 0, high = words->ranges.n;

	if (words->last < high && word >= words->ranges.v[words->last].start && word < words->ranges.v[words->last].end)
		return &words->ranges.v[words->last];
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (words->ranges.v[middle].end <= word)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == words->ranges.n || word < words->ranges.v[low].start)
		return NULL;
	words->last = low;
	return &words->ranges.v[low];
}

enum word_class word_classify(struct words *words, uint64_t word, chunk_id *chunk_ret)
{
	const struct word_range *range;
	chunk_id chunk;

	if (word < SMALL_MAX)
		return word ? WORD_SMALL : WORD_ZERO;
	if (word < CHUNK_MEM_END && chunks_may_hold(words->chunks, word)) {
		chunk = chunks_find(words->chunks, word);
		if (chunk != CHUNK_NONE) {
			*chunk_ret = chunk;
			if (!chunk_is_node(words->chunks, chunk))
				return WORD_FREE;
			return (word & ~UINT64_C(7)) == words->chunks->mem[chunk] ? WORD_CHUNK : WORD_INSIDE;
		}
	}
	if (word < CHUNK_MEM_END) {
		range = range_find(words, word);
		if (range)
			return range->class;
	}
	return is_text(word) ? WORD_TEXT : WORD_OTHER;
}
