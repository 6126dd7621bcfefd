/* SPDX-License-Identifier: MIT */
/*
 * Caches of threads, and what libc keeps in its own heap.
 *
 * A tcache is a struct in a chunk of its own that the thread's `tcache` variable points to: counters, then one list head per size. Its entries look in use
 * by their neighbours' headers; a list ends in NULL (after demangling). Counters are updated apart from the links, so the links are believed.
 *
 * The child of a fork in a program with threads keeps the caches of threads that it does not have. Such an orphan is recognised by content: a chunk of the right
 * size whose every list is sound, holds chunks of its own size only, and is as long as its counter says, with at least one entry.
 */
#include "glibc/tls.h"
#include "glibc/walk.h"

enum {
	LINK_SHIFT = 12,
	/** Bins of one exact size each; those behind (2.42+) hold ranges of sizes. */
	SMALL_BINS = 64,
	/** No tunable lets a list grow longer than its 16-bit counter. */
	LIST_MAX = UINT16_MAX,
	/** usable bytes of the smallest chunk. */
	SMALLEST = 24,
	DTV_ENTRY = 16,
};

static uint64_t tcache_usable(const struct glibc_layout *layout)
{
	return ((layout->tcache.size + 8 + CHUNK_ALIGN - 1) & ~(uint64_t)(CHUNK_ALIGN - 1)) - 8;
}

/* A chunk can be one unit larger when what would be left over is too small to be a chunk, and another one because a path of 2.43 pads twice. */
static bool has_tcache_size(const struct glibc_layout *layout, uint64_t usable)
{
	uint64_t expected = tcache_usable(layout);

	return usable == expected || usable == expected + CHUNK_ALIGN || usable == expected + 2 * CHUNK_ALIGN;
}

struct cache {
	const struct instance *instance;
	/** The struct. */
	vaddr address;
	/** tcache_count as the process has it (tunable), for counters that count down. */
	uint64_t capacity;
};

/* Walks one list, up to a number of entries. With `commit` each entry becomes CHUNK_TCACHE. Returns the number of entries; sets *sound_ret to false at
   the first that cannot be. */
static uint64_t list_walk(struct walk *walk, const struct cache *cache, unsigned bin, uint64_t maximum, bool commit, uint64_t *bytes,
			  bool *sound_ret)
{
	const struct glibc_layout *layout = &cache->instance->layout;
	struct chunks *chunks = &walk->heap->chunks;
	vaddr at = cache->address + layout->tcache.entries + bin * 8, entry = 0;
	uint64_t n = 0;

	*sound_ret = true;
	for (;; n++) {
		if (!window_word(&walk->window, at, &entry))
			break;
		if (n && layout->safe_linking)
			entry ^= at >> LINK_SHIFT;
		if (!entry)
			return n;

		chunk_id id = chunks_at(chunks, entry);

		if (n >= maximum || id == CHUNK_NONE || chunks->state[id] != CHUNK_IN_USE ||
		    (bin < SMALL_BINS && chunk_usable(chunks, id) != SMALLEST + bin * (uint64_t)CHUNK_ALIGN))
			break;
		if (commit)
			chunks->state[id] = CHUNK_TCACHE;
		*bytes += chunk_usable(chunks, id);
		at = entry;
	}
	*sound_ret = false;
	if (commit) {
		walk->broken_lists++;
		heap_finding(walk->heap, FINDING_CORRUPTION, at, UINT32_MAX,
			     "list %u of the tcache at 0x%" PRIxVADDR " is broken here: its link 0x%" PRIx64
			     " is no chunk of that list; free chunks behind it count as in use",
			     bin, cache->address, entry);
	}
	return n;
}

static bool counter_read(struct walk *walk, const struct cache *cache, unsigned bin, uint64_t *ret)
{
	const struct glibc_layout *layout = &cache->instance->layout;
	uint16_t value = 0;

	if (!image_get(&walk->target->image, cache->address + layout->tcache.counters + bin * layout->tcache.counter_size, &value,
		       layout->tcache.counter_size))
		return false;
	*ret = value;
	return true;
}

/* The number of entries that a counter stands for. */
static uint64_t counter_entries(const struct cache *cache, uint64_t counter)
{
	return cache->instance->layout.tcache.counts_down ? cache->capacity - counter : counter;
}

static void cache_mark(struct walk *walk, const struct cache *cache, pid_t tid)
{
	struct heap_tcache tcache = { .tid = tid, .address = cache->address };
	bool sound;

	for (unsigned bin = 0; bin < cache->instance->layout.tcache.n_bins; bin++)
		tcache.count += list_walk(walk, cache, bin, LIST_MAX, true, &tcache.bytes, &sound);
	array_append(&walk->heap->tcaches, tcache);
}

