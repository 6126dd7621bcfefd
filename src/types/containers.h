/* SPDX-License-Identifier: MIT */
/*
 * What the libraries of containers hide from DWARF, put back into the type table.
 *
 *   std::map<K, V>     its tree points to _Rb_tree_node_base, which has links and no value. The allocator that it has says what it allocates:
 *                      _Rb_tree_node<pair<K, V>>, whose base that is. So where this tree has pointers to the base, they point to the node
 *   in the node        the value lies in unsigned char[40], whose struct says in its template arguments what it is: pair<K, V>
 *   Vec<T>             of Rust keeps a pointer to u8, in a struct that all of them share; T is a parameter of the struct around it
 *
 * The rules are data (containers.c), or the one above, which knows no name: a struct with an allocator of nodes and pointers to a base
 * of these that points to itself. They change the table in place: types that several containers share (the base of nodes) are copied for each, so that everything
 * later sees nodes where nodes are, and no one but this file knows of containers.
 *
 * To support another container: where its nodes are found by its allocator, nothing is to be done; else a line in one of the tables.
 */
#ifndef HEAPSNAP_TYPES_CONTAINERS_H
#define HEAPSNAP_TYPES_CONTAINERS_H

#include <stddef.h>

struct type_table;

/** Applies the rules to a sealed table, once. Pointers that a rule gave their target have TYPE_BY_CONTAINER. Gives how many types it changed. Types keep their
    numbers, new ones are appended. Cost: linear in types and members. */
size_t containers_apply(struct type_table *table);

#endif
