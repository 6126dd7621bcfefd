/* SPDX-License-Identifier: MIT */
#include "graph/pointers.h"

#include <string.h>

#include "graph/known_interior.h"

/* Looked at in one go by pointers_scan_range(). Units: bytes. */
enum { SCAN_PIECE = 1 << 30 };

static const uint64_t TOP_BYTE = UINT64_C(0xff) << 56;

_Static_assert(CHUNK_IN_USE == 0 && CHUNK_INTERNAL == 1, "nodes are told by one comparison");

void pointers_init(struct pointers *pointers, const struct chunks *chunks, const struct image *image,
		   const struct pointer_options *options, pointers_take *take, void *context)
{
	*pointers = (struct pointers){ .chunks = chunks, .options = *options, .take = take, .context = context };
	window_init(&pointers->window, image);
	if (chunks->n) {
		pointers->low = chunks->mem[0];
		pointers->span = chunks->mem[chunks->n - 1] + chunk_usable(chunks, chunks->n - 1) - pointers->low;
	}
}

static vaddr address_of(const struct pointers *pointers, uint64_t word)
{
	return pointers->options.tagged_top_byte ? word & ~TOP_BYTE : word;
}

/* A candidate on its way to being a pointer. */
struct suspect {
	uint64_t from;
	vaddr address;
	/** Entry of its page; then the row. */
	uint32_t page;
	chunk_id id;
	bool begins;
};

static enum pointer_hit classify(struct pointers *pointers, const struct suspect *suspect)
{
	vaddr mem = pointers->chunks->mem[suspect->id];
	uint64_t usable = chunk_usable(pointers->chunks, suspect->id);

	return known_interior(&pointers->window, mem, usable, suspect->address - mem) ? HIT_KNOWN : HIT_INTERIOR;
}

/* How a chunk is hit that has a head; false when it is not, but its collector's links or its middle are. */
static bool headed(struct pointers *pointers, const struct suspect *suspect, enum pointer_hit *hit_ret)
{
	uint16_t head = pointers->chunks->head[suspect->id];
	uint64_t offset = suspect->address - pointers->chunks->mem[suspect->id], start = chunk_head_bytes(head);

	if (head & CHUNK_HEAD_LINKS && start >= 16 && offset >= start - 16 && offset < start)
		return false;
	// Programs keep flags in the low bits, and CPython 3.12 one less than the address.
	*hit_ret = offset - start < 8 || offset + 1 == start ? HIT_START : HIT_INTERIOR;
	return *hit_ret == HIT_START || !(head & CHUNK_HEAD_EXACT);
}

/* Resolves one batch, each step for all of them before the next, and hands it over. */
static void resolve(struct pointers *pointers, size_t first, size_t n)
{
	const struct chunks *chunks = pointers->chunks;
	struct suspect suspects[POINTERS_BATCH];
	struct pointer found[POINTERS_BATCH];
	size_t n_suspects = 0, n_found = 0, kept = 0;

	for (size_t i = first; i < first + n; i++) {
		vaddr address = address_of(pointers, pointers->candidates[i].word);
		uint32_t page = chunks_page(chunks, address);

		if (!page)
			continue;
		suspects[n_suspects++] = (struct suspect){ pointers->candidates[i].from, address, page, CHUNK_NONE, false };
		if (!(page & CHUNK_COVERED))
			__builtin_prefetch(chunk_word_at(chunks, page, address));
	}
	for (size_t i = 0; i < n_suspects; i++) {
		struct suspect *suspect = &suspects[i];

		if (suspect->page & CHUNK_COVERED)
			suspect->id = suspect->page & ~CHUNK_COVERED;
		else
			suspect->id = chunk_word_row(chunk_word_at(chunks, suspect->page, suspect->address), suspect->address,
						     &suspect->begins);
		if (suspect->id >= chunks->n)
			continue;
		__builtin_prefetch(&chunks->state[suspect->id]);
		// In the lower half of the CHUNK_ALIGN bytes at which a row begins, the address is its start, whatever the low three bits.
		suspect->begins = suspect->begins && !(suspect->address & 8);
		if (!suspect->begins) {
			__builtin_prefetch(&chunks->mem[suspect->id]);
			__builtin_prefetch(&chunks->size_units[suspect->id]);
		}
		suspects[kept++] = *suspect;
	}
	for (size_t i = 0; i < kept; i++) {
		const struct suspect *suspect = &suspects[i];

		if (!chunk_is_node(chunks, suspect->id) ||
		    (!suspect->begins && suspect->address - chunks->mem[suspect->id] >= chunk_usable(chunks, suspect->id)))
			continue;

		enum pointer_hit hit = HIT_START;

		if (chunks->head && chunks->head[suspect->id]) {
			if (!headed(pointers, suspect, &hit))
				continue;
		} else if (!suspect->begins) {
			hit = classify(pointers, suspect);
		}
		found[n_found++] = (struct pointer){ .from = suspect->from, .chunk = suspect->id, .hit = hit };
	}
	if (n_found)
		pointers->take(pointers->context, found, n_found);
}