static bool cache_is_empty(struct walk *walk, const struct cache *cache)
{
	const struct glibc_layout *layout = &cache->instance->layout;
	uint64_t entry;

	for (unsigned bin = 0; bin < layout->tcache.n_bins; bin++)
		if (!window_word(&walk->window, cache->address + layout->tcache.entries + bin * 8, &entry) || entry)
			return false;
	return true;
}

static bool cache_is_orphan(struct walk *walk, const struct cache *cache)
{
	uint64_t entries = 0, bytes = 0, counter;
	bool sound;

	// Many chunks of a program are all zero.
	if (!cache->instance->layout.tcache.counts_down && cache_is_empty(walk, cache))
		return false;

	for (unsigned bin = 0; bin < cache->instance->layout.tcache.n_bins; bin++) {
		if (!counter_read(walk, cache, bin, &counter) || (cache->instance->layout.tcache.counts_down && counter > cache->capacity))
			return false;
		// What programs and attackers write there must not cost more than the memory is worth.
		uint64_t maximum = counter_entries(cache, counter);
		uint64_t n = list_walk(walk, cache, bin, maximum < walk->search_budget ? maximum : walk->search_budget, false, &bytes, &sound);

		walk->search_budget -= n;
		if (!sound || n != maximum)
			return false;
		entries += n;
	}
	return entries > 0 || (cache->instance->layout.tcache.counts_down && cache->capacity > 0);
}

static void orphans_mark(struct walk *walk, const struct instance *instance, uint64_t capacity)
{
	struct chunks *chunks = &walk->heap->chunks;

	for (size_t i = 0; i < chunks->n; i++) {
		if (!has_tcache_size(&instance->layout, chunk_usable(chunks, i)) || chunks->state[i] != CHUNK_IN_USE)
			continue;
		struct cache cache = { instance, chunks->mem[i], capacity };

		if (!cache_is_orphan(walk, &cache))
			continue;
		chunks->state[i] = CHUNK_INTERNAL;
		walk->orphan_tcaches++;
		cache_mark(walk, &cache, 0);
	}
}

/* Up to 2.29 counters have one byte, and the struct is smaller: the chunk that `tcache` of any thread points to tells. */
static void small_counters_detect(struct walk *walk, struct instance *instance, int64_t distance)
{
	struct glibc_layout small = instance->layout;

	if (instance->layout.safe_linking || instance->layout.tcache.counts_down)
		return;
	glibc_layout_small_counters(&small);
	for (size_t i = 0; i < walk->target->threads.n; i++) {
		vaddr tp = walk->target->threads.v[i].tp, address;

		if (!tp || !image_get_word(&walk->target->image, tp + (vaddr)distance + instance->tcache_offset, &address))
			continue;
		chunk_id id = chunks_at(&walk->heap->chunks, address);

		if (id != CHUNK_NONE && has_tcache_size(&small, chunk_usable(&walk->heap->chunks, id))) {
			instance->layout = small;
			return;
		}
	}
}

/* Whether the word at an offset of libc's TLS block may be `tcache`, in each thread: none yet, a dummy inside libc, or a chunk of its size. */
static bool offset_fits(struct walk *walk, const struct instance *instance, int64_t distance, uint64_t offset)
{
	struct glibc_layout small = instance->layout;
	bool met = false;

	glibc_layout_small_counters(&small);
	for (size_t i = 0; i < walk->target->threads.n; i++) {
		vaddr tp = walk->target->threads.v[i].tp, value;

		if (!tp)
			continue;
		if (!image_get_word(&walk->target->image, tp + (vaddr)distance + offset, &value))
			return false;
		if (!value || value - instance->module_start < instance->module_end - instance->module_start)
			continue;
		chunk_id id = chunks_at(&walk->heap->chunks, value);

		if (id == CHUNK_NONE || walk->heap->chunks.state[id] != CHUNK_IN_USE ||
		    (!has_tcache_size(&instance->layout, chunk_usable(&walk->heap->chunks, id)) &&
		     !has_tcache_size(&small, chunk_usable(&walk->heap->chunks, id))))
			return false;
		met = true;
	}
	return met;
}

/* Without symbols or code that tells (static, stripped): the only offset that fits in every thread. */
static void offset_search(struct walk *walk, struct instance *instance, int64_t distance)
{
	uint64_t found = 0;
	unsigned hits = 0;

	for (uint64_t offset = 0; offset + 8 <= instance->tls_size && offset < 65536; offset += 8)
		if (offset_fits(walk, instance, distance, offset)) {
			found = offset;
			hits++;
		}
	if (hits == 1)
		instance->tcache_offset = found;
}

