/* SPDX-License-Identifier: MIT */
/*
 * The forms of DWARF: how an attribute's value stands in the bytes of a DIE. Private to what reads DIEs (dies.h).
 *
 * Everything takes the value off the cursor, whether it understands it or not; a form that is not known ends the unit, since nobody can tell where the next value begins.
 * Source: DWARF 5, section 7.5.6.
 */
#ifndef HEAPSNAP_DEBUG_FORMS_H
#define HEAPSNAP_DEBUG_FORMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "debug/dies.h"

enum {
	/** Of a form whose size the DIE says, or that is not known. */
	FORM_SIZE_VARIES = 0xff,
};

/** The size of a form. Units: bytes; FORM_SIZE_VARIES when it is not the same everywhere. */
unsigned form_size(const struct die_unit *unit, unsigned form);

/** Steps over a value. */
void form_skip(struct cursor *at, const struct die_unit *unit, uint64_t form);

/** An address in any of its forms; false when it is none. */
bool form_address(const struct die_reader *reader, struct cursor *at, unsigned form, vaddr *ret);

/** An expression, which blocks were before DWARF 4; NULL, 0 when it is none. Borrowed: as long as the sections. */
const uint8_t *form_expression(struct cursor *at, const struct die_unit *unit, unsigned form, size_t *size_ret);

/** A number, with a sign where it has one; false for what is none (an expression, a reference). `constant` is that of DW_FORM_implicit_const. */
bool form_number(struct cursor *at, const struct die_unit *unit, unsigned form, int64_t constant, uint64_t *ret);

/** Where a reference leads. */
struct die_link form_link(const struct die_reader *reader, struct cursor *at, unsigned form);

/** A string, that ends in its section; NULL when it does not. Borrowed: as long as the sections. */
const char *form_string(const struct die_reader *reader, struct cursor *at, unsigned form);

/** The offset in .debug_str of a string that has an index; false when there is none. */
bool form_string_offset(const struct die_reader *reader, uint64_t index, uint64_t *ret);

/** A flag. */
bool form_flag(struct cursor *at, const struct die_unit *unit, unsigned form);

#endif
