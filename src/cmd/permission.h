/* SPDX-License-Identifier: MIT */
/*
 * May this process be attached to, and if not, what forbids it?
 *
 * The kernel is asked by opening /proc/PID/mem, which takes exactly the right that attaching takes and disturbs nobody; everything else here
 * explains its answer. Source: ptrace(2) «Ptrace access mode checking», Linux 6.1 kernel/ptrace.c __ptrace_may_access().
 */
#ifndef HEAPSNAP_CMD_PERMISSION_H
#define HEAPSNAP_CMD_PERMISSION_H

#include <stdbool.h>
#include <sys/types.h>

#include "cmd/diagnosis.h"

/** Adds what is to be said of the process, of the right to attach and of its tracer. False when it cannot be attached to (or is not there). */
bool permission_diagnose(pid_t pid, struct diagnoses *diagnoses);

#endif
