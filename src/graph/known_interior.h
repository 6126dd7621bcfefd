/* SPDX-License-Identifier: MIT */
/*
 * Interior pointers that good programs hold alone, known by what lies in front of them.
 *
 *   new[]          count · element · element …      new T[n] of a class with a destructor returns the address behind the count
 *   base class     vptr … vptr …                    a pointer to a second base; the vtables belong together, and the second says how far in it lies
 *   string         length · capacity · references · text …      std::string before C++11 holds the text
 *   sized          size · bytes …                   wrappers of malloc that put the size in front
 *   sds            length · capacity · flags · text …      strings of redis and others, whose headers are longer than eight bytes
 *
 * Chunks are larger than what was asked for, so counts and lengths are compared with some slack. A false «known» makes a chunk reachable that
 * otherwise is possible; it never hides a chunk that nothing points to.
 *
 * Source: the rules of memcheck's --leak-check-heuristics (valgrind 3.19 memcheck/mc_leakcheck.c), the Itanium C++ ABI 2.5.2 and 2.7, and the sds library.
 */
#ifndef HEAPSNAP_GRAPH_KNOWN_INTERIOR_H
#define HEAPSNAP_GRAPH_KNOWN_INTERIOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vaddr.h"
#include "target/window.h"

/** Whether the address `offset` bytes (8 or more) into a chunk is one of these. The window stays near the heap. */
bool known_interior(struct window *window, vaddr mem, uint64_t usable, uint64_t offset);

#endif
