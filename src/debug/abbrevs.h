/* SPDX-License-Identifier: MIT */
/*
 * Abbreviations: what the DIEs of one kind have, and in which form.
 *
 * Of most attributes nobody wants to know anything. So besides the list of them all each kind has a list of steps: how many bytes to leave out, and what then is to be read.
 * A kind without steps and of one size is stepped over at once, and that is four in five of all DIEs.
 * Source: DWARF 5, section 7.5.3.
 */
#ifndef HEAPSNAP_DEBUG_ABBREVS_H
#define HEAPSNAP_DEBUG_ABBREVS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

struct die_unit;
struct dwarf_bytes;

enum {
	/** Of an abbreviation: its DIEs are not all of one size. */
	ABBREV_SIZE_VARIES = UINT32_MAX,
};

/** One attribute of an abbreviation. */
struct abbrev_attribute {
	uint16_t name, form;
	/** Of DW_FORM_implicit_const. */
	int64_t constant;
};

/** One attribute that is read, or whose size must be. */
struct abbrev_step {
	/** Left out before it. Units: bytes. */
	uint32_t skip;
	/** name: 0 when its size alone matters. */
	uint16_t name, form;
	int64_t constant;
};

/** What the DIEs of one kind have. */
struct abbrev {
	uint16_t tag;
	bool is_known, has_children;
	/** The facts of it are read. */
	bool has_facts;
	/** In abbrevs.attributes. */
	uint32_t first, count;
	/** In abbrevs.steps; what is left out behind the last one. */
	uint32_t first_step, n_steps, tail;
	/** Of all attributes together; ABBREV_SIZE_VARIES when it is not the same for all DIEs. Units: bytes. */
	uint32_t size;
};

struct abbrevs {
	/** Where in .debug_abbrev they are; UINT64_MAX for none. */
	uint64_t offset;
	/** For addresses and offsets, whose size a unit sets. */
	unsigned version, address_size, offset_size;
	/** By code. */
	ARRAY(struct abbrev) v;
	ARRAY(struct abbrev_attribute) attributes;
	ARRAY(struct abbrev_step) steps;
};

/** Reads the abbreviations of a unit, unless they are those at hand; false when they cannot be read. Takes the bytes that it reads off the budget, and reads no more. */
bool abbrevs_read(struct abbrevs *abbrevs, const struct dwarf_bytes *section, const struct die_unit *unit, bool with_facts, uint64_t *budget);

/** Frees them. */
void abbrevs_deinit(struct abbrevs *abbrevs);

#endif
