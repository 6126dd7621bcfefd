/* SPDX-License-Identifier: MIT */
#include "graph/outline.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

enum {
	/** A chunk that holds more than these is an array of them. */
	ARRAY_MIN = 24,
	/** Kinds that are told apart below one node, and in all, and how deep: past that the size does not count any more. */
	CHILDREN_MAX = 24,
	NODES_MAX = 1 << 14,
	DEPTH_MAX = 8,
	/** Out-edges that tell leaks of one size apart. */
	PATTERN_MAX = 16,
	/** How far ahead of the queue memory is asked for. */
	AHEAD = 16,
	/** Chunks that are looked at to see which kinds are worth a node, and how many kinds may be found then below one node. */
	SAMPLE = 1 << 14,
	SAMPLE_CHILDREN_MAX = 1 << 10,
	/** Steps up from one chunk before the rest of its way is left out, all but its end. */
	STEPS_MAX = 64,
};

struct item {
	chunk_id chunk;
	uint32_t node;
};

/* Nodes by what makes them: open addressing, entries are index + 1. */
struct builder {
	const struct chunks *chunks;
	const struct kinds *kinds;
	/** Of referrers: the key of a size that stands for all chunks of it, 0 for none. */
	uint64_t asked;
	const struct edges *edges;
	const struct reach *reach;
	struct outline *outline;
	uint32_t children_max;
	uint32_t *table;
	size_t table_size;
	/** For each node how many children it has, and for those at the top what tells them apart. */
	ARRAY(uint32_t) n_children;
	ARRAY(uint64_t) patterns;
	/** For each node its key: of chunks as kinds.h has it, of a place above all of these, 0 for whatever else there is. */
	ARRAY(uint64_t) keys;
	/** Of referrers: the chunk that was counted last, plus one. */
	ARRAY(uint64_t) counted;
	/** A bit for each indirect chunk that some leak has. */
	uint8_t *taken;
	ARRAY(struct item) queue;
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
	return hash ^ hash >> 29;
}

static uint64_t node_hash(uint32_t parent, uint64_t offset, uint64_t key, uint64_t pattern)
{
	return mix(mix(mix(mix(0, parent), offset), key), pattern);
}

/* A place is a key, too: that of its root. */
static uint64_t root_key(uint32_t root)
{
	return UINT64_MAX - root;
}

static bool is_root_key(uint64_t key)
{
	return key >= root_key(UINT32_MAX);
}

/* Of chunks of the size that was asked for, their names do not count. */
static uint64_t key_of(const struct builder *builder, chunk_id chunk)
{
	uint64_t usable = chunk_usable(builder->chunks, chunk);

	return builder->asked && usable == builder->asked ? usable : kind_key(builder->kinds, chunk);
}

static void table_grow(struct builder *builder)
{
	size_t size = builder->table_size ? builder->table_size * 2 : 1024;

	free(builder->table);
	builder->table = xcalloc(size, sizeof(*builder->table));
	builder->table_size = size;
	for (size_t i = 0; i < builder->outline->nodes.n; i++) {
		const struct outline_node *node = &builder->outline->nodes.v[i];
		size_t at = node_hash(node->parent, node->offset, builder->keys.v[i], builder->patterns.v[i]) & (size - 1);

		while (builder->table[at])
			at = (at + 1) & (size - 1);
		builder->table[at] = (uint32_t)i + 1;
	}
}

