/* SPDX-License-Identifier: MIT */
/*
 * Location lists, entry by entry: over which code a variable is where.
 *
 * What locals.h asks libdw about one pc is read here from front to back, for passes over all variables of a module. A place that is more than a register, or a
 * register with an offset, is none.
 * Source: DWARF 5, sections 2.6 and 7.7.3; DWARF 2 to 4.
 */
#ifndef HEAPSNAP_DEBUG_LOCATIONS_H
#define HEAPSNAP_DEBUG_LOCATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"
#include "base/vaddr.h"
#include "debug/dies.h"

struct location {
	/** Half-open, file addresses; 0, UINT64_MAX for everywhere. */
	vaddr low, high;
	/** Borrowed: as long as the sections. */
	const uint8_t *expression;
	size_t size;
};

struct location_list {
	/** Private. */
	const struct die_reader *reader;
	struct cursor at;
	vaddr base;
	/** The only location, of an attribute that is an expression. */
	struct location only;
	bool has_only;
};

/** Begins with the locations of an attribute of the DIE that a reader is at, an expression or a list; false when it is neither. Borrows the reader, which must stay in
    its unit. */
bool location_list_begin(struct location_list *list, const struct die_reader *reader, const struct die_value *value);

/** The next location; false at the end. Empty ranges are left out. */
bool location_list_next(struct location_list *list, struct location *ret);

enum location_place_kind {
	LOCATION_NOWHERE,
	/** The value is in a register. */
	LOCATION_REGISTER,
	/** The value is a register plus offset. */
	LOCATION_SUM,
	/** The value is a constant (offset). */
	LOCATION_CONSTANT,
	/** The variable is in memory: at a register plus offset, at the CFA plus offset, at the frame base plus offset, at a file address (offset). */
	LOCATION_AT_REGISTER,
	LOCATION_AT_CFA,
	LOCATION_AT_FRAME_BASE,
	LOCATION_AT_ADDRESS,
};

struct location_place {
	enum location_place_kind kind;
	/** DWARF number. */
	unsigned reg;
	int64_t offset;
};

/** Where an expression says that something is. */
struct location_place location_place(const struct die_reader *reader, const uint8_t *expression, size_t size);

/** The number that an expression is, whatever it stands for; false when it is no constant. */
bool location_constant(const struct die_reader *reader, const uint8_t *expression, size_t size, int64_t *ret);

#endif
