/* SPDX-License-Identifier: MIT */
/*
 * pymalloc: arenas hold pools, pools hold blocks of one size.
 *
 *   arena   |fill|pool|pool|pool|…|never used|        pools are aligned to their size, the arena only to a page
 *   pool    |header 48|block|block|…|never used|      in use = carved blocks − those on the list of free ones
 *
 * Its books have no names in a stripped interpreter, but a form that nothing else has: `usedpools` is an array of pairs of links, the nth of which
 * points either back to itself (less two words) or to pools of the nth size. Before 3.12 the table of arenas is another variable, which is found by
 * the pools: each says which entry of the table it belongs to. Since 3.12 it stands behind usedpools.
 *
 * Source: CPython Objects/obmalloc.c, Include/internal/pycore_obmalloc.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cpython/walk.h"
#include "debug/disasm.h"
#include "debug/symbols.h"

enum {
	CLASSES = 32,
	BLOCK_ALIGN = 16,
	USED_POOLS_SIZE = CLASSES * 16,
	PAGE = 4096,
	/** struct pool_header. */
	POOL_COUNT = 0,
	POOL_FREE_BLOCK = 8,
	POOL_NEXT = 16,
	POOL_ARENA = 32,
	POOL_CLASS = 36,
	POOL_FRESH = 40,
	POOL_HEADER = 48,
	/** struct arena_object. */
	ARENA_ADDRESS = 0,
	ARENA_FRESH = 8,
	ARENA_N_FREE = 16,
	ARENA_N_TOTAL = 20,
	ARENA_FREE_POOLS = 24,
	ARENA_SIZE = 48,
	/** struct _obmalloc_state (3.12). */
	STATE_ARENAS = 512,
	STATE_MAX_ARENAS = 520,
	STATE_RAW = 1088,
	/** Entries of a table of arenas that are looked at: 1 TiB. */
	ARENAS_MAX = 1 << 20,
	STATES_MAX = 256,
	SEGMENT_WRITE = 2,
	/** The debug allocator: a size, a letter and a guard before what the program gets, as much behind. */
	DEBUG_LEAD = 16,
	DEBUG_LETTER = 8,
};

static uint64_t arena_size(const struct py_walk *walk)
{
	return UINT64_C(1) << walk->layout.arena_shift;
}

static uint64_t pool_size(const struct py_walk *walk)
{
	return UINT64_C(1) << walk->layout.pool_shift;
}

/* A pool of a class that is in use; by what its header says. */
static bool is_pool(struct py_walk *walk, vaddr pool, uint32_t class)
{
	uint64_t count, sizes;

	return pool && pool % pool_size(walk) == 0 && py_word(walk, pool + POOL_COUNT, &count) && py_word(walk, pool + POOL_ARENA, &sizes) &&
	       sizes >> 32 == class && (uint32_t)count && (uint32_t)count <= pool_size(walk) / BLOCK_ALIGN;
}

/* Whether usedpools lies at an address; how many of its lists have pools, and one of these. */
static bool is_used_pools(struct py_walk *walk, vaddr address, size_t *n_live_ret, vaddr *pool_ret)
{
	size_t live = 0;
	vaddr pool = 0;

	for (uint32_t i = 0; i < CLASSES; i++) {
		vaddr pair = address + i * 16;
		uint64_t next, previous;

		if (!py_word(walk, pair, &next) || !py_word(walk, pair + 8, &previous))
			return false;
		if (next == pair - 16 && previous == pair - 16)
			continue;
		if (!is_pool(walk, next, i) || !is_pool(walk, previous, i))
			return false;
		live++;
		pool = next;
	}
	*n_live_ret = live;
	*pool_ret = pool;
	return true;
}

/* Whether a table of arenas says that a pool is in the arena that the pool says it is in. */
static bool table_has(struct py_walk *walk, vaddr table, vaddr pool)
{
	uint32_t index = py_u32(walk, pool + POOL_ARENA);
	uint64_t address;

	return index < ARENAS_MAX && py_word(walk, table + (vaddr)index * ARENA_SIZE + ARENA_ADDRESS, &address) && address && address % PAGE == 0 &&
	       address <= pool && pool - address < arena_size(walk);
}

