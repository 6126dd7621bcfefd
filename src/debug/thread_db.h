/* SPDX-License-Identifier: MIT */
/*
 * What libc tells debuggers of its private structs: numbers it exports for libthread_db, so that they are there in stripped files too.
 *
 * Source: glibc nptl_db/structs.def; each member is three uint32_t (bits, count, byte offset), each size one.
 */
#ifndef HEAPSNAP_DEBUG_THREAD_DB_H
#define HEAPSNAP_DEBUG_THREAD_DB_H

#include <stdint.h>

#include "debug/layout.h"
#include "debug/modules.h"

struct thread_db {
	/** Offsets in bytes; MEMBER_ABSENT when libc does not tell (static executables, others' libcs). */
	struct {
		uint32_t l_tls_modid, l_tls_offset;
	} link_map;
	struct {
		uint32_t tid, specific;
		/** sizeof; MEMBER_ABSENT likewise. */
		uint32_t size;
	} pthread;
};

/** Reads them from whichever module exports them. */
void thread_db_read(const struct modules *modules, struct thread_db *ret);

#endif
