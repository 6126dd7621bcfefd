/* SPDX-License-Identifier: MIT */
/*
 * The DWARF of one module, and what every reader of DIEs needs: names, sizes and offsets that can be trusted.
 *
 * libdw is trusted to stay inside its buffers, but not to stop, nor does it promise that a string ends inside its section (0.188 looks at none). So chains of
 * typedefs are followed by hand and bounded (dwarf_peel_type() runs in a circle for ever), sections that would inflate to too much are not handed to it, and
 * names are asked for here, and looked up in the sections they may be in.
 */
#ifndef HEAPSNAP_DEBUG_DWARF_FILE_H
#define HEAPSNAP_DEBUG_DWARF_FILE_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "debug/modules.h"

/** A section that names may be in. */
struct string_section {
	const char *start;
	const char *end;
};

struct dwarf_file {
	Dwarf *dwarf;
	/** The file that dwz moved shared DIEs to; NULL and -1 when there is none. */
	Dwarf *shared;
	Elf *shared_elf;
	int shared_fd;
	ARRAY(struct string_section) sections;
};

enum {
	/** Units that are looked at. A debug file of a web browser has some 40 000. */
	DWARF_UNITS_MAX = 1 << 20,
};

/** Opens the DWARF of a module, or of its separate debug file. False when there is none that may be read, or when the file is missing that dwz moved some of the
    types to: structs would then lack members without a sign. Borrows the module. Owner: the caller, dwarf_file_close(). Cost: inflates every debug
    section. */
bool dwarf_file_open(struct modules *modules, struct module *module, struct dwarf_file *ret);

/** Closes it. */
void dwarf_file_close(struct dwarf_file *file);

/** A string from libdw if it ends where it should, else NULL. Borrowed: as long as the file. */
const char *dwarf_string(const struct dwarf_file *file, const char *string);

/** The name of a DIE, its own or that of what it completes; NULL when it has none. Borrowed: as long as the file. */
const char *dwarf_die_name(const struct dwarf_file *file, Dwarf_Die *die);

/** Turns a type into what is behind its typedefs and qualifiers; false at the end of a chain that leads nowhere, or to a mere declaration. (Definitions in type
    units, as -fdebug-types-section makes them, are not looked for.) */
bool dwarf_type_peel(Dwarf_Die *type);

/** The type of a variable, a member or an array's element, its own or that of what it completes; false when it has none. */
bool dwarf_type_of(Dwarf_Die *die, Dwarf_Die *ret);

/** The value of an attribute that is a number; false when it is none. */
bool dwarf_number(Dwarf_Die *die, unsigned name, uint64_t *ret);

/** Elements of an array type, all dimensions together; 0 for one without a bound. */
uint64_t dwarf_array_count(Dwarf_Die *array);

/** sizeof a type, and its elements when it is an array (else 1). Units: bytes. */
bool dwarf_type_size(Dwarf_Die *type, unsigned address_size, uint32_t *size_ret, uint32_t *count_ret);

/** Where a member lies in its struct. Units: bytes. */
bool dwarf_member_offset(Dwarf_Die *member, uint64_t *ret);

#endif
