/* SPDX-License-Identifier: MIT */
/*
 * A core file: kernel-written or gcore-written, plain or zstd-compressed, read directly.
 *
 * Notes give threads, registers, mappings (NT_FILE too: gcore leaves file text without a PT_LOAD) and auxv; segments give the image;
 * pages that were not dumped come from the files, matched by build ID. «filesz < memsz» and truncation mean «not dumped», never
 * zero. Everything in the file is hostile.
 *
 * The file is mapped, not read (target/mapped_file.h says what happens when it is cut short meanwhile); captured bytes lie at addresses
 * that are congruent, modulo 8, to those of the target, so that words can be read in place.
 */
#ifndef HEAPSNAP_TARGET_CORE_H
#define HEAPSNAP_TARGET_CORE_H

#include "target/target.h"

struct core_options {
	/** -e: the executable; NULL to find it. */
	const char *exe;
	/** --sysroot: directory put before each path of NT_FILE; NULL for none. Tried first; then the path itself. */
	const char *sysroot;
	/** Directories that hold .build-id/xx/rest.debug or whole files by build ID, colon-separated; NULL for none. */
	const char *debug_path;
	/** Where a compressed core is unpacked (an unlinked file); NULL for $TMPDIR or /tmp. */
	const char *spool_dir;
};

/** True when the file begins like a core (ELF ET_CORE, or zstd around anything). Never an error: an unreadable file is no core. */
bool core_recognise(const char *path);

/** Opens a core, complete with image and threads. Owner: the caller. Errors: ERROR_FORMAT names the offset; ERROR_UNSUPPORTED another
    architecture or word size. Missing files are notices in the target, not errors. */
struct error *core_open(const char *path, const struct core_options *options, struct target **ret) _must_check_;

#endif
