/* SPDX-License-Identifier: MIT */
/*
 * Exit statuses. They are part of the command line (heapsnap(1)): scripts and CI act on them.
 */
#ifndef HEAPSNAP_CMD_STATUS_H
#define HEAPSNAP_CMD_STATUS_H

enum status {
	STATUS_DONE = 0,
	/** Done, and something was found (leaks, a threshold). */
	STATUS_FOUND = 1,
	STATUS_USAGE = 2,
	/** The target could not be read, or the output not written. */
	STATUS_UNREADABLE = 3,
	/** Another allocator, another architecture: nothing can be listed. */
	STATUS_UNSUPPORTED = 4,
	/** Printed, but partial, or the heap is inconsistent. */
	STATUS_PARTIAL = 5,
};

#endif
