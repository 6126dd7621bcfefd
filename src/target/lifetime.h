/* SPDX-License-Identifier: MIT */
/*
 * How long a process lasts: for those that look at it again and again. It is that very process, whatever becomes of its number.
 */
#ifndef HEAPSNAP_TARGET_LIFETIME_H
#define HEAPSNAP_TARGET_LIFETIME_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"

struct lifetime {
	/** Its directory of /proc; and a descriptor that becomes readable when it ends, -1 before Linux 5.3. Owned. */
	int proc, end;
};

/** Begins to follow a process. Owner: the caller, lifetime_deinit(). Errors: ERROR_OS when there is none of that number. */
struct error *lifetime_init(struct lifetime *lifetime, pid_t pid) _must_check_;

/** Ends it. */
void lifetime_deinit(struct lifetime *lifetime);

/** True when the process has ended, be it that its parent has not heard of it yet. */
bool lifetime_is_over(const struct lifetime *lifetime);

/** The name of the process as the kernel shows it; NULL when it has ended. Owner: the caller. */
char *lifetime_name(const struct lifetime *lifetime);

/** Sleeps until the process ends, until a signal comes that the mask lets through, or until a time of CLOCK_MONOTONIC. */
void lifetime_wait(const struct lifetime *lifetime, const struct timespec *until,
		   const sigset_t *mask);

#endif
