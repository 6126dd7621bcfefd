/* SPDX-License-Identifier: MIT */
/*
 * Where the bytes of a target lie in our own address space.
 *
 * A span stands for a stretch of the target's address space and is as long as it, so that what lies side by side there does so here; it
 * is reserved, not used: a page costs memory when it is written, and reads as zero before. Terabytes of reserve in the target are as many in ours and cost
 * nothing.
 */
#ifndef HEAPSNAP_TARGET_STORE_H
#define HEAPSNAP_TARGET_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/vaddr.h"

struct store_span {
	/** In the target, half-open. */
	vaddr start, end;
	/** Where start lies here. */
	uint8_t *bytes;
};

struct store {
	/** Ascending, without overlap. */
	ARRAY(struct store_span) spans;
};

/** Reserves room for [start, end); false when the system does not give it. The range touches no span there is. */
bool store_reserve(struct store *store, vaddr start, vaddr end);

/** The span that holds an address, or NULL. Borrowed: until the next reservation. Cost: logarithmic. */
const struct store_span *store_find(const struct store *store, vaddr address);

/** Makes all of it read-only. */
void store_seal(struct store *store);

/** Gives everything back. */
void store_deinit(struct store *store);

#endif
