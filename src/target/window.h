/* SPDX-License-Identifier: MIT */
/*
 * A window onto an image: word reads that are mostly near the one before.
 *
 * A walk reads millions of words in rising order; looking up the segment for each would cost more than the read. The window keeps the segment
 * of the last read. It copies nothing and can be thrown away at any time.
 */
#ifndef HEAPSNAP_TARGET_WINDOW_H
#define HEAPSNAP_TARGET_WINDOW_H

#include <stdbool.h>
#include <string.h>

#include "target/image.h"

struct window {
	const struct image *image;
	/** The segment of the last read; start == end at first. */
	vaddr start, end;
	const uint8_t *bytes;
};

/** Starts a window. The image is borrowed. */
static inline void window_init(struct window *window, const struct image *image)
{
	*window = (struct window){ .image = image };
}

/** Moves a window to the segment that holds an address; false when none does or it has no bytes in memory. */
bool window_move(struct window *window, vaddr address);

/** The first address at or behind this one that the image holds and that is not known to be zero (never touched); VADDR_NONE when there is none. For searches: what
    they look for is not in between. Cost: logarithmic, and linear in the untouched segments passed. */
vaddr window_next(const struct window *window, vaddr address);

/** One 8-byte word; false when any of it is absent. Cost: a load when it lies near the last one. */
static inline bool window_word(struct window *window, vaddr address, uint64_t *ret)
{
	if (__builtin_expect(address < window->start || window->end - window->start < 8 || address > window->end - 8, 0)) {
		// A word across two segments, untouched pages and file pages go the long way.
		if (!window_move(window, address) || address > window->end - 8)
			return image_get_word(window->image, address, ret);
	}
	memcpy(ret, window->bytes + (address - window->start), sizeof(*ret));
	return true;
}

/** Asks for the memory at an address to be at hand soon; costs next to nothing and may do nothing. A walk's next address stands in the word that it waits for,
    so without asking ahead it would wait for memory at every step. */
static inline void window_prefetch(const struct window *window, vaddr address)
{
	if (address - window->start < window->end - window->start)
		__builtin_prefetch(window->bytes + (address - window->start));
}

#endif
