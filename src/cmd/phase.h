/* SPDX-License-Identifier: MIT */
/*
 * Phases: how long each step of a command took, told on stderr with -v.
 */
#ifndef HEAPSNAP_CMD_PHASE_H
#define HEAPSNAP_CMD_PHASE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct phase {
	/** Whether anything is told. */
	bool is_told;
	/** When it began, by the clock on the wall and by our CPU time. */
	struct timespec wall, cpu;
};

/** Begins the first phase. */
struct phase phase_start(bool is_told);

/** Ends a phase, whose name is told with its times, and begins the next. */
void phase_next(struct phase *phase, const char *name);

/** Tells the most memory that heapsnap had in use. */
void phase_tell_peak(const struct phase *phase);

/** Nanoseconds that a clock went on since start. */
uint64_t nanoseconds_since(clockid_t clock, const struct timespec *start);

#endif
