/* SPDX-License-Identifier: MIT */
/*
 * Which class an object is of, by the first word it holds: the address points of all vtables, with the names of their classes.
 *
 *                    ┌ -16 offset to top      0, or how far in front of the subobject its object begins (negative)
 *   a vtable group   │  -8 type information ──→ its own vtable (of one of three classes of the C++ runtime) · name ──→ "N3zoo3DogE"
 *                    └→  0 functions …        the address point: what the objects hold
 *
 * Where there is type information, it is found in the data of the modules as it lies in memory, so no symbol is needed: it works on
 * stripped and on static programs. Everything is checked against the image: what looks like type information counts only if it
 * is of a class whose own type information says that it is a class's. Where there is none (-fno-rtti), symbols tell (_ZTV…).
 *
 * A vptr at the start of a chunk names the chunk's class; one further in is that of a base or of a member that is an object itself, and which of
 * the two, offset to top says. The vptr of a first member has an offset of 0 like that of the whole: a class whose first member is an object,
 * and that has no virtual function itself, goes by the name of that member.
 *
 * Built once; then immutable, and any number of threads may ask.
 *
 * Source: Itanium C++ ABI 2.5.2 (vtables), 2.9.5 (type information).
 */
#ifndef HEAPSNAP_TYPES_VTABLES_H
#define HEAPSNAP_TYPES_VTABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/vaddr.h"

struct image;
struct modules;

enum {
	/** One bit for each page that holds an address point, by the low bits of its number. */
	VTABLE_PAGES = 1 << 15,
	VTABLE_PAGE_SHIFT = 12,
};

struct vtable_class {
	/** In C++, as c++filt writes it; the mangled name where that was not understood. Printable. Owned. */
	char *name;
	/** As the type information or the symbol has it («N3zoo3DogE»). Printable. Owned. */
	char *mangled;
	/** Index in modules.v of the first module that has it. */
	uint32_t module;
	/** Its type information; 0 where only a symbol is known. */
	vaddr type_information;
	/** The name is demangled. */
	bool is_demangled;
};

struct vtable {
	/** What objects hold. */
	vaddr address_point;
	/** Index in classes. */
	uint32_t class;
	/** How far the word that holds the address point lies behind the start of the object; more than 0 in a base that is not the first. Units: bytes. */
	uint32_t offset;
};

struct vtables {
	ARRAY(struct vtable_class) classes;
	/** Ascending by address point. */
	ARRAY(struct vtable) v;
	/** Where address points are: a word whose page has no bit is none. */
	uint64_t pages[VTABLE_PAGES / 64];
	/** Open addressing: index in v + 1, 0 for none. A power of two. */
	uint32_t *slots;
	size_t n_slots;
	/** Names that were too many, or longer than any real one: these classes are missing. */
	uint64_t refused;
};

/** Finds all vtables of a captured target. Symbols of debug files are read where a module is C++ (or static). Owner: the caller, vtables_deinit(); it
    keeps nothing of the modules or the image. Cost: linear in the modules' relocated data, some 0.1 s for 20000 classes. */
void vtables_build(struct modules *modules, const struct image *image, struct vtables *ret);

/** Frees them; an initialiser of zeroes is accepted. */
void vtables_deinit(struct vtables *vtables);

/** vtables_at() for a word whose page has an address point. Cost: constant. Borrowed: as long as the vtables. */
const struct vtable *vtables_look(const struct vtables *vtables, uint64_t word);

/** The vtable whose address point a word is, or NULL. Cost: constant; two loads that stay in the nearest cache for nearly all words that are none. */
static inline const struct vtable *vtables_at(const struct vtables *vtables, uint64_t word)
{
	uint64_t page = word >> VTABLE_PAGE_SHIFT & (VTABLE_PAGES - 1);

	return word % 8 || !(vtables->pages[page / 64] >> page % 64 & 1) ? NULL : vtables_look(vtables, word);
}

#endif
