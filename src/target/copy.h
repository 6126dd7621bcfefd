/* SPDX-License-Identifier: MIT */
/*
 * The copy itself: from the memory of a process into ours, or into a file, by several threads.
 *
 * The threads are started, and our pages faulted in, before the target is stopped; while it waits nothing is left but
 * process_vm_readv(2). That faults in what is not there, and where a userfaultfd serves the memory it waits for whoever does so, who may be
 * in the process that stands still. So what may not be there is read through /proc/PID/mem, which fails instead. Pages that exist and cannot be read (guards inside a mapping, pages of a file that became shorter) are
 * holes: the copy goes on behind them.
 */
#ifndef HEAPSNAP_TARGET_COPY_H
#define HEAPSNAP_TARGET_COPY_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/error.h"
#include "base/vaddr.h"

enum {
	/** The most bytes of one part. */
	COPY_PART_MAX = 4 << 20,
};

/** Successive pages that are copied to one place. */
struct copy_part {
	vaddr start;
	/** At most COPY_PART_MAX. */
	uint64_t size;
	/** Where they go. */
	uint8_t *to;
	/** Where they go in the spool file, when there is one. */
	uint64_t spool_offset;
	/** Whether pages of it may not be in memory. */
	bool absent;
};

typedef ARRAY(struct copy_part) copy_part_array;

/** Half-open. */
struct copy_hole {
	vaddr start, end;
};

typedef ARRAY(struct copy_hole) copy_hole_array;

struct copier;

/** Starts threads that wait for work. Owner: the caller. Fewer are started where the system allows no more. */
struct copier *copier_create(unsigned threads);

/** Ends the threads; NULL is accepted. */
void copier_destroy(struct copier *copier);

/** Faults in where the parts go, so that nothing needs to be while the target waits. */
void copier_prefault(struct copier *copier, const copy_part_array *parts);

/** Copies the parts from a process, a thread of which is `tid` and whose /proc/PID/mem is open as `memory`. With a spool file (spool >= 0) the bytes go there, not to `to`. `holes_ret` gets the pages that could not be
    read, ascending. `urgent`: the process waits for us, so the threads that copy, the calling one included, come first (target/urgency.h)
    and stay so. Stops early, with an error, when *interrupted becomes other than 0. Errors: ERROR_OS (ESRCH: the process ended). */
struct error *copier_copy(struct copier *copier, pid_t tid, int memory, const copy_part_array *parts,
			  uint32_t page_size, int spool, bool urgent,
			  const volatile sig_atomic_t *interrupted,
			  copy_hole_array *holes_ret) _must_check_;

#endif
