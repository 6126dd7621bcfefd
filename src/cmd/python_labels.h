/* SPDX-License-Identifier: MIT */
/*
 * What chunks are to Python, as types beside those that inference finds: it is known, not guessed.
 */
#ifndef HEAPSNAP_CMD_PYTHON_LABELS_H
#define HEAPSNAP_CMD_PYTHON_LABELS_H

#include "snapshot/snapshot.h"

/** Gives each chunk that Python has its name there (python_label()), in place of what was inferred. Types are built; without a Python it does nothing. Cost:
    linear in chunks. */
void python_labels_set(struct snapshot *snapshot);

#endif
