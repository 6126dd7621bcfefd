/* SPDX-License-Identifier: MIT */
/*
 * What stands behind target/stopped.h. Private to the live target.
 */
#ifndef HEAPSNAP_TARGET_STOPPED_PROCESS_H
#define HEAPSNAP_TARGET_STOPPED_PROCESS_H

#include "target/stopped.h"
#include "target/tracees.h"

struct stopped {
	/** Open /proc/PID/mem, where reading never waits. Borrowed. */
	int memory;
	struct tracees *tracees;
	const mapping_array *mappings;
};

#endif
