/* SPDX-License-Identifier: MIT */
/*
 * What a word of memory can be, by its value alone.
 */
#ifndef HEAPSNAP_TYPES_WORDS_H
#define HEAPSNAP_TYPES_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "heap/chunks.h"
#include "target/target.h"

enum word_class {
	WORD_ZERO,
	/** Below 1 MiB: a number. */
	WORD_SMALL,
	/** The address that the program got from malloc, flags in its low three bits aside; of or in a chunk in use. */
	WORD_CHUNK,
	WORD_INSIDE,
	/** Of or in a chunk that is free. */
	WORD_FREE,
	/** Data of a module; code; any other memory. */
	WORD_DATA,
	WORD_CODE,
	WORD_MEMORY,
	/** Eight bytes of text. */
	WORD_TEXT,
	WORD_OTHER,
	WORD_CLASSES,
};

struct word_range {
	vaddr start, end;
	enum word_class class;
};

struct words {
	const struct chunks *chunks;
	ARRAY(struct word_range) ranges;
	/** The one asked for last. */
	size_t last;
};

/** Prepares. The table (sealed) is borrowed, of the target nothing. */
void words_init(struct words *words, const struct chunks *chunks, const struct target *target);

/** Frees what it holds. */
void words_deinit(struct words *words);

/** The class of a word; of WORD_CHUNK, WORD_INSIDE and WORD_FREE also the chunk. Cost: 2 to 50 ns. */
enum word_class word_classify(struct words *words, uint64_t word, chunk_id *chunk_ret);

#endif
