/* SPDX-License-Identifier: MIT */
/*
 * The debug sections of an ELF file, inflated, in one piece of memory that is an ELF file again.
 *
 *	[ELF header][section headers][names][.debug_info][.debug_abbrev][.debug_str] … [.debug_line][.debug_loclists] …
 *
 * A section is read when it is first asked for, so types cost what types are in and not what lines are in; and libdw, which would inflate all of them, and each for itself,
 * finds them where they are. What is compressed is inflated on its way from the file, with zlib (in ELF's way, or as .zdebug_ of GNU) or with zstd, which
 * libdw of elfutils 0.188 has not.
 *
 * .debug_types, in which DWARF 4 has its type units, lies right behind .debug_info, so that one offset tells a DIE of either.
 *
 * Sizes are the file's word: they are bounded together, and compressed sections by what zlib can make of their bytes; memory is only taken for what is read, and
 * a section that does not inflate to its size is as if it were not there. Split files (.dwo) have their sections here too, by their own names.
 */
#ifndef HEAPSNAP_DEBUG_DEBUG_IMAGE_H
#define HEAPSNAP_DEBUG_DEBUG_IMAGE_H

#include <libelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

/** Bytes of a section, inflated; NULL, 0 when the file has none. Borrowed. */
struct dwarf_bytes {
	const uint8_t *bytes;
	uint64_t size;
};

struct debug_section;

struct debug_image {
	/** Of the file. Borrowed. */
	int fd;
	/** EM_…, of the file. */
	uint16_t machine;
	/** ELFCLASS64 header and sections; NULL for no image. */
	uint8_t *bytes;
	size_t size;
	/** In order of their place in the image. Private. */
	ARRAY(struct debug_section *) sections;
	/** Of the image; NULL until it was asked for. */
	Elf *elf;
};

/** Lays out the debug sections of a file. False when it has no .debug_info (nor .debug_info.dwo), or more than is believed. Borrows the descriptor. Cost: nothing is read yet. */
bool debug_image_open(struct debug_image *ret, Elf *elf, int fd);

/** A section by its name (.debug_info, also when the file has it as .zdebug_info), read when it was not yet. Borrowed: as long as the image. */
struct dwarf_bytes debug_image_section(struct debug_image *image, const char *name);

/** The section of units with that of type units right behind it, where there is one, as one; types_from is where that begins, 0 when there is none. */
struct dwarf_bytes debug_image_units(struct debug_image *image, const char *info, const char *types, uint64_t *types_from_ret);

/** All of it as an ELF file, but for what only debuggers ask about (macros, indexes by name); NULL when libelf will not have it. Borrowed: as long as the image. */
Elf *debug_image_elf(struct debug_image *image);

/** Bytes of all that was read. Units: bytes. */
uint64_t debug_image_bytes_read(const struct debug_image *image);

/** Frees it, libdw's handles on it having been ended. */
void debug_image_close(struct debug_image *image);

#endif
