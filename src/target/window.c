/* SPDX-License-Identifier: MIT */
#include "target/window.h"

bool window_move(struct window *window, vaddr address)
{
	const struct segment *segment = image_find(window->image, address);

	if (!segment || !segment->bytes || segment->end - segment->start < 8)
		return false;
	window->start = segment->start;
	window->end = segment->end;
	window->bytes = segment->bytes;
	return true;
}

vaddr window_next(const struct window *window, vaddr address)
{
	const struct image *image = window->image;
	size_t low = 0, high = image->segments.n;

	// The first segment that ends behind the address.
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (image->segments.v[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	while (low < image->segments.n && image->segments.v[low].untouched)
		low++;
	if (low == image->segments.n)
		return VADDR_NONE;
	return image->segments.v[low].start > address ? image->segments.v[low].start : address;
}
