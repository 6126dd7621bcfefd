/* SPDX-License-Identifier: MIT */
/*
 * Modules: the ELF files that are mapped, with what can be read of them cheaply.
 *
 * Built from a target's mappings and open files, before the stop (live) or at once (core): nothing here reads the image, so it
 * works while the target runs. A module whose file is absent is listed too, with its reason, so that reports can name it.
 * Files are hostile: every offset is checked; libelf reads them by pread, never by mmap (a file cut short under us must not
 * be a SIGBUS).
 */
#ifndef HEAPSNAP_DEBUG_MODULES_H
#define HEAPSNAP_DEBUG_MODULES_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/error.h"
#include "base/vaddr.h"
#include "target/target.h"

struct debug_options {
	/** Directories that hold .build-id/xx/rest.debug, colon-separated, searched instead of /usr/lib/debug; NULL for the default, "" for none. */
	const char *debug_path;
	/** --sysroot, NULL for none. */
	const char *sysroot;
};

struct module_segment {
	/** Of a PT_LOAD, in the file's own addresses (add the bias). Units: bytes. */
	vaddr start, end;
	uint64_t offset, file_size;
	/** PF_R, PF_W, PF_X bits. */
	unsigned flags;
};

struct module {
	/** Path as the target names it; borrowed from the target. */
	const char *path;
	/** Index in target.files. */
	int file;
	/** From the first mapping's start to the last one's end. */
	vaddr start, end;
	/** What is added to an address of the file to have one of the target. */
	vaddr bias;
	/** NULL when the file is absent or no ELF file of this architecture. Owned. */
	Elf *elf;
	/** ET_EXEC or ET_DYN; 0 when elf is NULL. */
	unsigned type;
	ARRAY(struct module_segment) segments;
	/** PT_TLS: address of the initialisation image, its size, size in memory and alignment; size_in_memory 0 for none. */
	vaddr tls_start;
	uint64_t tls_file_size, tls_size, tls_align;
	/** The separate debug file: ELF that holds .debug_info or .symtab of it (may equal elf); NULL until module_debug_file() found one. */
	Elf *debug_elf;
	char *debug_path;
	int debug_fd;
	bool debug_looked_for;
};

struct modules {
	ARRAY(struct module) v;
	struct debug_options options;
	const struct target *target;
};

/** Lists the modules of a target. Borrows the target (and its files) until modules_deinit(). Unreadable files cost their module's elf, never an error. */
void modules_init(struct modules *modules, const struct target *target, const struct debug_options *options);

/** Releases everything that was opened. */
void modules_deinit(struct modules *modules);

/** The module whose mappings hold an address, or NULL. Cost: logarithmic. */
struct module *modules_find(struct modules *modules, vaddr address);

/** The last component of its path. Borrowed; unescaped. */
const char *module_name(const struct module *module);

/** Copies bytes of the module's *file* by the file's own address (no bias): what the page held before relocation. Bytes between a segment's
    file size and memory size read as zero. False when outside. */
bool module_get(const struct module *module, vaddr file_address, void *buffer, size_t size);

/** Looks for the separate debug file once, by build ID in the debug directories and the target's own root, then by .gnu_debuglink with
    its CRC; checks the build ID of what it finds. Returns the ELF that has symbols or DWARF (the module's own if they are inside), NULL if none.
    Never asks debuginfod. Borrowed: as long as the module. */
Elf *module_debug_file(struct modules *modules, struct module *module);

#endif
