/* SPDX-License-Identifier: MIT */
/*
 * ELF files that strangers wrote: libelf is let at one only after its section header table was seen to lie inside, and reads it by pread, never by mmap (a file cut short under us must not be
 * a SIGBUS).
 */
#ifndef HEAPSNAP_DEBUG_ELF_FILE_H
#define HEAPSNAP_DEBUG_ELF_FILE_H

#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>

#include "target/elf_headers.h"
#include "target/target.h"

/** The headers of a file that is an executable or a shared object of this architecture; false for any other. Owner: the caller, elf_headers_deinit(). */
bool elf_headers_loadable(int fd, enum machine machine, struct elf_headers *ret);

/** Opens a file of that length whose header was read; NULL when its section headers are nonsense. Borrows the descriptor. Owner: the caller, elf_end(). */
Elf *elf_file_open(int fd, uint64_t length, const Elf64_Ehdr *header);

/** The section of an ELF file with a name, and its header in ret. NULL when there is none that has bytes in the file. Borrowed: as long as elf. */
Elf_Scn *section_named(Elf *elf, const char *name, GElf_Shdr *ret);

/** The bytes of a section as they are in the file (not inflated); NULL when they are not all inside it, or more than 1 GiB. Owner: elf. */
const Elf_Data *section_bytes(Elf_Scn *section);

#endif
