/* SPDX-License-Identifier: MIT */
#include "cmd/python_labels.h"

#include "base/alloc.h"

enum {
	/** An object was told by its own type, a table by its owner, native memory by a pointer to it. Units: per cent. */
	OBJECT_CONFIDENCE = 99,
	TABLE_CONFIDENCE = 98,
	NATIVE_CONFIDENCE = 90,
};

/* The label of a role and a class, made when it is first asked for. */
static label_id label_of(struct snapshot *snapshot, label_id *known, chunk_id chunk)
{
	struct types *types = &snapshot->types;

	if (!*known) {
		array_append(&types->labels, (struct chunk_label){ .name = python_label(&snapshot->python, chunk), .type = TYPE_NONE, .is_type = true });
		*known = (label_id)(types->labels.n - 1);
	}
	return *known;
}

static uint8_t confidence_of(enum py_role role)
{
	return role == PY_NATIVE ? NATIVE_CONFIDENCE : role == PY_TABLE ? TABLE_CONFIDENCE : OBJECT_CONFIDENCE;
}

void python_labels_set(struct snapshot *snapshot)
{
	const struct python *python = &snapshot->python;
	struct types *types = &snapshot->types;
	label_id *known;

	if (!types->is_built || !python_is_known(python))
		return;
	known = xcalloc((python->classes.n + 1) * PY_ROLES, sizeof(*known));
	for (chunk_id i = 0; i < python->n_chunks; i++) {
		enum py_role role = python->role[i];
		size_t class = python->type[i] < python->classes.n ? python->type[i] : python->classes.n;

		if (role == PY_FOREIGN || role == PY_UNKNOWN || snapshot->heap.chunks.state[i] != CHUNK_IN_USE)
			continue;
		types->label[i] = label_of(snapshot, &known[class * PY_ROLES + role], i);
		types->confidence[i] = confidence_of(role);
		types->evidence[i] = EVIDENCE_PYTHON;
		// Where an object hangs, its references with names tell (cpython/paths.h), not the words that chance to lead to it.
		types->role[i] = 0;
	}
	free(known);
}
