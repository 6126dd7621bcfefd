/* SPDX-License-Identifier: MIT */
/*
 * What Python objects retain: the largest ones by name, then by module and by type.
 */
#ifndef HEAPSNAP_REPORT_PRINT_TOP_PYTHON_H
#define HEAPSNAP_REPORT_PRINT_TOP_PYTHON_H

#include "report/writer.h"
#include "snapshot/snapshot.h"

/** Prints its tables; nothing where there is no Python, nor where dominators are not known. Cost: linear in chunks. */
void print_top_python(struct writer *writer, const struct snapshot *snapshot);

#endif