/* The node of that description, made where there is none. */
static uint32_t node_get(struct builder *builder, uint32_t parent, uint64_t offset, uint64_t key, uint64_t pattern, chunk_id example)
{
	struct outline *outline = builder->outline;
	uint32_t depth = parent == OUTLINE_NONE ? 0 : outline->nodes.v[parent].depth + 1;
	size_t at;

	if (builder->table_size < 2 * (outline->nodes.n + 1))
		table_grow(builder);
	at = node_hash(parent, offset, key, pattern) & (builder->table_size - 1);
	for (; builder->table[at]; at = (at + 1) & (builder->table_size - 1)) {
		uint32_t index = builder->table[at] - 1;
		const struct outline_node *node = &outline->nodes.v[index];

		if (node->parent == parent && node->offset == offset && builder->keys.v[index] == key && builder->patterns.v[index] == pattern)
			return index;
	}
	// Too many kinds: one node for the rest of them. (Its own description is another one, so this ends.) A place ends a way, however deep.
	if (key && (outline->nodes.n >= NODES_MAX || (parent != OUTLINE_NONE && builder->n_children.v[parent] >= builder->children_max) ||
		       (depth >= DEPTH_MAX && !is_root_key(key))))
		return node_get(builder, parent, OUTLINE_ANY_OFFSET, 0, 0, example);
	builder->table[at] = (uint32_t)outline->nodes.n + 1;
	if (parent != OUTLINE_NONE)
		builder->n_children.v[parent]++;
	array_append(&builder->n_children, 0);
	array_append(&builder->patterns, pattern);
	array_append(&builder->keys, key);
	array_append(&builder->counted, 0);
	array_append(&outline->nodes, (struct outline_node){ .parent = parent,
							     .depth = depth,
							     .offset = offset,
							     .name = is_root_key(key) ? 0 : key_name(key),
							     .usable = is_root_key(key) || !key ? 0 : chunk_usable(builder->chunks, example),
							     .place = PLACE_NONE,
							     .root = SIZE_MAX,
							     .example = example });
	return (uint32_t)outline->nodes.n - 1;
}

static void builder_deinit(struct builder *builder)
{
	free(builder->table);
	free(builder->taken);
	array_deinit(&builder->n_children);
	array_deinit(&builder->patterns);
	array_deinit(&builder->keys);
	array_deinit(&builder->counted);
	array_deinit(&builder->queue);
}

/* Whether a chunk holds so many leaked ones that it must be an array of them. */
static bool is_array_of_leaked(const struct builder *builder, chunk_id chunk)
{
	size_t n = 0, edge = builder->edges->first[chunk], end = builder->edges->first[chunk + 1];

	// Nearly all have too few edges to begin with.
	for (; n + (end - edge) > ARRAY_MIN && n <= ARRAY_MIN; edge++)
		n += edge_to(builder->edges, edge) != chunk && reach_is_leaked(builder->reach, edge_to(builder->edges, edge));
	return n > ARRAY_MIN;
}

/* What tells leaks of one size apart: where they hold others. */
static uint64_t leak_pattern(const struct builder *builder, chunk_id chunk)
{
	uint64_t pattern = 1;
	size_t n = 0;

	if (is_array_of_leaked(builder, chunk))
		return 2;
	for (size_t edge = builder->edges->first[chunk]; edge < builder->edges->first[chunk + 1] && n < PATTERN_MAX; edge++)
		if (edge_to(builder->edges, edge) != chunk && reach_is_leaked(builder->reach, edge_to(builder->edges, edge))) {
			pattern = mix(pattern, edge_offset(builder->edges, edge));
			n++;
		}
	return pattern;
}

/* The node at or above one that a kind joins again; OUTLINE_NONE. Where kinds do not count any more, every one does. */
static uint32_t again(struct builder *builder, uint32_t node, uint64_t key)
{
	struct outline_node *nodes = builder->outline->nodes.v;

	if (!builder->keys.v[node])
		return node;
	for (; node != OUTLINE_NONE; node = nodes[node].parent)
		if (builder->keys.v[node] == key) {
			nodes[node].is_again = true;
			return node;
		}
	return OUTLINE_NONE;
}

/* The node for a chunk that is held at an offset by one of a node. */
static uint32_t child_node(struct builder *builder, uint32_t parent, uint64_t offset, chunk_id chunk)
{
	uint64_t key = key_of(builder, chunk);
	uint32_t above = again(builder, parent, key);

	return above != OUTLINE_NONE ? above : node_get(builder, parent, offset, key, 0, chunk);
}

/* The size is that of all of them, or none. */
static void node_size(struct builder *builder, uint32_t node, chunk_id chunk)
{
	if (builder->outline->nodes.v[node].usable != chunk_usable(builder->chunks, chunk))
		builder->outline->nodes.v[node].usable = 0;
}

static void node_count(struct builder *builder, uint32_t node, chunk_id chunk)
{
	builder->outline->nodes.v[node].count++;
	builder->outline->nodes.v[node].bytes += chunk_usable(builder->chunks, chunk);
}