/* Whether what else the entry of that arena says makes sense. */
static bool entry_fits(struct py_walk *walk, vaddr table, vaddr pool)
{
	vaddr entry = table + (vaddr)py_u32(walk, pool + POOL_ARENA) * ARENA_SIZE;
	uint64_t fresh = py_at(walk, entry + ARENA_FRESH), counts = py_at(walk, entry + ARENA_N_FREE);

	return fresh > pool && fresh - pool <= arena_size(walk) && fresh % pool_size(walk) == 0 && (uint32_t)counts <= counts >> 32 &&
	       counts >> 32 <= arena_size(walk) / pool_size(walk);
}

static bool table_has_all(struct py_walk *walk, vaddr table, vaddr used_pools)
{
	for (uint32_t i = 0; i < CLASSES; i++) {
		vaddr pair = used_pools + i * 16, next = py_at(walk, pair);

		if (next != pair - 16 && !table_has(walk, table, next))
			return false;
	}
	return true;
}

static bool is_known(const struct py_walk *walk, vaddr used_pools)
{
	for (size_t i = 0; i < walk->states.n; i++)
		if (walk->states.v[i].used_pools == used_pools)
			return true;
	return false;
}

/* The state whose usedpools lies here, if all that belongs to it does too. */
static bool take_state(struct py_walk *walk, vaddr used_pools, vaddr pool)
{
	struct py_state state = { .used_pools = used_pools, .raw_blocks = UINT64_MAX };

	if (walk->states.n == STATES_MAX || is_known(walk, used_pools))
		return false;
	if (walk->layout.state_is_struct) {
		state.table = py_at(walk, used_pools + STATE_ARENAS);
		state.max_arenas = py_u32(walk, used_pools + STATE_MAX_ARENAS);
		state.raw_blocks = py_at(walk, used_pools + STATE_RAW);
		if (state.max_arenas > ARENAS_MAX || (pool && !table_has_all(walk, state.table, used_pools)))
			return false;
	}
	array_append(&walk->states, state);
	return true;
}

typedef bool visit_words(struct py_walk *walk, vaddr address, uint64_t word, void *context);

/* Calls visit for each word of [start, end), until it gives true. Pages that were never touched hold nothing. */
static bool each_word(struct py_walk *walk, vaddr start, vaddr end, visit_words *visit, void *context)
{
	for (vaddr at = (start + 7) & ~UINT64_C(7); at < end && end - at >= 8; at += 8) {
		uint64_t word;

		if (!window_word(&walk->near, at, &word)) {
			at = window_next(&walk->near, at + 8);
			if (at == VADDR_NONE || at >= end)
				return false;
			at = (at & ~UINT64_C(7)) - 8;
			continue;
		}
		if (visit(walk, at, word, context))
			return true;
	}
	return false;
}

/* Calls visit for each word of the module's writable data. */
static bool each_data_word(struct py_walk *walk, visit_words *visit, void *context)
{
	const struct module *module = walk->module;

	for (size_t i = 0; i < module->segments.n; i++) {
		vaddr start = module->segments.v[i].start + module->bias, end = module->segments.v[i].end + module->bias;

		if (module->segments.v[i].flags & SEGMENT_WRITE && start >= module->start && end <= module->end &&
		    each_word(walk, start, end, visit, context))
			return true;
	}
	return false;
}

struct best {
	vaddr used_pools, pool;
	size_t live;
};

static bool visit_used_pools(struct py_walk *walk, vaddr address, uint64_t word, void *context)
{
	struct best *best = context;
	size_t live;
	vaddr pool;

	// The first pair decides nearly always.
	if (word != address - 16 && (!word || word % pool_size(walk)))
		return false;
	if (!is_used_pools(walk, address, &live, &pool) || is_known(walk, address) || (best->used_pools && live <= best->live))
		return false;
	if (walk->layout.state_is_struct && live && !table_has_all(walk, py_at(walk, address + STATE_ARENAS), address))
		return false;
	*best = (struct best){ address, pool, live };
	return false;
}

struct table_search {
	vaddr used_pools, pool, found;
};

