/* SPDX-License-Identifier: MIT */
#include "report/sharers.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "report/place_label.h"

/* Owners that are told. */
enum { OWNERS_SHOWN = 3 };

/* The first root that holds a chunk by itself, whoever else holds it too; SIZE_MAX. */
static size_t root_of(const struct snapshot *snapshot, vertex_id chunk)
{
	const struct roots *roots = &snapshot->graph.roots;
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < roots->v.n; i++) {
		enum place_kind kind = roots->places.v[roots->v.v[i].place].kind;

		if (roots->v.v[i].chunk != chunk || kind == PLACE_LIBC)
			continue;
		// A variable says more than a stack or a register.
		if (kind == PLACE_VARIABLE || kind == PLACE_TLS)
			return i;
		if (found == SIZE_MAX)
			found = i;
	}
	return found;
}

static bool is_variable(const struct roots *roots, size_t root)
{
	enum place_kind kind = roots->places.v[roots->v.v[root].place].kind;

	return kind == PLACE_VARIABLE || kind == PLACE_TLS;
}

static bool is_structural(const struct snapshot *snapshot, vertex_id vertex)
{
	const struct dominators *dominators = &snapshot->graph.dominators;
	enum place_kind kind;

	if (vertex < dominators->n_chunks || vertex > vertex_top(dominators))
		return false;
	if (vertex == vertex_top(dominators))
		return true;
	kind = snapshot->graph.roots.places.v[vertex - dominators->n_chunks].kind;
	return kind == PLACE_MODULE || kind == PLACE_THREAD;
}

/* The owner of a chunk that several places share, where that is a variable; OWNER_NONE. */
static owner_id variable_owner(const struct snapshot *snapshot, vertex_id chunk)
{
	const struct graph *graph = &snapshot->graph;
	owner_id owner = graph->owners.of && is_structural(snapshot, graph->dominators.idom[chunk]) ? graph->owners.of[chunk] : OWNER_NONE;
	enum place_kind kind;

	if (owner == OWNER_NONE)
		return OWNER_NONE;
	kind = graph->roots.places.v[graph->owners.v.v[owner].place].kind;
	return kind == PLACE_VARIABLE || kind == PLACE_TLS ? owner : OWNER_NONE;
}

char *shared_label(const struct snapshot *snapshot, vertex_id chunk, bool *is_direct_ret)
{
	const struct graph *graph = &snapshot->graph;
	const struct roots *roots = &graph->roots;
	size_t root = root_of(snapshot, chunk);
	owner_id owner = variable_owner(snapshot, chunk);
	bool is_direct = root != SIZE_MAX && (owner == OWNER_NONE || graph->owners.v.v[owner].place == roots->v.v[root].place ||
					      (is_variable(roots, root) && roots->v.v[root].hit != HIT_INTERIOR && !owner_is_holder(roots, &graph->owners.v.v[owner])));

	*is_direct_ret = is_direct;
	if (is_direct)
		return root_label(roots, &roots->v.v[root]);
	return owner != OWNER_NONE ? owner_label(roots, &graph->owners.v.v[owner]) : NULL;
}

char *holder_text(const struct snapshot *snapshot, vertex_id chunk)
{
	bool is_direct;
	_cleanup_free_ char *label = shared_label(snapshot, chunk, &is_direct);

	return label ? xasprintf("%s %s", is_direct ? "held by" : "by way of", label) : NULL;
}

char *sharers_text(const struct kinds *kinds, const struct snapshot *snapshot, vertex_id above, uint64_t key)
{
	const struct graph *graph = &snapshot->graph;
	struct owner_share shares[OWNERS_SHOWN];
	char count[TEXT_NUMBER_MAX], *text = NULL;
	size_t n;

	if (!graph->owners.of || !is_structural(snapshot, above))
		return NULL;
	n = owners_count(&graph->owners, kinds, &graph->dominators, above, key, shares, OWNERS_SHOWN);
	for (size_t i = 0; i < n && i < OWNERS_SHOWN; i++) {
		_cleanup_free_ char *label = owner_label(&graph->roots, &graph->owners.v.v[shares[i].owner]), *before = text;

		if (n == 1)
			return xasprintf("by way of %s", label);
		text = xasprintf("%s%s%s by way of %s", before ? before : "", before ? ", " : "", text_count(count, shares[i].count), label);
	}
	if (n > OWNERS_SHOWN) {
		_cleanup_free_ char *before = text;

		text = xasprintf("%s, the rest by way of %s other place%s", before, text_count(count, n - OWNERS_SHOWN), n == OWNERS_SHOWN + 1 ? "" : "s");
	}
	return text;
}