/* Asks for what the next items will need: they lie anywhere. Inline, for gcc takes a function that does nothing but this for one that does nothing. */
static inline __attribute__((always_inline)) void ask_ahead(const struct builder *builder, size_t head)
{
	const struct edges *edges = builder->edges;

	if (head + AHEAD < builder->queue.n) {
		chunk_id near = builder->queue.v[head + AHEAD / 4].chunk, middle = builder->queue.v[head + AHEAD / 2].chunk;
		chunk_id to = edges->first[near] < edges->n ? edge_to(edges, edges->first[near]) : 0;

		__builtin_prefetch(&edges->first[builder->queue.v[head + AHEAD].chunk]);
		__builtin_prefetch(&edges->to[edges->first[middle]]);
		__builtin_prefetch(&edges->place[edges->first[middle]]);
		__builtin_prefetch(&builder->reach->kind[to]);
		__builtin_prefetch(&builder->chunks->size_units[to]);
	}
}

/* One leak, with everything below that no earlier one has. */
static void leak_add(struct builder *builder, const struct leak *leak)
{
	uint32_t top = node_get(builder, OUTLINE_NONE, 0, key_of(builder, leak->chunk),
				mix(leak_pattern(builder, leak->chunk), leak->cycle > 1), leak->chunk);

	builder->outline->nodes.v[top].trees++;
	builder->outline->nodes.v[top].is_cycle |= leak->cycle > 1;
	node_count(builder, top, leak->chunk);
	node_size(builder, top, leak->chunk);
	builder->queue.n = 0;
	array_append(&builder->queue, (struct item){ leak->chunk, top });
	for (size_t head = 0; head < builder->queue.n; head++) {
		struct item item = builder->queue.v[head];

		ask_ahead(builder, head);

		bool is_array = is_array_of_leaked(builder, item.chunk);

		for (size_t edge = builder->edges->first[item.chunk]; edge < builder->edges->first[item.chunk + 1]; edge++) {
			chunk_id to = edge_to(builder->edges, edge);

			if (builder->reach->kind[to] != REACH_INDIRECT || builder->taken[to / 8] >> to % 8 & 1)
				continue;
			builder->taken[to / 8] |= (uint8_t)(1 << to % 8);

			uint32_t node = child_node(builder, item.node, is_array ? OUTLINE_ANY_OFFSET : edge_offset(builder->edges, edge), to);

			node_count(builder, node, to);
			node_size(builder, node, to);
			array_append(&builder->queue, (struct item){ to, node });
		}
	}
}

void outline_leaks(const struct kinds *kinds, const struct edges *edges, const struct reach *reach, struct outline *ret)
{
	const struct chunks *chunks = kinds->chunks;
	struct outline outline = { 0 };
	struct builder builder = { .chunks = chunks, .kinds = kinds, .edges = edges, .reach = reach, .outline = &outline, .children_max = CHILDREN_MAX };

	builder.taken = xcalloc(chunks->n / 8 + 1, 1);
	for (size_t i = 0; i < reach->leaks.n; i++)
		leak_add(&builder, &reach->leaks.v[i]);
	for (size_t i = outline.nodes.n; i-- > 0;) {
		struct outline_node *node = &outline.nodes.v[i];

		node->below_count += node->count;
		node->below_bytes += node->bytes;
		if (node->parent != OUTLINE_NONE) {
			outline.nodes.v[node->parent].below_count += node->below_count;
			outline.nodes.v[node->parent].below_bytes += node->below_bytes;
		}
	}
	builder_deinit(&builder);
	*ret = outline;
}

/* ---- referrers ---- */

/* The shortest ways from the roots to all chunks, as a forest. */
struct ways {
	/** The edge that leads to each chunk; where `held` says so, the root that does. */
	uint32_t *by;
	uint8_t *held;
	/** The furthest chunk up the way that this one comes to by chunks of its kind alone. And the last chunk of the way, which a root holds. */
	chunk_id *same, *last;
	/** For each root the first one of its kind. */
	uint32_t *kinds;
	chunk_id *queue;
	size_t n;
};

static bool is_held(const struct ways *ways, chunk_id chunk)
{
	return ways->held[chunk / 8] >> chunk % 8 & 1;
}

static void ways_meet(struct ways *ways, size_t *tail, chunk_id chunk, size_t by)
{
	ways->by[chunk] = (uint32_t)by;
	ways->queue[(*tail)++] = chunk;
}

