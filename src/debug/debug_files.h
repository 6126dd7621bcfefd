/* SPDX-License-Identifier: MIT */
/*
 * Where a module's debug information is, if not in the module: in files that are installed, downloaded or built apart from it. Their paths and contents are a stranger's word: only regular
 * files are opened, and what is found must be what the module asks for.
 */
#ifndef HEAPSNAP_DEBUG_DEBUG_FILES_H
#define HEAPSNAP_DEBUG_DEBUG_FILES_H

#include "debug/modules.h"

/** Looks for the separate debug file once: DWARF in the module itself, then .build-id/xx/rest.debug in the debug directories (by default
    /usr/lib/debug in the target's own root while it lives, in the sysroot, and here), then .gnu_debuglink beside the module, in .debug, and
    in the debug directories, then (by default) what debuginfod's clients have downloaded; at last .symtab of the module itself, or what is packed in its .gnu_debugdata. What is found must
    have the module's build ID, or, where the module has none, the CRC of the link. Never asks a server. Returns the ELF that has symbols or DWARF, NULL if none. Borrowed: as long as the
    module. */
Elf *module_debug_file(struct modules *modules, struct module *module);

/** Opens a path that a module's DWARF names (of a .dwo or .dwp), in the target's own root while it lives, in the sysroot, and here; NULL when there is no ELF file. Owner: the caller,
    of the ELF (elf_end()) and then its descriptor. */
Elf *module_split_file(const struct modules *modules, const char *path, int *fd_ret);

/** The file that dwz moved what several debug files have in common to, by what .gnu_debugaltlink says: its name and build ID. NULL when it is
    not found. Owner: the caller, of the ELF (elf_end()) and then its descriptor. */
Elf *module_shared_debug_file(const struct modules *modules, const struct module *module, const char *name, const struct build_id *build_id,
			      int *fd_ret);

#endif
