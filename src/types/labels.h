/* SPDX-License-Identifier: MIT */
/*
 * Labels: what chunks are called (types.h), by the names that people type, and as numbers to group by.
 */
#ifndef HEAPSNAP_TYPES_LABELS_H
#define HEAPSNAP_TYPES_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "types/types.h"

/** Whether a type is the one that somebody means: the name itself; or without the words struct, union, class and enum. */
bool label_is_meant(const char *name, const char *meant);

/** The labels that somebody may mean, the first up to `max` of them into ret; gives how many there are: those of that very name; where there are none, those that label_is_meant(); where there are
    none, those whose name behind all namespaces it is. Cost: linear in labels. */
size_t labels_find(const struct types *types, const char *meant, label_id *ret, size_t max);

/** For each chunk its label where that is a type (graph/kinds.h), else 0. Owner: the caller, free(). NULL where no types were looked for. Cost: linear. */
uint32_t *labels_column(const struct types *types);

#endif
