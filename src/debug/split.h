/* SPDX-License-Identifier: MIT */
/*
 * Split debug information: units of which the module has but a skeleton, and a file of its own the rest.
 *
 *	module      skeleton unit: name «build/object.dwo», directory «/src», number 0x1a2b…, addresses
 *	            ↳ /src/build/object.dwo, or one of many in MODULE.dwp: types, names, variables
 *
 * What is walked here are the units' sections, one after the other, for who reads types. (Variables and functions by address, and lines, are those of the module alone.) A file must
 * have the number that the skeleton asks for. Paths are a stranger's word: they are tried as they are and in the target's root, regular files only.
 * Source: DWARF 5, sections 3.1.3, 7.3.2 and 7.3.5; GNU's DWARF 4 form of both.
 */
#ifndef HEAPSNAP_DEBUG_SPLIT_H
#define HEAPSNAP_DEBUG_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

#include "debug/dies.h"
#include "debug/dwarf.h"
#include "debug/modules.h"

struct split_walk {
	struct modules *modules;
	struct module *module;
	/** Of the module: its skeletons. */
	struct die_reader skeletons;
	uint64_t next;
	/** MODULE.dwp, if there is one. */
	struct debug_image package;
	Elf *package_elf;
	int package_fd;
	bool package_was_asked;
	/** The .dwo at hand. */
	struct debug_image image;
	Elf *elf;
	int fd;
	/** Of the unit at hand. */
	struct dwarf_sections sections;
	/** Units whose file was not found; and those that were met. */
	uint64_t missing, met;
};

/** Begins. Borrows the file of the module until split_walk_end(). */
void split_walk_begin(struct split_walk *walk, struct modules *modules, struct module *module, const struct dwarf_file *file);

/** The sections of the next unit that is split and was found; NULL at the end. Borrowed: until the next call. */
const struct dwarf_sections *split_walk_next(struct split_walk *walk);

/** Ends it. */
void split_walk_end(struct split_walk *walk);

#endif
