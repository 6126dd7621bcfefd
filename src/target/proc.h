/* SPDX-License-Identifier: MIT */
/*
 * What /proc says about one process, read through a descriptor of its directory.
 *
 * The descriptor stays with that very process: when it ends and its number is given to another one, reads fail with ESRCH and never
 * answer for a stranger. Names are relative to the directory («maps», «task/17/status»). Source: proc(5).
 */
#ifndef HEAPSNAP_TARGET_PROC_H
#define HEAPSNAP_TARGET_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/error.h"

/** From /proc/PID/status or /proc/PID/task/TID/status. */
struct proc_status {
	/** As the kernel writes it: control characters, backslashes and spaces may be escaped. */
	char name[64];
	/** R running, S sleeping, D uninterruptible, T stopped, t held by a tracer, Z zombie, X dead; 0 when the line is missing. */
	char state;
	pid_t tgid;
	/** 0 when nobody traces it. */
	pid_t tracer;
	/** Real, effective, saved and file-system user. */
	uid_t uids[4];
	/** It has memory of its own: neither a kernel thread nor a zombie. */
	bool has_memory;
	/** Voluntary and involuntary context switches: the same number twice means that it did not run in between. */
	uint64_t switches;
	/** Effective capabilities. */
	uint64_t capabilities;
	/** How many PID namespaces deep it is below ours; 0 for the same. */
	unsigned namespaces_below;
};

typedef ARRAY(pid_t) tid_array;

/** Opens /proc/PID; -1 and errno when it is not there. Owner: the caller. */
int proc_open(pid_t pid);

/** Reads a whole file, with a NUL behind it; false and errno on failure. Owner: the caller. */
bool proc_read(int proc, const char *name, char **text_ret, size_t *length_ret);

/** Where a symbolic link points; NULL and errno on failure. Owner: the caller. */
char *proc_link(int proc, const char *name);

/** Reads a status file; false and errno on failure. */
bool proc_status(int proc, const char *name, struct proc_status *ret);

/** When the process began, in clock ticks since the machine did; 0 when it cannot be read. A number is given to a process again, but not with this. */
uint64_t proc_start_ticks(int proc);

/** Which start of the machine that was: /proc/sys/kernel/random/boot_id, NULL when there is none. Owner: the caller. */
char *proc_boot_id(void);

/** The threads of the process, ascending or not; false and errno on failure. Owner: the caller, array_deinit(). */
bool proc_threads(int proc, tid_array *ret);

/** The comm of a thread, into 16 bytes; empty when it is gone. */
void proc_thread_name(int proc, pid_t tid, char name[16]);

/** What a thread that does not run shows in /proc: the system call it waits in (-1: none) with its first argument, stack pointer and
    program counter. False when it runs, or when the kernel does not say. */
bool proc_thread_syscall(int proc, pid_t tid, long *number_ret, uint64_t *argument_ret,
			 uint64_t *sp_ret, uint64_t *pc_ret);

#endif
