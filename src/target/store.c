/* SPDX-License-Identifier: MIT */
#include "target/store.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"

/* Index of the first span that ends behind an address. */
static size_t span_index(const struct store *store, vaddr address)
{
	size_t low = 0, high = store->spans.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (store->spans.v[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool store_reserve(struct store *store, vaddr start, vaddr end)
{
	size_t at = span_index(store, start);

	assert(start < end && (at == store->spans.n || store->spans.v[at].start >= end));

	void *bytes = mmap(NULL, end - start, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (bytes == MAP_FAILED)
		return false;
	// What another process holds in its memory does not belong in a core of ours.
	(void)madvise(bytes, end - start, MADV_DONTDUMP);
	(void)array_push(&store->spans);
	memmove(&store->spans.v[at + 1], &store->spans.v[at],
		(store->spans.n - 1 - at) * sizeof(*store->spans.v));
	store->spans.v[at] = (struct store_span){ start, end, bytes };
	return true;
}

const struct store_span *store_find(const struct store *store, vaddr address)
{
	size_t at = span_index(store, address);

	return at < store->spans.n && store->spans.v[at].start <= address ? &store->spans.v[at]
									  : NULL;
}

void store_seal(struct store *store)
{
	for (size_t i = 0; i < store->spans.n; i++) {
		const struct store_span *span = &store->spans.v[i];

		(void)mprotect(span->bytes, span->end - span->start, PROT_READ);
	}
}

void store_deinit(struct store *store)
{
	for (size_t i = 0; i < store->spans.n; i++)
		munmap(store->spans.v[i].bytes, store->spans.v[i].end - store->spans.v[i].start);
	array_deinit(&store->spans);
}
