/* SPDX-License-Identifier: MIT */
/*
 * Labels of references as people write them. Private to cpython/.
 */
#ifndef HEAPSNAP_CPYTHON_LABELS_H
#define HEAPSNAP_CPYTHON_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "cpython/referents.h"

enum { LABEL_IDENTITIES = 4096 };

struct label_identity {
	uint64_t value, identity;
	/** 1 + enum py_label_kind; 0 for none. */
	uint32_t kind;
	bool in_attributes;
};

/** What labels were asked for last. Starts as zeroes. */
struct label_identities {
	struct label_identity v[LABEL_IDENTITIES];
};

/** «['key']», «.name», «[i]». `in_attributes`: the reference is in a dict of attributes, so that its keys are their names. Of a root it knows none. Owner: the
    caller; unescaped. */
char *label_text(struct py_walk *walk, struct py_label label, bool in_attributes);

/** Whether labels of a kind are told apart by their text. */
bool label_is_textual(enum py_label_kind kind, bool in_attributes);

/** A number that labels of one kind have in common when they read alike. */
uint64_t label_identity(struct label_identities *known, struct py_walk *walk, struct py_label label, bool in_attributes);

#endif
