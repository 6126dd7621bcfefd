/* SPDX-License-Identifier: MIT */
/*
 * The facts of DIEs that describe types or variables (struct die_facts). Private to dies.c; which attributes these are, abbrevs.c says.
 */
#ifndef HEAPSNAP_DEBUG_DIE_FACTS_H
#define HEAPSNAP_DEBUG_DIE_FACTS_H

#include <stdbool.h>

#include "base/cursor.h"
#include "debug/dies.h"

/** Reads an attribute of the facts into reader->facts; false when it is none of these. */
bool fact_read(struct die_reader *reader, struct cursor *at, const struct abbrev_step *attribute);

#endif
