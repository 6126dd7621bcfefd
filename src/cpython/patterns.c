/* SPDX-License-Identifier: MIT */
#include "cpython/patterns.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/column.h"

enum {
	/** Patterns there can be; what comes after them is counted where it branches off. */
	PATTERNS_MAX = 1 << 18,
	SLOTS = PATTERNS_MAX * 2,
	/** Steps of a pattern. */
	DEPTH_MAX = 24,
};

void patterns_init(struct patterns *patterns, struct paths *paths)
{
	*patterns = (struct patterns){ .paths = paths };
	patterns->slots = xcalloc(SLOTS, sizeof(*patterns->slots));
	patterns->memo = column_grow(NULL, 0, n_nodes(paths) * sizeof(*patterns->memo));
	patterns->identities = xcalloc(1, sizeof(*patterns->identities));
}

void patterns_deinit(struct patterns *patterns)
{
	for (size_t i = 0; i < patterns->v.n; i++)
		free(patterns->v.v[i].text);
	array_deinit(&patterns->v);
	free(patterns->slots);
	column_free(patterns->memo, n_nodes(patterns->paths) * sizeof(*patterns->memo));
	free(patterns->identities);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
	return (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15) ^ hash >> 29;
}

/* Whether a step like the last one is the same step again: in a chain of links. */
static bool is_repeated(const struct pattern *pattern, enum py_label_kind kind, uint64_t value)
{
	return pattern->kind == kind && pattern->value == value && kind != LABEL_ANY_INDEX && kind != LABEL_INDEX && kind != LABEL_KEY &&
	       kind != LABEL_ANY_KEY && kind != LABEL_DICT;
}

static uint32_t child_of(struct patterns *patterns, uint32_t parent, struct py_label label, bool in_attributes)
{
	uint64_t value = label_identity(patterns->identities, patterns->paths->walk, label, in_attributes);
	size_t slot = mix(mix(mix(parent, label.kind), value), in_attributes) % SLOTS;

	if (parent != PATTERN_NONE &&
	    (is_repeated(&patterns->v.v[parent], label.kind, value) || patterns->v.v[parent].depth >= DEPTH_MAX)) {
		patterns->v.v[parent].repeats = true;
		return parent;
	}
	for (; patterns->slots[slot]; slot = (slot + 1) % SLOTS) {
		const struct pattern *pattern = &patterns->v.v[patterns->slots[slot] - 1];

		if (pattern->parent == parent && pattern->kind == label.kind && pattern->value == value)
			return patterns->slots[slot] - 1;
	}
	if (patterns->v.n == PATTERNS_MAX)
		return parent;
	array_append(&patterns->v, (struct pattern){ .parent = parent,
						     .depth = parent == PATTERN_NONE ? 0 : patterns->v.v[parent].depth + 1,
						     .kind = label.kind,
						     .value = value,
						     .text = label.kind == LABEL_ROOT ? xstrdup(patterns->paths->outside.v[label.value].text)
										      : label_text(patterns->paths->walk, label, in_attributes) });
	patterns->slots[slot] = (uint32_t)patterns->v.n;
	return (uint32_t)patterns->v.n - 1;
}

uint32_t patterns_of(struct patterns *patterns, uint32_t node)
{
	const struct paths *paths = patterns->paths;
	ARRAY(uint32_t) chain = { 0 };
	uint32_t pattern = PATTERN_NONE;

	if (!paths->steps[node].kind)
		return PATTERN_NONE;
	// From the last node before it whose pattern is known. Each step leads to a node that was met before, so this ends at a root.
	for (uint32_t at = node;; at = paths->steps[at].from) {
		if (patterns->memo[at]) {
			pattern = patterns->memo[at] - 1;
			break;
		}
		if (!paths->steps[at].kind) {
			// A root. One without a label of its own (a frame) is named here.
			if (chain.n && step_label(&paths->steps[chain.v[chain.n - 1]]).kind != LABEL_ROOT)
				pattern = child_of(patterns, PATTERN_NONE, (struct py_label){ LABEL_ROOT, at - paths->n_chunks }, false);
			break;
		}
		array_append(&chain, at);
	}
	while (chain.n) {
		uint32_t at = chain.v[--chain.n];
		const struct step *step = &paths->steps[at];

		pattern = child_of(patterns, pattern, step_label(step), is_in_attributes(paths, step->from));
		patterns->memo[at] = pattern + 1;
	}
	array_deinit(&chain);
	return pattern;
}

char *patterns_text(const struct patterns *patterns, uint32_t pattern)
{
	ARRAY(uint32_t) chain = { 0 };
	char *text = xstrdup("");

	for (; pattern != PATTERN_NONE; pattern = patterns->v.v[pattern].parent)
		array_append(&chain, pattern);
	while (chain.n) {
		const struct pattern *at = &patterns->v.v[chain.v[--chain.n]];
		char *longer = xasprintf("%s%s%s", text, at->text, at->repeats ? "..." : "");

		free(text);
		text = longer;
	}
	array_deinit(&chain);
	return text;
}
