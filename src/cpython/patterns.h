/* SPDX-License-Identifier: MIT */
/*
 * Ways to objects as patterns: a tree of labels. Ways that differ in nothing but which item of a large container they take are one; the pattern of a
 * node is that of the node before and its own label. Private to cpython/.
 */
#ifndef HEAPSNAP_CPYTHON_PATTERNS_H
#define HEAPSNAP_CPYTHON_PATTERNS_H

#include <stdint.h>

#include "cpython/labels.h"
#include "cpython/paths.h"

#define PATTERN_NONE UINT32_MAX

struct pattern {
	uint32_t parent, depth;
	enum py_label_kind kind;
	/** What tells it from its siblings. */
	uint64_t value;
	/** Of its label. Owned. */
	char *text;
	/** It stands for itself several times over. */
	bool repeats;
};

struct patterns {
	struct paths *paths;
	ARRAY(struct pattern) v;
	/** Hash table: 1 + index in v. */
	uint32_t *slots;
	/** For each node that was asked for, and those before it: 1 + pattern. */
	uint32_t *memo;
	struct label_identities *identities;
};

/** Starts with none. The paths are borrowed until patterns_deinit(). */
void patterns_init(struct patterns *patterns, struct paths *paths);

/** Frees them. */
void patterns_deinit(struct patterns *patterns);

/** The pattern of a node; PATTERN_NONE when it was not met. Cost: amortised constant. */
uint32_t patterns_of(struct patterns *patterns, uint32_t node);

/** «__main__.leak['cache'][i].conn». Owner: the caller; unescaped. */
char *patterns_text(const struct patterns *patterns, uint32_t pattern);

#endif