static void thread_cache_mark(struct walk *walk, const struct instance *instance, const struct thread *thread, int64_t distance, uint64_t capacity)
{
	vaddr address;

	if (!thread->tp || !image_get_word(&walk->target->image, thread->tp + (vaddr)distance + instance->tcache_offset, &address)) {
		walk->tcaches_unread++;
		return;
	}
	// NULL before the first use; since 2.43 a dummy in libc itself.
	if (!address || address - instance->module_start < instance->module_end - instance->module_start)
		return;

	chunk_id id = chunks_at(&walk->heap->chunks, address);

	// A thread that is just leaving, or damage: nothing there can be believed.
	if (id == CHUNK_NONE || walk->heap->chunks.state[id] != CHUNK_IN_USE ||
	    chunk_usable(&walk->heap->chunks, id) + 8 < instance->layout.tcache.size) {
		walk->tcaches_unread++;
		return;
	}
	walk->heap->chunks.state[id] = CHUNK_INTERNAL;
	cache_mark(walk, &(struct cache){ instance, address, capacity }, thread->tid);
}

static void instance_caches_mark(struct walk *walk, struct instance *instance)
{
	int64_t distance;
	uint32_t capacity = 0;
	bool known = tls_distance(instance, walk->target, &distance);

	if (!instance->layout.tcache.size)
		return;
	if (known && instance->tcache_offset == VADDR_NONE)
		offset_search(walk, instance, distance);
	if (instance->layout.mp.tcache_count != MEMBER_ABSENT)
		image_get(&walk->target->image, instance->mp + instance->layout.mp.tcache_count, &capacity, sizeof(capacity));
	if (known && instance->tcache_offset != VADDR_NONE) {
		small_counters_detect(walk, instance, distance);
		for (size_t i = 0; i < walk->target->threads.n; i++)
			thread_cache_mark(walk, instance, &walk->target->threads.v[i], distance, capacity);
	} else {
		walk->tcaches_unread += walk->target->threads.n;
	}
}

static void instance_orphans_mark(struct walk *walk, const struct instance *instance)
{
	uint32_t capacity = 0;

	if (!instance->layout.tcache.size)
		return;
	if (instance->layout.mp.tcache_count != MEMBER_ABSENT)
		image_get(&walk->target->image, instance->mp + instance->layout.mp.tcache_count, &capacity, sizeof(capacity));
	orphans_mark(walk, instance, capacity);
}

static void internal_at(struct walk *walk, vaddr mem)
{
	chunk_id id = chunks_at(&walk->heap->chunks, mem);

	if (id != CHUNK_NONE && walk->heap->chunks.state[id] == CHUNK_IN_USE)
		walk->heap->chunks.state[id] = CHUNK_INTERNAL;
}

/* The vector has an entry before its first and one for each module there is room for. The main thread's is ld.so's own, in no chunk. */
static void vector_mark(struct walk *walk, vaddr dtv, uint64_t n)
{
	chunk_id id = chunks_at(&walk->heap->chunks, dtv - DTV_ENTRY);

	if (id != CHUNK_NONE && (n + 2) * DTV_ENTRY <= chunk_usable(&walk->heap->chunks, id))
		internal_at(walk, dtv - DTV_ENTRY);
}

/* A TLS block lies in the chunk it will be freed with. An entry where it does not is damaged, and the chunk may be the program's. */
static void block_mark(struct walk *walk, vaddr block, vaddr to_free)
{
	chunk_id id = chunks_at(&walk->heap->chunks, to_free);

	if (id != CHUNK_NONE && block - to_free < chunk_usable(&walk->heap->chunks, id))
		internal_at(walk, to_free);
}

/* The dynamic thread vectors, and the TLS blocks that ld.so allocated for modules that were loaded later. */
static void vectors_mark(struct walk *walk)
{
	for (size_t i = 0; i < walk->target->threads.n; i++) {
		vaddr dtv, block, to_free;
		uint64_t n;

		if (!tls_dtv(walk->target, &walk->target->threads.v[i], &dtv, &n))
			continue;
		vector_mark(walk, dtv, n);
		for (uint64_t k = 1; k <= n; k++)
			if (window_word(&walk->window, dtv + k * DTV_ENTRY + 8, &to_free) && to_free &&
			    window_word(&walk->window, dtv + k * DTV_ENTRY, &block))
				block_mark(walk, block, to_free);
	}
}

void tcaches_mark(struct walk *walk)
{
	// A thread that the core does not name may have a cache.
	if (walk->target->threads_incomplete)
		walk->tcaches_unread++;
	for (size_t i = 0; i < walk->glibc->instances.n; i++)
		instance_caches_mark(walk, &walk->glibc->instances.v[i]);
	// What no thread of any instance leads to is an orphan.
	for (size_t i = 0; i < walk->glibc->instances.n; i++)
		instance_orphans_mark(walk, &walk->glibc->instances.v[i]);
	vectors_mark(walk);
}
