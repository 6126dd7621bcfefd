/* SPDX-License-Identifier: MIT */
/*
 * The running process behind a live target: who it is, whether it can be read, and if not, why and what helps.
 *
 * Private to the live target; it hangs in target.backend.
 */
#ifndef HEAPSNAP_TARGET_PROCESS_H
#define HEAPSNAP_TARGET_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/error.h"
#include "target/files.h"
#include "target/proc.h"
#include "target/store.h"
#include "target/target.h"

struct process {
	/** As the user named it: the thread group. */
	pid_t pid;
	/** A thread that still has the memory: pid, unless the main thread has exited before the others. */
	pid_t memory_tid;
	/** Directory of memory_tid in /proc; owned. */
	int proc;
	/** Open /proc/PID/pagemap; owned. */
	int pagemap;
	/** Open /proc/PID/mem; owned. Reading there never waits for a userfaultfd. -1 until live_open() has got that far. */
	int memory;
	/** Comm of the process, escaped for messages; owned. */
	char *name;
	/** What the target's files are known by; same indices as target.files. */
	file_key_array keys;
	/** The captured bytes, and the file they were spooled to (-1: none). */
	struct store store;
	int spool;
};

/** Finds out who a process is and opens what is needed of /proc. Errors: those that live_open() documents. Owner: the caller. */
struct error *process_open(pid_t pid, struct process **ret) _must_check_;

/** Closes it; NULL is accepted. Fits target.backend_destroy. */
void process_destroy(void *process);

/** NULL when the executable is one for this machine: else ERROR_UNSUPPORTED with the architecture by name. The file is open for reading, or
    -1 with errno, which is explained. */
struct error *process_check_executable(const struct process *process, int exe) _must_check_;

/** Why an access was refused (EPERM, EACCES) and what helps: user, capability, Yama, container. Other errno values are passed on. */
struct error *process_refused(const struct process *process, int errnum) _must_check_;

/** Whether a tracer holds every thread stopped (true through held_ret), or nobody traces it (false). Errors: a tracer that lets it run is named. */
struct error *process_check_tracer(const struct process *process, bool *held_ret) _must_check_;

/** An error about «it», in words about the process by number and name; a refusal with what helps. Takes the error; NULL stays NULL. */
struct error *process_explain(const struct process *process, struct error *error) _must_check_;

/** Its mappings now, `file` not set. Owner: the caller, mappings_deinit(). Errors: about «it» (process_explain()). */
struct error *process_mappings(const struct process *process, mapping_array *ret) _must_check_;

/** NULL while it executes the program whose auxv the target has: execve() keeps the process and replaces everything in it. Errors: about «it». */
struct error *process_check_program(const struct process *process,
				    const struct target *target) _must_check_;

/** The sum of the context switches of all threads, to see that nothing ran in between; false when it cannot be read or a thread is not held
    by a tracer. */
bool process_held_switches(const struct process *process, uint64_t *ret);

#endif
