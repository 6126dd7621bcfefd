/* SPDX-License-Identifier: MIT */
#include "code/keys.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { CAPACITY_MIN = 64 };

struct key_entry {
	uint64_t a, b;
	/** Plus 1; 0 for an empty entry. */
	uint32_t number;
};

uint64_t key_mix(uint64_t a, uint64_t b)
{
	uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) ^ (b + UINT64_C(0x7f4a7c159e3779b9) + (a << 6) + (a >> 2));

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t key_of_string(const char *string)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *at = string; at && *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
	return hash;
}

/* Where a key is, or belongs. */
static struct key_entry *entry_of(const struct keys *keys, uint64_t a, uint64_t b)
{
	size_t i = (size_t)key_mix(a, b) & (keys->capacity - 1);

	while (keys->v[i].number && (keys->v[i].a != a || keys->v[i].b != b))
		i = (i + 1) & (keys->capacity - 1);
	return &keys->v[i];
}

static void keys_grow(struct keys *keys)
{
	struct keys grown = { .capacity = keys->capacity ? keys->capacity * 2 : CAPACITY_MIN };

	grown.v = xcalloc(grown.capacity, sizeof(*grown.v));
	for (size_t i = 0; i < keys->capacity; i++) {
		if (keys->v[i].number)
			*entry_of(&grown, keys->v[i].a, keys->v[i].b) = keys->v[i];
	}
	grown.n = keys->n;
	free(keys->v);
	*keys = grown;
}

int32_t keys_intern(struct keys *keys, uint64_t a, uint64_t b, int32_t fresh)
{
	if (keys->n * 2 >= keys->capacity)
		keys_grow(keys);

	struct key_entry *entry = entry_of(keys, a, b);

	if (!entry->number) {
		*entry = (struct key_entry){ .a = a, .b = b, .number = (uint32_t)fresh + 1 };
		keys->n++;
	}
	return (int32_t)(entry->number - 1);
}

int32_t keys_find(const struct keys *keys, uint64_t a, uint64_t b)
{
	const struct key_entry *entry = keys->n ? entry_of(keys, a, b) : NULL;

	return entry && entry->number ? (int32_t)(entry->number - 1) : -1;
}

void keys_deinit(struct keys *keys)
{
	free(keys->v);
	*keys = (struct keys){ .v = NULL };
}