static bool visit_table(struct py_walk *walk, vaddr address, uint64_t word, void *context)
{
	struct table_search *search = context;

	(void)address;
	// It came from malloc; other words may lead to what begins with the address of an arena, too.
	if (!word || word % 8 || chunks_find(&walk->heap->chunks, word) == CHUNK_NONE || !table_has(walk, word, search->pool) ||
	    !entry_fits(walk, word, search->pool) || !table_has_all(walk, word, search->used_pools))
		return false;
	search->found = word;
	return true;
}

/* Entries that the memory at a table has room for. */
static uint32_t table_room(struct py_walk *walk, vaddr table)
{
	const struct chunks *chunks = &walk->heap->chunks;
	chunk_id chunk = chunks_find(chunks, table);
	uint64_t room;

	if (chunk == CHUNK_NONE)
		return ARENAS_MAX;
	room = (chunks->mem[chunk] + chunk_usable(chunks, chunk) - table) / ARENA_SIZE;
	return room < ARENAS_MAX ? (uint32_t)room : ARENAS_MAX;
}

/* Before 3.12: variables of the module. */
static bool find_table(struct py_walk *walk, struct py_state *state, vaddr pool)
{
	struct table_search search = { .used_pools = state->used_pools, .pool = pool };

	if (!each_data_word(walk, visit_table, &search))
		return false;
	state->table = search.found;
	state->max_arenas = table_room(walk, search.found);
	return true;
}

/* The count of allocations that went on to malloc is a variable with a name, or the one that the function that adds it up reads besides the table of arenas and its size. */
static uint64_t find_raw(struct py_walk *walk, const struct py_state *state)
{
	struct symbol symbol;
	vaddr bias = walk->module->bias, only = 0;
	disasm_reference_array references;
	size_t n = 0;

	if (symbol_named(walk->modules, walk->module, walk->layout.counts_all ? "_Py_AllocatedBlocks" : "raw_allocated_blocks", &symbol))
		return py_at(walk, symbol.value + bias);
	if (!symbol_exported(walk->module, "_Py_GetAllocatedBlocks", &symbol) || symbol.size > PAGE)
		return UINT64_MAX;
	disasm_references(walk->module, symbol.value, symbol.size, &references);
	for (size_t i = 0; i < references.n; i++) {
		vaddr at = references.v[i].to + bias;
		uint64_t word = py_at(walk, at);

		if (references.v[i].is_address || !references.v[i].is_load || at == only || word == state->table || word > UINT64_C(1) << 40)
			continue;
		only = at;
		n++;
	}
	array_deinit(&references);
	return n == 1 ? py_at(walk, only) : UINT64_MAX;
}

/* Interpreters with a lock of their own: their books lie in their state, or are pointed to from it. */
static bool visit_interpreter(struct py_walk *walk, vaddr address, uint64_t word, void *context)
{
	size_t live;
	vaddr pool, at[] = { address, word };

	(void)context;
	for (size_t i = 0; i < 2; i++) {
		uint64_t first;

		if (!at[i] || at[i] % 8 || !py_word(walk, at[i], &first) || (first != at[i] - 16 && (!first || first % pool_size(walk))))
			continue;
		if (is_used_pools(walk, at[i], &live, &pool) && live)
			take_state(walk, at[i], pool);
	}
	return false;
}

bool obmalloc_find(struct py_walk *walk)
{
	struct best best = { 0 };

	each_data_word(walk, visit_used_pools, &best);
	if (!best.used_pools || !take_state(walk, best.used_pools, best.pool))
		return false;

	struct py_state *state = &walk->states.v[0];

	// Without any pool there is nothing to find: another allocator was chosen.
	if (best.live && !walk->layout.state_is_struct && !find_table(walk, state, best.pool)) {
		walk->states.n = 0;
		return false;
	}
	if (!walk->layout.state_is_struct)
		state->raw_blocks = find_raw(walk, state);
	for (size_t i = 0; walk->layout.state_is_struct && i < walk->interpreters.n; i++)
		if (walk->interpreters.v[i] < walk->module->start || walk->interpreters.v[i] >= walk->module->end)
			each_word(walk, walk->interpreters.v[i], walk->interpreters.v[i] + walk->layout.interp_size, visit_interpreter, NULL);
	return true;
}

/* ---- arenas and pools ---- */

