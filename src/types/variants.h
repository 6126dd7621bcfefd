/* SPDX-License-Identifier: MIT */
/*
 * What lies one over the other, where the program says which of them is there: variants of an enum of Rust, by the discriminant; alternatives of std::variant, by the
 * index; the pointer of a string of libc++, which a short one does not have.
 *
 *	enum Expression { Text(String), Sum(Box<Expression>, Box<Expression>) }
 *
 *	layout_slot(Expression, 16)      a pointer to u8 or to Expression: it is in a union
 *	variant_slot(…)                  what is at 0 says that it is a Sum: the slot of Expression::Sum at 16, a pointer to Expression
 */
#ifndef HEAPSNAP_TYPES_VARIANTS_H
#define HEAPSNAP_TYPES_VARIANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vaddr.h"
#include "types/layouts.h"

struct window;

/** layout_slot() of a type that begins at an address; where the pointer is in a variant, it is that of the variant which is there. SLOT_NONE also where that one has no pointer. */
slot_id variant_slot(struct layouts *layouts, struct window *window, type_id type, vaddr start, uint64_t offset, bool is_array);

#endif
