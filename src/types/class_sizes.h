/* SPDX-License-Identifier: MIT */
/*
 * How large objects of a class are, by the code of its destructor: for classes of which no debug information tells.
 *
 *	zoo::Dog::~Dog() [deleting]    mov esi, 24; jmp operator delete(void*, unsigned long)
 *
 * It is one of the first functions of the vtable, and says the size since C++14. An object whose chunk has another size is a member, or a base, of something else that begins with it.
 *
 * Source: Itanium C++ ABI 2.5.2, 5.1.4.3 (deleting destructors); C++14 [expr.delete] (sized deallocation).
 */
#ifndef HEAPSNAP_TYPES_CLASS_SIZES_H
#define HEAPSNAP_TYPES_CLASS_SIZES_H

#include <stdbool.h>
#include <stdint.h>

struct image;
struct modules;
struct vtables;

/** The size of each class, by its index, as far as it is told; 0 for others, and for those that `wanted` (by index) is false for. Owner: the caller, free(). Cost: a few
    hundred instructions for each class that is wanted. */
uint64_t *class_sizes_find(struct modules *modules, const struct image *image, const struct vtables *vtables, const bool *wanted);

#endif
