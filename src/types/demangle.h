/* SPDX-License-Identifier: MIT */
/*
 * C++ names, from what the linker and RTTI call them.
 *
 *   N3zoo3DogE                     zoo::Dog                        what the type information of a class holds
 *   _ZTVN3zoo3DogE                 vtable for zoo::Dog             a symbol
 *   _ZN3zoo3Dog4barkEi             zoo::Dog::bark(int)             another one
 *   _ZN4core3ptr…17h0123…E         core::ptr::…                    Rust before its own scheme: the hash is left out
 *
 * It is *not* a demangler for everything: expressions in template arguments, decltype and modules are not understood, and then there is no
 * name, never a wrong one. The spelling is that of c++filt (and so that of gcc's DWARF, but for the suffixes of numbers: class_names.h compares).
 *
 * Names come from the target and are hostile. Nesting, substitutions, the length of any part and the work as a whole are
 * bounded: a name that would expand beyond all measure is not understood.
 *
 * Source: Itanium C++ ABI, chapter 5.1 «External Names»; for Rust see rust_names.h.
 */
#ifndef HEAPSNAP_TYPES_DEMANGLE_H
#define HEAPSNAP_TYPES_DEMANGLE_H

#include <stddef.h>

enum {
	/** Longer ones are not looked at, neither before nor after. Units: bytes. */
	MANGLED_MAX = 16384,
	DEMANGLED_MAX = 16384,
};

/** The type whose mangled name this is (a leading «*», as gcc marks classes that no other module can have, is skipped). NULL when it is
    not understood or is no mangled name. Owner: the caller; printable as it stands only if the mangled name was. Cost: bounded. */
char *demangle_type(const char *mangled);

/** What a symbol (_Z…, _R…) is called: a function with its parameters, a variable, «vtable for T» and the like. NULL when it is not
    understood or not mangled. Owner: the caller. */
char *demangle_symbol(const char *symbol);

/** demangle_symbol(), of a function without its parameters. Owner: the caller. */
char *demangle_function(const char *symbol);

#endif
