/* SPDX-License-Identifier: MIT */
/*
 * Places of chunks that no type leads to: where they hang, in words and not in members.
 *
 *   ← g_server+0x8               a word of the variable leads there, 8 bytes into it
 *   ← g_server→0x10→[]           and of that the word at 16 leads to a row of pointers, whose elements these are
 *   ← zoo::Dog→0x18              of an object whose class is known, but not its members
 *   ← program+0x4060             writable data without a symbol, by its address in the file
 *   ← the stack of worker        a frame
 *
 * What links to others of its own size, as lists and trees do, is one place with them. It is for programs (or libraries) without debug information: what a type
 * leads to has a better name (layouts.h), and keeps it.
 */
#ifndef HEAPSNAP_TYPES_PLACES_H
#define HEAPSNAP_TYPES_PLACES_H

struct chunks;
struct edges;
struct image;
struct roots;
struct types;

/** Gives a role to each chunk in use that has none, where something leads there; and that name, where it has no other. Counts those that hang from modules without debug
    information, and sorts these by that. Edges must have their places. Cost: linear in chunks and
    edges. */
void places_find(const struct chunks *chunks, const struct image *image, const struct edges *edges, const struct roots *roots, struct types *types);

#endif