static void ways_init(struct ways *ways, const struct builder *builder, const struct roots *roots)
{
	size_t head = 0, tail = 0, n = builder->chunks->n, size = (n + 1) * sizeof(uint32_t);

	*ways = (struct ways){ .n = n };
	ways->by = column_grow(NULL, 0, size);
	ways->same = column_grow(NULL, 0, size);
	ways->last = column_grow(NULL, 0, size);
	ways->queue = column_grow(NULL, 0, size);
	ways->held = xcalloc(n / 8 + 1, 1);
	ways->kinds = roots_kinds(roots);
	for (size_t i = 0; i < n; i++)
		ways->by[i] = UINT32_MAX;
	for (size_t i = 0; i < roots->v.n; i++) {
		chunk_id chunk = roots->v.v[i].chunk;

		if (ways->by[chunk] != UINT32_MAX)
			continue;
		ways_meet(ways, &tail, chunk, i);
		ways->held[chunk / 8] |= (uint8_t)(1 << chunk % 8);
		ways->same[chunk] = ways->last[chunk] = chunk;
	}
	while (head < tail) {
		chunk_id chunk = ways->queue[head++];

		for (size_t edge = builder->edges->first[chunk]; edge < builder->edges->first[chunk + 1]; edge++) {
			chunk_id to = edge_to(builder->edges, edge);

			if (ways->by[to] != UINT32_MAX)
				continue;
			ways_meet(ways, &tail, to, edge);
			ways->last[to] = ways->last[chunk];
			ways->same[to] = key_of(builder, to) == key_of(builder, chunk) ? ways->same[chunk] : to;
		}
	}
}

static void ways_deinit(struct ways *ways)
{
	size_t size = (ways->n + 1) * sizeof(uint32_t);

	column_free(ways->by, size);
	column_free(ways->same, size);
	column_free(ways->last, size);
	column_free(ways->queue, size);
	free(ways->held);
	free(ways->kinds);
}

/* Counts a chunk once at a node. */
static void referrer_count(struct builder *builder, uint32_t node, chunk_id chunk)
{
	if (builder->counted.v[node] == (uint64_t)chunk + 1)
		return;
	builder->counted.v[node] = (uint64_t)chunk + 1;
	node_count(builder, node, chunk);
}

/* The node of what holds the chunks of another one; of many pointers in one chunk the offset does not count. */
static uint32_t referrer_node(struct builder *builder, uint32_t below, chunk_id holder, size_t edge)
{
	uint64_t key = key_of(builder, holder);
	uint32_t above = again(builder, below, key);

	if (above != OUTLINE_NONE)
		return above;

	bool is_array = builder->edges->first[holder + 1] - builder->edges->first[holder] > ARRAY_MIN;
	uint32_t node = node_get(builder, below, is_array ? OUTLINE_ANY_OFFSET : edge_offset(builder->edges, edge), key, 0, holder);

	node_size(builder, node, holder);
	return node;
}

/* The whole way of one chunk. */
static void referrers_add(struct builder *builder, const struct ways *ways, const struct roots *roots, uint32_t top, chunk_id chunk)
{
	uint32_t node = top;
	chunk_id at = chunk;

	referrer_count(builder, node, chunk);
	for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
		// A row of chunks of one kind is one step.
		if (ways->same[at] != at) {
			builder->outline->nodes.v[node].is_again = true;
			at = ways->same[at];
		}
		if (is_held(ways, at))
			break;

		chunk_id holder = edge_source(builder->edges, ways->by[at]);

		node = referrer_node(builder, node, holder, ways->by[at]);
		referrer_count(builder, node, chunk);
		at = holder;
	}

	uint32_t root = ways->kinds[ways->by[ways->last[at]]];

	node = node_get(builder, node, OUTLINE_ANY_OFFSET, root_key(root), 0, chunk);
	// Unless there are too many places already.
	if (builder->keys.v[node] == root_key(root)) {
		builder->outline->nodes.v[node].place = roots->v.v[root].place;
		builder->outline->nodes.v[node].root = root;
	}
	referrer_count(builder, node, chunk);
}

/* Adds every nth chunk of a kind. */
static void referrers_of_key(struct builder *builder, const struct ways *ways, const struct roots *roots, uint64_t key, size_t every)
{
	uint32_t top = OUTLINE_NONE;
	size_t n = 0;

	for (chunk_id chunk = 0; chunk < builder->chunks->n; chunk++) {
		if (key_of(builder, chunk) != key || (builder->reach->kind[chunk] != REACH_REACHABLE && builder->reach->kind[chunk] != REACH_POSSIBLE) || n++ % every)
			continue;
		if (top == OUTLINE_NONE)
			top = node_get(builder, OUTLINE_NONE, 0, key, 0, chunk);
		node_size(builder, top, chunk);
		referrers_add(builder, ways, roots, top, chunk);
	}
}