static int compare_arenas(const void *left, const void *right)
{
	const struct py_arena *a = left, *b = right;

	return a->address < b->address ? -1 : a->address > b->address;
}

static void arenas_read(struct py_walk *walk, uint32_t index)
{
	const struct py_state *state = &walk->states.v[index];
	uint64_t size = arena_size(walk);

	for (uint32_t i = 0; i < state->max_arenas; i++) {
		vaddr entry = state->table + (vaddr)i * ARENA_SIZE;
		struct py_arena arena = { .index = i, .state = index };
		uint64_t counts;

		if (!py_word(walk, entry + ARENA_ADDRESS, &arena.address))
			break;
		if (!arena.address || arena.address % PAGE || arena.address >= CHUNK_MEM_END - size)
			continue;
		if (!py_word(walk, entry + ARENA_FRESH, &arena.fresh) || !py_word(walk, entry + ARENA_N_FREE, &counts) ||
		    !py_word(walk, entry + ARENA_FREE_POOLS, &arena.free_pools))
			break;
		arena.n_free = (uint32_t)counts;
		arena.n_total = (uint32_t)(counts >> 32);
		arena.first = (arena.address + pool_size(walk) - 1) & ~(pool_size(walk) - 1);
		if (arena.fresh < arena.first || arena.fresh > arena.address + size || arena.fresh % pool_size(walk) ||
		    arena.n_total > size / pool_size(walk)) {
			heap_finding(walk->heap, FINDING_CORRUPTION, entry, UINT32_MAX,
				     "the entry of a Python arena at 0x%" PRIxVADDR " makes no sense; its blocks are left out", arena.address);
			continue;
		}
		array_append(&walk->arenas, arena);
	}
}

/* Sorts them and drops those that overlap one before, or memory that malloc has. */
static void arenas_settle(struct py_walk *walk)
{
	size_t kept = 0;
	vaddr end = 0;

	if (walk->arenas.n)
		qsort(walk->arenas.v, walk->arenas.n, sizeof(*walk->arenas.v), compare_arenas);
	for (size_t i = 0; i < walk->arenas.n; i++) {
		struct py_arena arena = walk->arenas.v[i];

		if (arena.address < end || heap_source_at(walk->heap, arena.address) || chunks_find(&walk->heap->chunks, arena.address) != CHUNK_NONE) {
			heap_finding(walk->heap, FINDING_AMBIGUOUS, arena.address, UINT32_MAX,
				     "a Python arena lies in memory of malloc or of another arena; its blocks are left out");
			continue;
		}
		end = arena.address + arena_size(walk);
		walk->arenas.v[kept++] = arena;
	}
	walk->arenas.n = kept;
}

enum { POOLS_MAX = 256, POOL_BYTES_MAX = 1 << 14, BITS = POOL_BYTES_MAX / BLOCK_ALIGN };

struct pools {
	uint64_t corrupt, arenas;
	/** Off by the one block that is being taken or given back, and by more. */
	uint64_t in_motion, wrong;
	uint64_t unread;
};

/* Marks the pools on an arena's list of free ones. */
static void free_pools(struct py_walk *walk, const struct py_arena *arena, bool *is_free, size_t n)
{
	vaddr pool = arena->free_pools;

	for (size_t steps = 0; pool && steps < n; steps++) {
		uint64_t index = (pool - arena->first) >> walk->layout.pool_shift;

		if (pool < arena->first || index >= n || pool % pool_size(walk) || is_free[index])
			break;
		is_free[index] = true;
		pool = py_at(walk, pool + POOL_NEXT);
	}
}

