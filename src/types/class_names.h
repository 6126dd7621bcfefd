/* SPDX-License-Identifier: MIT */
/*
 * The names of classes of C++: which are the same, and how people write them.
 *
 *   demangled   std::pair<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const, long>
 *   gcc         std::pair<const std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, long int>
 *   clang       std::pair<const std::__cxx11::basic_string<char>, long>
 *   short       std::pair<std::string const, long>
 */
#ifndef HEAPSNAP_TYPES_CLASS_NAMES_H
#define HEAPSNAP_TYPES_CLASS_NAMES_H

#include "types/type_table.h"

struct vtables;

/** A text that is the same for names of the same class, whoever wrote them: without spaces, qualifiers, suffixes and casts of numbers, ABI tags; the names of whole numbers
    in one order. Owner: the caller. */
char *class_name_key(const char *name);

/** The name without what goes without saying: arguments that are the library's defaults, its inner namespaces; std::string for what it is. What is no C++ (or Rust, whose
    allocator goes too) stays as it is. Owner: the caller. */
char *class_name_short(const char *name);

/** A path of members («.second.functions._M_t._M_impl») without those that are the standard library's own business («.second.functions»). Owner: the caller. */
char *member_path_short(const char *path);

/** The type of each class of the vtables, by its index; TYPE_NONE where debug information has none. Owner: the caller, free(). Cost: linear in the classes, and
    in the types with a name of C++. */
type_id *class_types_find(const struct type_table *table, const struct vtables *vtables);

#endif