/* By parent, then by count. */
static int compare_siblings(const void *left, const void *right, void *context)
{
	const struct outline *outline = context;
	uint32_t i = *(const uint32_t *)left, j = *(const uint32_t *)right;
	const struct outline_node *a = &outline->nodes.v[i], *b = &outline->nodes.v[j];

	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return i < j ? -1 : i > j;
}

/* Makes nodes for the kinds that have most in the sample, so that those who come first do not take all places. */
static void nodes_choose(struct builder *builder, const struct builder *sampler)
{
	const struct outline *sample = sampler->outline;
	size_t n = sample->nodes.n, rank = 0;
	_cleanup_free_ uint32_t *order = xcalloc(n + 1, sizeof(*order)), *made = xcalloc(n + 1, sizeof(*made));

	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	if (n)
		qsort_r(order, n, sizeof(*order), compare_siblings, (void *)(uintptr_t)sample);
	// Parents have lower indices than their children, so they come first in that order; all but the top, whose parent is the highest number.
	for (uint32_t i = 0; i < n; i++)
		made[i] = sample->nodes.v[i].parent == OUTLINE_NONE ?
				  node_get(builder, OUTLINE_NONE, 0, sampler->keys.v[i], 0, sample->nodes.v[i].example) :
				  OUTLINE_NONE;
	for (size_t i = 0; i < n; i++) {
		const struct outline_node *node = &sample->nodes.v[order[i]];

		rank = i && sample->nodes.v[order[i - 1]].parent == node->parent ? rank + 1 : 0;
		// One is left for all the others.
		if (node->parent != OUTLINE_NONE && made[node->parent] != OUTLINE_NONE && sampler->keys.v[order[i]] && rank < CHILDREN_MAX - 1)
			made[order[i]] = node_get(builder, made[node->parent], node->offset, sampler->keys.v[order[i]], 0, node->example);
	}
}

/* Drops nodes that were made for kinds which then went elsewhere. Below an empty one all are empty. */
static void nodes_drop_empty(struct outline *outline)
{
	_cleanup_free_ uint32_t *now = xcalloc(outline->nodes.n + 1, sizeof(*now));
	size_t n = 0;

	for (size_t i = 0; i < outline->nodes.n; i++) {
		struct outline_node node = outline->nodes.v[i];

		if (!node.count)
			continue;
		if (node.parent != OUTLINE_NONE)
			node.parent = now[node.parent];
		now[i] = (uint32_t)n;
		outline->nodes.v[n++] = node;
	}
	outline->nodes.n = n;
}

void outline_referrers(const struct kinds *kinds, const struct edges *edges, const struct roots *roots, const struct reach *reach,
		       uint64_t key, struct outline *ret)
{
	const struct chunks *chunks = kinds->chunks;
	struct outline outline = { 0 }, sample = { 0 };
	struct builder builder = { .chunks = chunks,
				   .kinds = kinds,
				   .asked = key_name(key) ? 0 : key,
				   .edges = edges,
				   .reach = reach,
				   .outline = &outline,
				   .children_max = CHILDREN_MAX };
	struct ways ways;
	size_t n = 0;

	ways_init(&ways, &builder, roots);
	for (chunk_id chunk = 0; chunk < chunks->n; chunk++)
		n += key_of(&builder, chunk) == key;
	if (n) {
		struct builder sampler = builder;

		sampler.outline = &sample;
		sampler.children_max = SAMPLE_CHILDREN_MAX;
		referrers_of_key(&sampler, &ways, roots, key, n / SAMPLE + 1);
		nodes_choose(&builder, &sampler);
		builder_deinit(&sampler);
		outline_deinit(&sample);
	}
	referrers_of_key(&builder, &ways, roots, key, 1);
	nodes_drop_empty(&outline);
	for (size_t i = 0; i < outline.nodes.n; i++) {
		outline.nodes.v[i].below_count = outline.nodes.v[i].count;
		outline.nodes.v[i].below_bytes = outline.nodes.v[i].bytes;
	}
	ways_deinit(&ways);
	builder_deinit(&builder);
	*ret = outline;
}

void outline_deinit(struct outline *outline)
{
	array_deinit(&outline->nodes);
}
