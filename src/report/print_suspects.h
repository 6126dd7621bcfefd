/* SPDX-License-Identifier: MIT */
/*
 * Suspects in a sentence each: where a tenth or more of everything hangs on one place.
 */
#ifndef HEAPSNAP_REPORT_PRINT_SUSPECTS_H
#define HEAPSNAP_REPORT_PRINT_SUSPECTS_H

#include "report/writer.h"
#include "snapshot/snapshot.h"

/** Prints them, between writer_begin() and writer_finish(); in text nothing where there is none. Cost: linear in chunks for each. */
void print_suspects(struct writer *writer, const struct snapshot *snapshot);

#endif
