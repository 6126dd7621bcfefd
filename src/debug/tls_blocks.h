/* SPDX-License-Identifier: MIT */
/*
 * Where each thread has the thread-local variables of each module.
 *
 *   r_debug → link_map …            which module has which number, and its place in the static block, if it has one there
 *   thread pointer → dtv[number]    where this thread has its block: in the static block, or in memory of its own (dlopen)
 *
 * Read from the image. A static executable has its own variables only, at a place that the ABI gives.
 *
 * Source: glibc 2.36 elf/link.h, include/link.h, sysdeps/x86_64/nptl/tls.h, elf/dl-tls.c.
 */
#ifndef HEAPSNAP_DEBUG_TLS_BLOCKS_H
#define HEAPSNAP_DEBUG_TLS_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "debug/modules.h"
#include "debug/thread_db.h"
#include "target/target.h"

struct tls_module {
	/** Index in modules.v. */
	size_t module;
	/** From 1. */
	uint64_t number;
	/** It lies in the static block: this far below the thread pointer on x86-64, above it on aarch64. */
	bool has_offset;
	uint64_t offset;
};

typedef ARRAY(struct tls_module) tls_module_array;

/** The modules that have thread-local variables. Owner: the caller, array_deinit(). */
void tls_modules_read(struct modules *modules, const struct target *target, const struct thread_db *thread_db, tls_module_array *ret);

/** Where a thread has its block of a module; false when it has none yet. */
bool tls_block(const struct target *target, const struct thread *thread, const struct tls_module *module, vaddr *ret);

#endif
