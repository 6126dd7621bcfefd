/* SPDX-License-Identifier: MIT */
/*
 * Three sweeps.
 *
 * From the roots, over edges that are not weak: reachable. Then, from what weak edges and weak roots lead to besides, over all edges: possible.
 *
 * The rest is leaked. Its strongly connected components (Pearce 2016, «A space-efficient algorithm for finding strongly connected components»: Tarjan's
 * with one number per vertex) tell which of it is direct: a component that no edge enters from another one has a direct chunk, the lowest of it.
 * Every walk has a stack of its own: chains of millions of chunks are nothing special.
 */
#include "graph/reach.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/column.h"

enum {
	/** While it works, in kind: a weak edge from a reachable chunk leads here. */
	MAYBE = 0x80,
	/** How far ahead of the queue memory is asked for. */
	AHEAD = 16,
};

const char *reach_kind_name(enum reach_kind kind)
{
	static const char *const names[REACH_KINDS] = {
		[REACH_NONE] = NULL,	    [REACH_REACHABLE] = "reachable", [REACH_POSSIBLE] = "possible",
		[REACH_DIRECT] = "direct", [REACH_INDIRECT] = "indirect",    [REACH_SUPPRESSED] = "suppressed",
	};

	assert((unsigned)kind < REACH_KINDS);
	return names[kind];
}

/* Chunks that were met and not yet looked at, first come first served. */
struct queue {
	chunk_id *v;
	size_t head, tail, capacity;
};

static void queue_init(struct queue *queue, size_t capacity)
{
	*queue = (struct queue){ .capacity = capacity + AHEAD };
	queue->v = column_grow(NULL, 0, queue->capacity * sizeof(*queue->v));
}

static void queue_deinit(struct queue *queue)
{
	column_free(queue->v, queue->capacity * sizeof(*queue->v));
}

/* The next one; asks for the rows of those behind it, which lie anywhere. */
static inline chunk_id queue_next(struct queue *queue, const struct edges *edges)
{
	// Behind the tail are zeroes, or what was there: ids all the same.
	__builtin_prefetch(&edges->first[queue->v[queue->head + AHEAD - 1]]);
	__builtin_prefetch(&edges->to[edges->first[queue->v[queue->head + AHEAD / 2]]]);
	return queue->v[queue->head++];
}

static void spread_reachable(struct reach *reach, const struct edges *edges, const struct roots *roots, struct queue *queue)
{
	for (size_t i = 0; i < roots->v.n; i++) {
		chunk_id chunk = roots->v.v[i].chunk;

		if (roots->v.v[i].hit == HIT_INTERIOR) {
			reach->kind[chunk] |= MAYBE;
		} else if ((reach->kind[chunk] & ~MAYBE) != REACH_REACHABLE) {
			reach->kind[chunk] = REACH_REACHABLE;
			queue->v[queue->tail++] = chunk;
		}
	}
	while (queue->head < queue->tail) {
		chunk_id chunk = queue_next(queue, edges);

		for (size_t edge = edges->first[chunk]; edge < edges->first[chunk + 1]; edge++) {
			chunk_id to = edge_to(edges, edge);

			if (edges->to[edge] & EDGE_WEAK) {
				reach->kind[to] |= MAYBE;
			} else if ((reach->kind[to] & ~MAYBE) != REACH_REACHABLE) {
				reach->kind[to] = REACH_REACHABLE;
				queue->v[queue->tail++] = to;
			}
		}
	}
}

static void spread_possible(struct reach *reach, const struct edges *edges, struct queue *queue)
{
	queue->head = queue->tail = 0;
	for (size_t i = 0; i < reach->n; i++) {
		if (reach->kind[i] == MAYBE) {
			reach->kind[i] = REACH_POSSIBLE;
			queue->v[queue->tail++] = (chunk_id)i;
		} else {
			reach->kind[i] &= (uint8_t)~MAYBE;
		}
	}
	while (queue->head < queue->tail) {
		chunk_id chunk = queue_next(queue, edges);

		for (size_t edge = edges->first[chunk]; edge < edges->first[chunk + 1]; edge++) {
			chunk_id to = edge_to(edges, edge);

			if (reach->kind[to] == REACH_NONE) {
				reach->kind[to] = REACH_POSSIBLE;
				queue->v[queue->tail++] = to;
			}
		}
	}
}

/* ---- components of what is leaked ---- */

/* A vertex whose edges are being followed. */
struct step {
	chunk_id chunk;
	/** The next edge. */
	uint32_t edge;
	/** No edge led to a vertex that was met earlier and has no component yet. */
	bool is_root;
};

struct components {
	/** While unfinished the number of the visit, from 1; then that of the component, which falls from n + 1: the one that was finished first has the highest. */
	uint32_t *index;
	uint32_t next_index, next_component;
	struct step *steps;
	chunk_id *stack;
	size_t n_steps, n_stack, n;
};

static void components_init(struct components *components, size_t n)
{
	*components = (struct components){ .n = n, .next_index = 1, .next_component = (uint32_t)n + 1 };
	components->index = column_grow(NULL, 0, n * sizeof(*components->index));
	components->steps = column_grow(NULL, 0, n * sizeof(*components->steps));
	components->stack = column_grow(NULL, 0, n * sizeof(*components->stack));
}

/* All but the components themselves. */
static void components_drop_stacks(struct components *components)
{
	column_free(components->steps, components->n * sizeof(*components->steps));
	column_free(components->stack, components->n * sizeof(*components->stack));
	components->steps = NULL;
	components->stack = NULL;
}

