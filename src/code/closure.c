/* SPDX-License-Identifier: MIT */
/*
 * What a node may hold is what the nodes hold that its contents go to, and what those hold that its contents come from: three steps either way, never there and back, for two
 * things that come from one place need not be the same. Steps to and from local variables count as none. Nodes that everything goes through are not looked past.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "code/reader.h"

enum {
	HOPS_MAX = 3,
	/** Nodes of one closure. */
	VISITED_MAX = 512,
	/** Of one node. */
	CANDIDATES_MAX = 256,
	/** More types, or more flows, make a hub. */
	HUB_TYPES = 5,
	HUB_FLOWS = 60,
};

/* Neighbours of each node. */
struct adjacency {
	/** By node; one more than there are. */
	uint32_t *first;
	int32_t *to;
};

static void adjacency_init(struct adjacency *adjacency, const struct code_facts *facts, bool is_forward)
{
	adjacency->first = xcalloc(facts->nodes.n + 2, sizeof(*adjacency->first));
	adjacency->to = xcalloc(facts->flows.n + 1, sizeof(*adjacency->to));
	for (size_t i = 0; i < facts->flows.n; i++)
		adjacency->first[(is_forward ? facts->flows.v[i].from : facts->flows.v[i].to) + 2]++;
	for (size_t i = 2; i < facts->nodes.n + 2; i++)
		adjacency->first[i] += adjacency->first[i - 1];
	for (size_t i = 0; i < facts->flows.n; i++) {
		const struct code_flow *flow = &facts->flows.v[i];

		adjacency->to[adjacency->first[(is_forward ? flow->from : flow->to) + 1]++] = is_forward ? flow->to : flow->from;
	}
}

static void adjacency_deinit(struct adjacency *adjacency)
{
	free(adjacency->first);
	free(adjacency->to);
}

struct closure {
	struct code_facts *facts;
	struct adjacency forward, backward;
	/** By node: its first fact; one more than there are. */
	uint32_t *first_fact;
	/** By node: the number of the walk that came there last. */
	uint32_t *visited;
	uint32_t walk;
	/** Of the node at hand. */
	ARRAY(struct code_candidate) candidates;
};

static void hubs_mark(struct code_reader *reader, const struct closure *closure)
{
	struct code_facts *facts = reader->facts;

	for (size_t i = 0; i < facts->nodes.n; i++) {
		struct code_node *node = &facts->nodes.v[i];
		uint32_t types = closure->first_fact[i + 1] - closure->first_fact[i];
		uint32_t flows = closure->forward.first[i + 1] - closure->forward.first[i] + closure->backward.first[i + 1] -
				 closure->backward.first[i];

		node->is_hub = types > HUB_TYPES || flows > HUB_FLOWS;
		if (node->function >= 0)
			node->is_hub |= reader->infos.v[node->function].allocator || reader->infos.v[node->function].is_free;
	}
}

static void candidate_add(struct closure *closure, int32_t node, const struct code_fact *fact, float factor)
{
	float rest = 1, weight;

	for (uint32_t i = 0; i < fact->count && i < 16; i++)
		rest /= 2;
	weight = factor * (1 - rest);
	for (size_t i = 0; i < closure->candidates.n; i++) {
		struct code_candidate *candidate = &closure->candidates.v[i];

		if (candidate->type == fact->type && candidate->offset == fact->offset) {
			if (weight > candidate->weight)
				candidate->weight = weight;
			return;
		}
	}
	if (closure->candidates.n < CANDIDATES_MAX)
		array_append(&closure->candidates, (struct code_candidate){ .node = node, .type = fact->type, .offset = fact->offset, .weight = weight });
}

/* Takes the facts of a node. */
static void facts_take(struct closure *closure, int32_t node, int32_t from, float factor)
{
	for (uint32_t i = closure->first_fact[from]; i < closure->first_fact[from + 1]; i++)
		candidate_add(closure, node, &closure->facts->facts.v[i], factor);
}

/* Walks the flows one way. */
static void closure_walk(struct closure *closure, int32_t node, const struct adjacency *adjacency)
{
	struct {
		int32_t node;
		uint8_t hops;
	} queue[VISITED_MAX];
	size_t n = 1;

	closure->walk++;
	closure->visited[node] = closure->walk;
	queue[0].node = node;
	queue[0].hops = 0;
	for (size_t at = 0; at < n; at++) {
		float factor = 1;

		for (unsigned i = 0; i < queue[at].hops; i++)
			factor *= 0.6f;
		if (at > 0) {
			// What a variable is said to hold is not what the place that it came from is declared to hold.
			if (closure->facts->nodes.v[queue[at].node].is_hub)
				continue;
			facts_take(closure, node, queue[at].node, factor);
		}
		for (uint32_t i = adjacency->first[queue[at].node]; i < adjacency->first[queue[at].node + 1] && n < VISITED_MAX; i++) {
			int32_t next = adjacency->to[i];
			uint8_t hops = (uint8_t)(queue[at].hops + (closure->facts->nodes.v[next].kind != CODE_NODE_LOCAL));

			if (closure->visited[next] == closure->walk || hops > HOPS_MAX)
				continue;
			closure->visited[next] = closure->walk;
			queue[n].node = next;
			queue[n].hops = hops;
			n++;
		}
	}
}

static int candidate_compare(const void *a, const void *b)
{
	const struct code_candidate *left = a, *right = b;

	if (left->weight != right->weight)
		return left->weight > right->weight ? -1 : 1;
	if (left->type != right->type)
		return left->type < right->type ? -1 : 1;
	return left->offset < right->offset ? -1 : left->offset > right->offset;
}

void closure_make(struct code_reader *reader)
{
	struct code_facts *facts = reader->facts;
	struct closure closure = { .facts = facts };

	closure.first_fact = xcalloc(facts->nodes.n + 2, sizeof(*closure.first_fact));
	closure.visited = xcalloc(facts->nodes.n + 1, sizeof(*closure.visited));
	for (size_t i = 0; i < facts->facts.n; i++)
		closure.first_fact[facts->facts.v[i].node + 1]++;
	for (size_t i = 0; i < facts->nodes.n; i++)
		closure.first_fact[i + 1] += closure.first_fact[i];
	adjacency_init(&closure.forward, facts, true);
	adjacency_init(&closure.backward, facts, false);
	hubs_mark(reader, &closure);
	for (size_t i = 0; i < facts->nodes.n; i++) {
		if (!facts->nodes.v[i].is_generic || facts->nodes.v[i].kind == CODE_NODE_LOCAL)
			continue;
		closure.candidates.n = 0;
		facts_take(&closure, (int32_t)i, (int32_t)i, 1);
		if (facts->nodes.v[i].function < 0 || !facts->nodes.v[i].is_hub) {
			closure_walk(&closure, (int32_t)i, &closure.forward);
			closure_walk(&closure, (int32_t)i, &closure.backward);
		}
		if (closure.candidates.n)
			qsort(closure.candidates.v, closure.candidates.n, sizeof(*closure.candidates.v), candidate_compare);
		for (size_t k = 0; k < closure.candidates.n; k++)
			array_append(&facts->candidates, closure.candidates.v[k]);
	}
	array_deinit(&closure.candidates);
	adjacency_deinit(&closure.forward);
	adjacency_deinit(&closure.backward);
	free(closure.first_fact);
	free(closure.visited);
}
