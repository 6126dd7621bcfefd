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
	/** Where to keep what is read of large debug files (debug/cache.h); NULL to keep nothing. */
	const char *cache_dir;
};

struct module_segment {
	/** Of a PT_LOAD, in the file's own addresses (add the bias). Units: bytes. */
	vaddr start, end;
	uint64_t offset, file_size;
	/** PF_R, PF_W, PF_X bits. */
	unsigned flags;
};

/** Symbol tables of one module, read when first asked for; private to symbols.c. */
struct symbol_tables;

/** DWARF of one module, opened when first asked for; private to dwarf.c. */
struct dwarf_file;

struct module {
	/** Path as the target names it; a copy, unescaped. Owned. */
	char *path;
	/** Index in target.files. */
	int file;
	/** A descriptor of the file of our own, -1 when it is absent. Owned. */
	int fd;
	/** Length of the file when it was opened. Units: bytes. */
	uint64_t file_length;
	/** From the first mapping's start to the end of the last one (or of the .bss behind it). */
	vaddr start, end;
	/** What is added to an address of the file to have one of the target. */
	vaddr bias;
	/** NULL when the file is absent, no ELF file of this architecture, or its section headers are nonsense. Owned. */
	Elf *elf;
	/** Of the target. */
	enum machine machine;
	/** ET_EXEC or ET_DYN; 0 when the file is absent or no ELF file of this architecture. */
	unsigned type;
	/** The PT_LOADs, in the file's order. Empty when type is 0. */
	ARRAY(struct module_segment) segments;
	/** PT_TLS: address of the initialisation image, its size, size in memory and alignment; tls_size 0 for none. */
	vaddr tls_start;
	uint64_t tls_file_size, tls_size, tls_align;
	/** PT_DYNAMIC; size 0 for none (a static executable). In the file's addresses. */
	vaddr dynamic_start;
	uint64_t dynamic_size;
	/** PT_INTERP; size 0 for none. In the file's addresses. */
	vaddr interpreter_start;
	uint64_t interpreter_size;
	/** The separate debug file: ELF that holds .debug_info or .symtab of it (may equal elf); NULL until module_debug_file() (debug_files.h) found one. */
	Elf *debug_elf;
	/** Where it was opened, and its descriptor; NULL and -1 when debug_elf is elf or NULL. Owned. */
	char *debug_path;
	int debug_fd;
	bool debug_looked_for;
	/** Owned. */
	struct symbol_tables *symbols;
	/** Owned; NULL until it was asked for, and when there is none. */
	struct dwarf_file *dwarf;
	bool dwarf_looked_for;
};

struct modules {
	ARRAY(struct module) v;
	struct debug_options options;
	const struct target *target;
	/** Why something was not kept in the cache, for whoever wants to know; NULL when nothing was the matter. Owned. */
	char *cache_trouble;
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

/** The build ID of the module: what target.files says, else the note in the file. False if it has none. */
bool module_build_id(const struct modules *modules, const struct module *module, struct build_id *ret);

/** The nth (from 0) value that PT_DYNAMIC gives for a DT_… tag, as it is in the file (addresses without bias). False when there are fewer. */
bool module_dynamic(const struct module *module, int64_t tag, size_t nth, uint64_t *ret);

/** The string whose offset is the nth (from 0) value of a tag (DT_NEEDED, DT_SONAME …). Owner: the caller; NULL when there are fewer or it is
    longer than any real one. */
char *module_string(const struct module *module, int64_t tag, size_t nth);

#endif
