/* SPDX-License-Identifier: MIT */
/*
 * .gnu_debugdata: an ELF file packed by xz inside of a stripped module, with a .symtab of the functions that .dynsym does not have. Fedora and its kin ship every program with it.
 * Source: gdb manual, «MiniDebugInfo».
 */
#ifndef HEAPSNAP_DEBUG_MINI_DEBUG_H
#define HEAPSNAP_DEBUG_MINI_DEBUG_H

#include <libelf.h>

/** Unpacks the section of a module into a file in memory; -1 when it has none, or none that can be unpacked within bounds. Owner: the caller, of the descriptor. */
int mini_debug_unpack(Elf *elf);

#endif
