/* SPDX-License-Identifier: MIT */
/*
 * References from object to object, with names. Private to cpython/.
 */
#ifndef HEAPSNAP_CPYTHON_REFERENTS_H
#define HEAPSNAP_CPYTHON_REFERENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cpython/walk.h"

enum {
	/** Containers with more items than this have all of them told as one: `[i]`. */
	LABEL_INDEXES_MAX = 8,
	/** Dicts with more entries than this, too: `[key]`. */
	LABEL_KEYS_MAX = 64,
};

enum py_label_kind {
	/** An item; its index is the value. */
	LABEL_INDEX,
	/** One of many items. */
	LABEL_ANY_INDEX,
	/** An entry of a dict; the value is the address of the key. */
	LABEL_KEY,
	/** One of many entries. */
	LABEL_ANY_KEY,
	/** The key of an entry. */
	LABEL_THE_KEY,
	/** An element of a set. */
	LABEL_ELEMENT,
	/** An attribute; the value is the address of its name, a str. */
	LABEL_ATTRIBUTE,
	/** A member; the value is the address of its name, characters of C. */
	LABEL_MEMBER,
	/** A member that is told by rule; the value is a pointer to our own string, for ever. */
	LABEL_NAME,
	/** A variable of a frame; the value is the address of its name, a str. */
	LABEL_LOCAL,
	/** The dict with the attributes of an instance, class, module or function: no step of its own. */
	LABEL_DICT,
	/** A word at an offset. */
	LABEL_OFFSET,
	/** A root; the value is its number. */
	LABEL_ROOT,
};

struct py_label {
	enum py_label_kind kind;
	uint64_t value;
};

/** Takes one reference. */
typedef void py_take(void *context, struct py_label label, vaddr target);

/** What of a frame is given: its globals, every function of a module has. */
enum py_visit_part {
	VISIT_ALL,
	VISIT_WITHOUT_GLOBALS,
	VISIT_GLOBALS,
};

struct py_visit {
	struct py_walk *walk;
	py_take *take;
	void *context;
	enum py_visit_part part;
};

/** Gives what an object refers to. What a target address leads to is not checked: py_object_type() says whether it is an object. */
void object_visit(const struct py_visit *visit, vaddr object, const struct py_type *type);

/** Gives what a frame (not a frame object) refers to: its variables. */
void frame_visit(const struct py_visit *visit, vaddr frame);

#endif
