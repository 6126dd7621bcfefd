/* SPDX-License-Identifier: MIT */
/*
 * From modules and running functions to all objects: one breadth-first walk over all references, from modules and frames first, then from the
 * interpreter's own words. Each object gets the step by which it was met first, which is its shortest way. Private to cpython/.
 *
 *   nodes      chunks by their number; behind these, objects that lie in no chunk, and roots
 *   steps      for each node the node before and the label of the reference
 */
#ifndef HEAPSNAP_CPYTHON_PATHS_H
#define HEAPSNAP_CPYTHON_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "cpython/referents.h"

enum {
	NODE_NONE = UINT32_MAX,
	/** Objects outside of chunks, and roots. */
	OUTSIDE_MAX = 1 << 20,
};

struct step {
	/** The node before. */
	uint32_t from;
	/** 1 + enum py_label_kind; 0 for a node that was not met, and for a root. */
	uint32_t kind;
	uint64_t value;
};

struct outside {
	/** 0 for a root. */
	vaddr address;
	/** Of a root. Owned. */
	char *text;
};

struct paths {
	struct py_walk *walk;
	size_t n_chunks;
	struct step *steps;
	uint32_t *queue;
	size_t n_queued, n_done;
	ARRAY(struct outside) outside;
	/** Hash table by address: 1 + index in outside. */
	uint32_t *outside_slots;
	/** The node whose references are given now. */
	uint32_t source;
	/** Told of each reference to an object, whether it was met before or not; NULL. */
	void (*meet)(void *context, struct paths *paths, uint32_t node, struct py_label label);
	void *context;
};

/** Walks. Owner: the caller, paths_deinit(). Memory: 20 bytes per chunk. Cost: linear in references. */
void paths_walk(struct py_walk *walk, void (*meet)(void *context, struct paths *paths, uint32_t node, struct py_label label), void *context, struct paths *ret);

/** Frees it. */
void paths_deinit(struct paths *paths);

/** The class of a node; PY_TYPE_NONE of a root. */
uint32_t node_class(struct paths *paths, uint32_t node);

static inline size_t n_nodes(const struct paths *paths)
{
	return paths->n_chunks + OUTSIDE_MAX;
}

/** The label of a step that was taken. */
static inline struct py_label step_label(const struct step *step)
{
	return (struct py_label){ (enum py_label_kind)(step->kind - 1), step->value };
}

/** Whether a node was met as the dict with the attributes of another: then its keys are attributes. */
static inline bool is_in_attributes(const struct paths *paths, uint32_t node)
{
	return paths->steps[node].kind == LABEL_DICT + 1;
}

#endif