void pointers_flush(struct pointers *pointers)
{
	for (size_t at = 0; at < pointers->n; at += POINTERS_BATCH)
		resolve(pointers, at, pointers->n - at < POINTERS_BATCH ? pointers->n - at : POINTERS_BATCH);
	pointers->n = 0;
}

/* Looks at up to POINTERS_BATCH positions, step bytes apart. */
static inline __attribute__((always_inline)) void scan(struct pointers *pointers, const uint8_t *bytes, size_t n, size_t step, uint64_t from,
						       uint64_t mask)
{
	const uint32_t *stretches = pointers->chunks->stretches;
	vaddr low = pointers->low;
	uint64_t span = pointers->span;
	size_t held = pointers->n;

	for (size_t i = 0; i < n; i++) {
		uint64_t word;

		memcpy(&word, bytes + i * step, sizeof(word));
		// Nearly all words are refused here: numbers, text, addresses of code.
		if (((word & mask) - low) >= span || !stretches[(word & mask) >> CHUNK_STRETCH_SHIFT])
			continue;
		pointers->candidates[held].word = word;
		pointers->candidates[held].from = from + i;
		held++;
	}
	pointers->n = held;
}

void pointers_scan(struct pointers *pointers, const uint8_t *bytes, size_t size, uint64_t from)
{
	size_t step = pointers->options.unaligned ? 1 : 8;

	if (size < 8)
		return;
	// No division: most chunks are small.
	for (size_t left = (step == 8 ? (size - 8) / 8 : size - 8) + 1; left;) {
		size_t n = left < POINTERS_BATCH ? left : POINTERS_BATCH;

		if (!pointers->options.unaligned && !pointers->options.tagged_top_byte)
			scan(pointers, bytes, n, 8, from, UINT64_MAX);
		else
			scan(pointers, bytes, n, step, from, pointers->options.tagged_top_byte ? ~TOP_BYTE : UINT64_MAX);
		if (pointers->n >= POINTERS_BATCH) {
			resolve(pointers, 0, POINTERS_BATCH);
			pointers->n -= POINTERS_BATCH;
			memcpy(pointers->candidates, pointers->candidates + POINTERS_BATCH,
			       pointers->n * sizeof(*pointers->candidates));
		}
		left -= n;
		bytes += n * step;
		from += n;
	}
}

/* Where the next segment begins, VADDR_NONE when there is none behind an address. */
static vaddr next_segment(const struct image *image, vaddr address)
{
	size_t low = 0, high = image->segments.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->segments.v[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < image->segments.n ? image->segments.v[low].start : VADDR_NONE;
}

uint64_t pointers_scan_range(struct pointers *pointers, vaddr start, vaddr end, uint64_t from, uint64_t limit)
{
	const struct image *image = pointers->window.image;
	unsigned unit = pointers->options.unaligned ? 1 : 8;
	uint64_t unread = 0;

	for (vaddr at = start, until; at < end; at = until) {
		const struct segment *segment = image_find(image, at);
		uint64_t position = (at - start) / unit;

		until = segment ? segment->end : next_segment(image, at);
		if (until > end)
			until = end;
		// What only a file has was never written to: it holds no pointer to a chunk. (Tables of constants, where the program has one place only.)
		if (!segment) {
			unread += until - at;
		} else if (segment->bytes && !segment->untouched) {
			if (until - at > SCAN_PIECE)
				until = at + SCAN_PIECE;
			pointers_scan(pointers, segment->bytes + (at - segment->start), until - at,
				      from + (position < limit ? position : limit));
		}
	}
	return unread;
}