static void pool_read(struct py_walk *walk, const struct py_arena *arena, vaddr pool, struct pools *sums)
{
	struct py_pymalloc *account = &walk->runtime->pymalloc;
	uint8_t copy[POOL_BYTES_MAX];
	uint64_t size = pool_size(walk), marks[BITS / 64] = { 0 }, link;
	const uint8_t *bytes = image_view(&walk->target->image, pool, size);
	uint32_t count, class, index, fresh;
	size_t n, n_free = 0;

	if (!bytes) {
		if (!image_get(&walk->target->image, pool, copy, size)) {
			sums->unread++;
			return;
		}
		bytes = copy;
	}
	memcpy(&count, bytes + POOL_COUNT, 4);
	memcpy(&link, bytes + POOL_FREE_BLOCK, 8);
	memcpy(&index, bytes + POOL_ARENA, 4);
	memcpy(&class, bytes + POOL_CLASS, 4);
	memcpy(&fresh, bytes + POOL_FRESH, 4);
	if (index != arena->index || class >= CLASSES) {
		sums->corrupt++;
		return;
	}

	uint32_t block = (class + 1) * BLOCK_ALIGN;

	// Behind the last block that was ever handed out.
	n = (fresh < size ? fresh : size) < POOL_HEADER ? 0 : ((fresh < size ? fresh : size) - POOL_HEADER) / block;
	while (link) {
		uint64_t offset = link - pool - POOL_HEADER, number = offset / block;

		if (link < pool + POOL_HEADER || number >= n || offset % block || marks[number / 64] >> number % 64 & 1) {
			sums->corrupt++;
			break;
		}
		marks[number / 64] |= UINT64_C(1) << number % 64;
		n_free++;
		memcpy(&link, bytes + POOL_HEADER + offset, 8);
	}
	if (n - n_free != count) {
		if (n - n_free + 1 == count || n - n_free == count + 1)
			sums->in_motion++;
		else
			sums->wrong++;
	}
	for (size_t i = 0; i < n; i++)
		if (!(marks[i / 64] >> i % 64 & 1))
			chunks_add(&walk->blocks, pool + POOL_HEADER + i * block, block, CHUNK_IN_USE, CHUNK_PYMALLOC);
	account->pools++;
	account->classes[class].pools++;
	account->classes[class].used += n - n_free;
	account->used.count += n - n_free;
	account->used.bytes += (n - n_free) * block;
}

static void arena_read(struct py_walk *walk, const struct py_arena *arena, struct pools *sums)
{
	struct py_pymalloc *account = &walk->runtime->pymalloc;
	size_t n = (size_t)((arena->fresh - arena->first) >> walk->layout.pool_shift), n_free = 0;
	bool is_free[POOLS_MAX] = { false };

	if (n > POOLS_MAX)
		n = POOLS_MAX;
	free_pools(walk, arena, is_free, n);
	for (size_t i = 0; i < n; i++) {
		vaddr pool = arena->first + ((vaddr)i << walk->layout.pool_shift);

		if (is_free[i])
			n_free++;
		else
			pool_read(walk, arena, pool, sums);
	}
	account->arenas++;
	account->arena_bytes += arena_size(walk);
	account->free_pools += n_free;
	account->fresh_pools += arena->n_total > n ? arena->n_total - n : 0;
	if (arena->n_free != n_free + (arena->n_total > n ? arena->n_total - n : 0))
		sums->arenas++;
}

/* Whether chunks begin as the debug allocator makes them: a size in the order of bytes of people, then the letter of objects and seven guards. */
static bool is_debug(struct py_walk *walk, const struct chunks *chunks)
{
	enum { SAMPLES = 256 };
	size_t alike = 0, seen = 0;

	for (size_t i = 0; i < chunks->n; i += chunks->n / SAMPLES + 1, seen++)
		alike += py_at(walk, chunks->mem[i] + DEBUG_LETTER) == (UINT64_C(0xfdfdfdfdfdfdfd) << 8 | 'o');
	return seen && alike * 4 > seen;
}

/* What the debug allocator puts before objects; where it works on top of pymalloc, what is too large for that gets one more before it. */
static void read_debug(struct py_walk *walk)
{
	if (walk->blocks.n) {
		walk->runtime->pymalloc.is_debug = is_debug(walk, &walk->blocks);
		walk->debug_block = walk->runtime->pymalloc.is_debug ? DEBUG_LEAD : 0;
		walk->debug_chunk = 2 * walk->debug_block;
	} else {
		walk->runtime->pymalloc.is_debug = is_debug(walk, &walk->heap->chunks);
		walk->debug_chunk = walk->runtime->pymalloc.is_debug ? DEBUG_LEAD : 0;
	}
}

