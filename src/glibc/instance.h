/* SPDX-License-Identifier: MIT */
/*
 * One malloc implementation in the process: where its state lies and how it is laid out. Private to glibc/.
 */
#ifndef HEAPSNAP_GLIBC_INSTANCE_H
#define HEAPSNAP_GLIBC_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "debug/modules.h"
#include "debug/relocations.h"
#include "glibc/structs.h"

struct instance {
	/** Borrowed from the modules. */
	struct module *module;
	/** Copies of what the module says, since modules may be listed anew. Owned. */
	char *path;
	/** «2.36», from the banner in the file; NULL when it has none (static executables). Owned. */
	char *version;
	/** Where the offsets came from, for people. Owned. */
	char *offsets;
	struct glibc_layout layout;
	/** Addresses in the target. */
	vaddr main_arena, mp;
	/** Code of malloc in the target, half-open; 0, 0 when unknown. */
	vaddr code_start, code_end;
	/** All of the module. */
	vaddr module_start, module_end;
	/** Offset of `tcache` in the module's TLS segment; VADDR_NONE when not known. */
	vaddr tcache_offset;
	/** How to reach the module's TLS block from a thread pointer: GOT slots (addresses in the target), or, in a static executable, its distance. */
	tls_slot_array tls_slots;
	uint64_t tls_size, tls_align;
	bool is_static;
};

struct glibc {
	ARRAY(struct instance) instances;
	bool may_step;
	/** Threads that the quiesce step could not get out of malloc. */
	ARRAY(pid_t) inside;
};

#endif
