/* SPDX-License-Identifier: MIT */
/*
 * The threads of a process that we stop: seize, interrupt, wait, let go.
 *
 * Private to the live target, and the one file that uses ptrace. All functions are called by one and the same thread of ours, the tracer. When it
 * ends, for whatever reason, the kernel lets go of every thread: that is how those are released that could not be stopped.
 *
 * What keeps the target unharmed, wherever we are killed (Linux 6.18 kernel/ptrace.c, kernel/signal.c):
 *   – PTRACE_SEIZE without options sends no signal and sets nothing that would outlive us.
 *   – PTRACE_INTERRUPT stops a thread before its next user instruction, ahead of any pending signal, which stays pending.
 *   – A thread that had a signal in hand just then is sent on with that signal at once and stops behind it. Stops are looked at with
 *     WNOWAIT, since a stop that was waited for loses its signal when the tracer dies.
 *   – A group-stop is kept by the kernel across our detach.
 *   – Nothing is single-stepped (target/stopped.h).
 * A wait that the kernel does not restart (epoll_wait, nanosleep with a handler, …) ends with EINTR, as with any debugger and as after
 * SIGSTOP and SIGCONT: signal(7).
 */
#ifndef HEAPSNAP_TARGET_TRACEES_H
#define HEAPSNAP_TARGET_TRACEES_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/error.h"
#include "target/target.h"

enum tracee_state {
	/** Asked to stop. */
	TRACEE_ASKED,
	/** It stands still, and its registers were read. */
	TRACEE_STOPPED,
	/** It sits in the kernel, which does not let it be interrupted (a vfork parent, a dead disk, a frozen container), and stops before
	    it executes anything of its own again. */
	TRACEE_IN_KERNEL,
	/** It exited. */
	TRACEE_GONE,
};

struct tracee {
	enum tracee_state state;
	bool has_run;
	struct thread thread;
};

struct tracees {
	pid_t pid;
	/** Directory of the process in /proc; borrowed. */
	int proc;
	/** Nonzero when a signal told us to end; borrowed. */
	const volatile sig_atomic_t *interrupted;
	/** In the order in which they were found. */
	ARRAY(struct tracee) list;
	/** How many of them are not gone. */
	size_t alive;
	/** CLOCK_MONOTONIC of the first interrupt; 0 before. Units: ns. */
	uint64_t started;
	/** How often a thread was let run for a moment. */
	uint64_t runs;
	/** Why a thread that was let run does not stand still now; NULL when all do. Owned. */
	struct error *failed;
};

/** Nanoseconds of CLOCK_MONOTONIC. */
uint64_t tracees_clock(void);

/** Stops every thread, those included that are started meanwhile. On an error some may be stopped: tracees_release(). */
struct error *tracees_stop(struct tracees *tracees) _must_check_;

/** Lets one thread run for a moment and stops it again, with any thread it started. False when it cannot run, and after a failure. */
bool tracees_run(struct tracees *tracees, size_t index, unsigned microseconds);

/** Lets all stopped threads go on. What is left (asked and not stopped, in the kernel) goes when the tracer thread ends. */
void tracees_release(struct tracees *tracees);

/** Frees what is owned. */
void tracees_deinit(struct tracees *tracees);

#endif