void obmalloc_walk(struct py_walk *walk)
{
	struct py_pymalloc *account = &walk->runtime->pymalloc;
	struct pools sums = { 0 };
	uint64_t raw = 0;

	for (uint32_t i = 0; i < walk->states.n; i++) {
		arenas_read(walk, i);
		raw = raw == UINT64_MAX || walk->states.v[i].raw_blocks == UINT64_MAX ? UINT64_MAX : raw + walk->states.v[i].raw_blocks;
	}
	arenas_settle(walk);
	chunks_init(&walk->blocks);
	for (size_t i = 0; i < walk->arenas.n; i++)
		arena_read(walk, &walk->arenas.v[i], &sums);
	account->address = walk->arenas.n ? walk->states.v[0].used_pools : VADDR_NONE;
	account->pool_bytes = pool_size(walk);
	// 3.8 counts all blocks in one number.
	account->raw_blocks = raw != UINT64_MAX && walk->layout.counts_all ? (raw > account->used.count ? raw - account->used.count : 0) : raw;
	account->in_motion = sums.in_motion;
	read_debug(walk);
	for (size_t i = 0; i < CLASSES; i++) {
		struct py_size_class *class = &account->classes[i];
		uint64_t block = (i + 1) * BLOCK_ALIGN, all = class->pools * ((pool_size(walk) - POOL_HEADER) / block);

		class->free = all > class->used ? all - class->used : 0;
		account->free.count += class->free;
		account->free.bytes += class->free * block;
	}
	// A thread that is stopped between two steps leaves one pool by one block apart, in each interpreter with a lock of its own.
	heap_check(walk->heap, "python pools", sums.wrong || sums.corrupt || sums.in_motion > walk->states.n ? CHECK_FAILED : CHECK_PASSED,
		   sums.wrong + sums.corrupt + (sums.in_motion > walk->states.n ? sums.in_motion : 0),
		   "%" PRIu64 " pools whose count of blocks is wrong, %" PRIu64 " damaged, %" PRIu64 " in motion", sums.wrong, sums.corrupt,
		   sums.in_motion);
	heap_check(walk->heap, "python arenas", sums.arenas > walk->states.n ? CHECK_FAILED : CHECK_PASSED, sums.arenas,
		   "%" PRIu64 " arenas whose count of free pools is wrong", sums.arenas);
	if (sums.unread)
		heap_finding(walk->heap, FINDING_MISSING, walk->arenas.v[0].address, UINT32_MAX,
			     "%" PRIu64 " pools of Python are not in the image; their blocks are left out", sums.unread);
}

static int compare_sources(const void *left, const void *right)
{
	const struct heap_source *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

void obmalloc_add(struct py_walk *walk)
{
	struct heap *heap = walk->heap;
	uint32_t allocator = (uint32_t)heap->allocators.n, first = (uint32_t)heap->arenas.n;

	if (!walk->arenas.n)
		return;
	array_append(&heap->allocators, (struct heap_allocator){ .name = xstrdup("pymalloc"),
								 .version = xstrdup(walk->runtime->version),
								 .module = xstrdup(walk->runtime->module),
								 .offsets = xstrdup("structure") });
	for (size_t i = 0; i < walk->states.n; i++)
		array_append(&heap->arenas, (struct heap_arena){ .address = walk->states.v[i].used_pools, .allocator = allocator, .is_pymalloc = true });
	for (size_t i = 0; i < walk->arenas.n; i++) {
		const struct py_arena *arena = &walk->arenas.v[i];
		struct heap_arena *to = &heap->arenas.v[first + arena->state];

		array_append(&heap->sources, (struct heap_source){ .kind = SOURCE_SEGMENT,
								   .arena = first + arena->state,
								   .start = arena->address,
								   .end = arena->address + arena_size(walk) });
		to->system_bytes += arena_size(walk);
		to->max_system_bytes += arena_size(walk);
	}
	qsort(heap->sources.v, heap->sources.n, sizeof(*heap->sources.v), compare_sources);
	chunks_merge(&heap->chunks, &walk->blocks);

	size_t dropped = chunks_seal(&heap->chunks);

	if (dropped)
		heap_finding(heap, FINDING_CORRUPTION, 0, UINT32_MAX, "%zu chunks overlap others and were left out", dropped);
	heap_sum(heap);
}
