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
