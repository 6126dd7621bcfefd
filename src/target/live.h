/* SPDX-License-Identifier: MIT */
/*
 * A running process: everything that can be known before the stop, then the stop window.
 *
 * The first promise lives here: the target is stopped once, shortly, and runs on whatever happens to us. PTRACE_SEIZE leaves
 * no trace in a tracee whose tracer dies, so even SIGKILL resumes it; pending signals and group-stops are kept; no byte and no
 * register of the target is ever written. One thing shows in the target: a wait that Linux does not restart (epoll_wait, for one)
 * returns EINTR, as it does after SIGSTOP and SIGCONT.
 *
 * A process whose threads a debugger holds stopped is read without attaching. Then there is no pause of ours and no quiesce step, and threads
 * have of their registers what /proc shows (pc, sp, the system call); should the debugger let it run meanwhile, the capture fails.
 */
#ifndef HEAPSNAP_TARGET_LIVE_H
#define HEAPSNAP_TARGET_LIVE_H

#include "target/stopped.h"
#include "target/target.h"

struct live_options {
	/** Directory for the unlinked spool file, NULL for $TMPDIR or /tmp. */
	const char *spool_dir;
	/** Spool even when memory would do (tests). */
	bool force_spool;
	/** Threads that copy; 0 for as many as help. */
	unsigned copy_threads;
	/** Keep to what Linux before 6.7 says about pages (tests). */
	bool old_pagemap;
};

/** Opens a process without stopping it: mappings, files held open, auxv, name. Checks architecture and word size. Refuses what
    cannot be attached to, saying why (ERROR_OS with EPERM, ESRCH, or EBUSY for another tracer, and the remedy in the message; ERROR_UNSUPPORTED
    for another architecture, 32 bits, a kernel thread; ERROR_USAGE for a thread's number or our own). Owner: the caller. */
struct error *live_open(pid_t pid, struct target **ret) _must_check_;

/** The stop window: stops all threads, calls the step (NULL for none), re-reads the mappings, copies, detaches. Fills threads, image, capture
    and replaces mappings (and files, when new ones appeared) by those at the stop. On an error the process runs on and target is as it was.
    SIGINT, SIGTERM, SIGHUP and SIGQUIT end it: the process is let go at once, then the signal takes its course with us. The step is called in
    another thread than the caller's, which waits. May be called again, for a later image. */
struct error *live_capture(struct target *target, const struct live_options *options,
			   quiesce_step *step, void *context) _must_check_;

#endif
