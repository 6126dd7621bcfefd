/* SPDX-License-Identifier: MIT */
/*
 * Which file on this machine is the one that was mapped when the core was written.
 *
 * The name is a hint, the build ID is the proof: a file of that name with another build ID is as absent as none, and a file of another name
 * with the same one will do. Looked at in this order: -e EXE for the executable; the path below --sysroot, then the bare file name in it; the path
 * itself; for a bare name the usual library directories; .build-id/xx/rest below --sysroot and in the debug directories. Only a whole file counts: a separate debug file has the
 * build ID too, but none of the bytes.
 *
 * Names come from the core, which anybody may have made: nothing but a regular file is ever opened (a device may act on being opened).
 */
#ifndef HEAPSNAP_TARGET_LOCATE_H
#define HEAPSNAP_TARGET_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "target/target.h"

struct locate_options {
	/** Put before each path; NULL for none. */
	const char *sysroot;
	/** Directories with .build-id, colon-separated; NULL for /usr/lib/debug, "" for none. */
	const char *debug_path;
};

/** What is known of the file that was mapped. */
struct wanted_file {
	/** As the target names it; need not be absolute or sane. */
	const char *path;
	/** --exe when this is the executable, else NULL. */
	const char *exe;
	enum machine machine;
	/** Size 0 when the core does not say or the file has none. */
	struct build_id build_id;
	/** The first bytes of the file as the core has them, compared when there is no build ID; NULL for none. */
	const uint8_t *head;
	size_t head_size;
	/** The highest position that is mapped; the file must reach into its last page. */
	uint64_t needed_size;
};

struct located_file {
	/** Open for reading, or -1. Owned. */
	int fd;
	/** Where it was found; NULL when it was not. Owned. */
	char *opened_as;
	/** Why not, to follow the path in a sentence; NULL when it was found. Owned. */
	char *why_absent;
	/** The file at --exe was not taken, and why («PATH has another build ID: …»); NULL when it was, or none was given. Owned. */
	char *why_not_exe;
	/** The build ID proves that it is the file. (The same first page alone proves nothing about the rest.) */
	bool verified;
	/** The path itself now names another file, or none although the file was found elsewhere by its build ID. */
	bool replaced;
	/** Of the file that was opened. */
	struct build_id build_id;
};

/** Looks for a file. Never an error: what is not found has its reason. */
void locate_file(const struct locate_options *options, const struct wanted_file *wanted, struct located_file *ret);

/** Closes and frees what was found and not taken. */
void located_file_deinit(struct located_file *located);

#endif