static void components_deinit(struct components *components)
{
	components_drop_stacks(components);
	column_free(components->index, components->n * sizeof(*components->index));
}

static void enter(struct components *components, const struct edges *edges, chunk_id chunk)
{
	components->index[chunk] = components->next_index++;
	components->steps[components->n_steps++] = (struct step){ chunk, edges->first[chunk], true };
}

/* A vertex has no more edges: it ends its component, or waits on the stack for who does. */
static void leave(struct components *components)
{
	struct step step = components->steps[--components->n_steps];
	uint32_t *index = components->index;

	if (step.is_root) {
		components->next_index--;
		while (components->n_stack && index[step.chunk] <= index[components->stack[components->n_stack - 1]]) {
			index[components->stack[--components->n_stack]] = components->next_component;
			components->next_index--;
		}
		index[step.chunk] = components->next_component--;
	} else {
		components->stack[components->n_stack++] = step.chunk;
	}
	// What the edge that led here brings back.
	if (components->n_steps) {
		struct step *from = &components->steps[components->n_steps - 1];

		if (index[step.chunk] < index[from->chunk]) {
			index[from->chunk] = index[step.chunk];
			from->is_root = false;
		}
	}
}

static void components_visit(struct components *components, const struct reach *reach, const struct edges *edges, chunk_id start)
{
	uint32_t *index = components->index;

	enter(components, edges, start);
	while (components->n_steps) {
		struct step *step = &components->steps[components->n_steps - 1];
		bool descended = false;

		while (step->edge < edges->first[step->chunk + 1]) {
			chunk_id to = edge_to(edges, step->edge++);

			if (reach->kind[to] != REACH_NONE)
				continue;
			if (!index[to]) {
				enter(components, edges, to);
				descended = true;
				break;
			}
			if (index[to] < index[step->chunk]) {
				index[step->chunk] = index[to];
				step->is_root = false;
			}
		}
		if (!descended)
			leave(components);
	}
}

/* One bit for each component that an edge enters. */
static uint8_t *components_entered(const struct components *components, const struct reach *reach, const struct chunks *chunks,
				   const struct edges *edges)
{
	uint8_t *entered = xcalloc((components->n + 1 - components->next_component) / 8 + 1, 1);

	for (size_t i = 0; i < reach->n; i++) {
		if (reach->kind[i] != REACH_NONE || !chunk_is_node(chunks, (chunk_id)i))
			continue;
		for (size_t edge = edges->first[i]; edge < edges->first[i + 1]; edge++) {
			chunk_id to = edge_to(edges, edge);

			if (reach->kind[to] == REACH_NONE && components->index[to] != components->index[i]) {
				size_t bit = components->n + 1 - components->index[to];

				entered[bit / 8] |= (uint8_t)(1 << bit % 8);
			}
		}
	}
	return entered;
}

/* Makes the lowest chunk of each component that is not entered a leak, the others indirect. */
static void leaks_find(struct reach *reach, const struct components *components, const struct chunks *chunks, const uint8_t *entered)
{
	size_t n_components = components->n + 1 - components->next_component;
	// For each component its leak, plus one.
	_cleanup_free_ uint32_t *leak_of = xcalloc(n_components + 1, sizeof(*leak_of));

	for (size_t i = 0; i < reach->n; i++) {
		if (reach->kind[i] != REACH_NONE || !chunk_is_node(chunks, (chunk_id)i))
			continue;

		size_t component = components->n + 1 - components->index[i];

		if (entered[component / 8] >> component % 8 & 1) {
			reach->kind[i] = REACH_INDIRECT;
		} else if (leak_of[component]) {
			reach->kind[i] = REACH_INDIRECT;
			reach->leaks.v[leak_of[component] - 1].cycle++;
		} else {
			reach->kind[i] = REACH_DIRECT;
			array_append(&reach->leaks, (struct leak){ .chunk = (chunk_id)i, .cycle = 1 });
			leak_of[component] = (uint32_t)reach->leaks.n;
		}
	}
}

void reach_compute(const struct chunks *chunks, const struct edges *edges, const struct roots *roots, struct reach *ret)
{
	struct reach reach = { .n = chunks->n };
	struct queue queue;
	bool is_any_leaked = false;

	reach.kind = column_grow(NULL, 0, chunks->n + 1);
	queue_init(&queue, chunks->n);
	spread_reachable(&reach, edges, roots, &queue);
	spread_possible(&reach, edges, &queue);
	queue_deinit(&queue);
	for (size_t i = 0; i < chunks->n && !is_any_leaked; i++)
		is_any_leaked = reach.kind[i] == REACH_NONE && chunk_is_node(chunks, (chunk_id)i);
	if (is_any_leaked) {
		struct components components;

		components_init(&components, chunks->n);
		for (size_t i = 0; i < chunks->n; i++)
			if (reach.kind[i] == REACH_NONE && !components.index[i] && chunk_is_node(chunks, (chunk_id)i))
				components_visit(&components, &reach, edges, (chunk_id)i);
		components_drop_stacks(&components);

		_cleanup_free_ uint8_t *entered = components_entered(&components, &reach, chunks, edges);

		leaks_find(&reach, &components, chunks, entered);
		components_deinit(&components);
	}
	for (size_t i = 0; i < chunks->n; i++) {
		reach.count[reach.kind[i]]++;
		reach.bytes[reach.kind[i]] += chunk_usable(chunks, i);
	}
	*ret = reach;
}

void reach_deinit(struct reach *reach)
{
	column_free(reach->kind, reach->n + 1);
	array_deinit(&reach->leaks);
	*reach = (struct reach){ 0 };
}
