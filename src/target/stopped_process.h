/* SPDX-License-Identifier: MIT */
/*
 * What stands behind target/stopped.h. Private to the live target.
 */
#ifndef HEAPSNAP_TARGET_STOPPED_PROCESS_H
#define HEAPSNAP_TARGET_STOPPED_PROCESS_H

#include <sys/types.h>

#include "target/stopped.h"
#include "target/tracees.h"

struct stopped {
	/** A thread that has the memory. */
	pid_t memory_tid;
	struct tracees *tracees;
	const mapping_array *mappings;
};

#endif
