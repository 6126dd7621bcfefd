/* SPDX-License-Identifier: MIT */
/*
 * Types that a program erased, told by the code that knows them.
 *
 *   std::function     a void * to the functor, and beside it the function that copies and frees such functors, which is an instance of a template:
 *                     std::_Function_handler<int (int), Adder>::_M_manager. Its symbol names the type
 *   std::any          the same: std::any::_Manager_external<Adder>::_S_manage
 *   Box<dyn Shape>    of Rust: a pointer, and beside it that to a vtable, of which debug information says <Sq as Shape>::{vtable}; or its first word is
 *                     core::ptr::drop_in_place<Sq>
 *
 * A table (erasures.c) says which symbols speak, and how far from the pointer the word stands that leads to them. That word is in memory, so
 * each pointer has its own answer.
 */
#ifndef HEAPSNAP_TYPES_ERASURES_H
#define HEAPSNAP_TYPES_ERASURES_H

#include <stdbool.h>
#include <stdint.h>

#include "types/type_index.h"
#include "types/type_table.h"

struct modules;
struct window;

struct erasures {
	struct modules *modules;
	const struct type_table *table;
	/** By word: the type, TYPE_NONE for a word that says nothing; and by its rule. */
	struct hash_map by_word;
	/** Types by the key of their name, made when first asked for. */
	struct hash_map by_key;
	bool has_keys;
};

/** Starts without any. Borrows the modules and the sealed table. */
void erasures_init(struct erasures *erasures, struct modules *modules, const struct type_table *table);

/** Frees what was found. */
void erasures_deinit(struct erasures *erasures);

/** Whether the words beside a pointer may say more than the type that it is declared to lead to: void, a mere declaration, or one with something erased inside. */
bool erasures_may_tell(const struct erasures *erasures, type_id declared);

/** The type of what a pointer at an address leads to, by the words beside it, given what it is declared to lead to; TYPE_NONE when these say nothing. A small one may lie in place of the
    pointer, so that what looks like it is a member of the type. Cost: constant for a word that
    was asked before; a symbol's lookup for a new one that is in a module. */
type_id erasures_target(struct erasures *erasures, struct window *window, vaddr address, type_id declared, bool *in_place_ret);

#endif
