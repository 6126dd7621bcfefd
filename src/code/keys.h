/* SPDX-License-Identifier: MIT */
/*
 * A table from pairs of numbers to indices, for interning.
 */
#ifndef HEAPSNAP_CODE_KEYS_H
#define HEAPSNAP_CODE_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct key_entry;

/** Zero bytes are an empty table. */
struct keys {
	struct key_entry *v;
	size_t n, capacity;
};

/** The number of a key, which is `fresh` when the key is new. Cost: constant. */
int32_t keys_intern(struct keys *keys, uint64_t a, uint64_t b, int32_t fresh);

/** The number of a key, or -1. */
int32_t keys_find(const struct keys *keys, uint64_t a, uint64_t b);

/** Frees it. */
void keys_deinit(struct keys *keys);

/** Two numbers made one that depends on both. */
uint64_t key_mix(uint64_t a, uint64_t b);

/** A number that depends on a string; NULL is accepted. */
uint64_t key_of_string(const char *string);

#endif
