/* SPDX-License-Identifier: MIT */
/*
 * In the order in which it happens:
 *
 *   before   mappings and pages are read, the plan made, room for the copy reserved and faulted in (or a spool file opened), the copy
 *            threads started
 *   stop     a thread of its own, the tracer, stops all threads of the target; whatever happens to it, its end lets them go
 *            the quiesce step
 *            mappings and pages are read again, the plan made again; nearly all of it has its room already
 *            the copy
 *            the threads are let go
 *   after    the spool file is mapped
 */
#include "target/standstill.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "target/available.h"
#include "target/files.h"
#include "target/proc.h"
#include "target/stopped_process.h"
#include "target/urgency.h"

static const uint64_t MIB = UINT64_C(1) << 20, GIB = UINT64_C(1) << 30;

/* Before Linux 6.7, so much address space is asked about before the stop (3 s) and in it (20 ms). */
#define OLD_PAGEMAP_BEFORE (4096 * GIB)
#define OLD_PAGEMAP_STOPPED (32 * GIB)
/* Below this, waking other threads costs more than they save. */
#define COPY_ALONE (64 * MIB)
#define COPY_THREADS_MAX 4

/* The signal that ended the window, 0 for none. There is one window at a time. */
static volatile sig_atomic_t interrupted;

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
enum { ENDING_SIGNALS = sizeof(ending_signals) / sizeof(ending_signals[0]) };

void standstill_init(struct standstill *window, const struct target *target,
		     struct process *process, const struct live_options *options,
		     quiesce_step *step, void *context)
{
	memset(window, 0, sizeof(*window));
	window->target = target;
	window->process = process;
	window->options = options;
	window->step = step;
	window->context = context;
	window->spool = -1;
	window->tracees.pid = process->pid;
	window->tracees.proc = process->proc;
	window->tracees.interrupted = &interrupted;
}

void standstill_deinit(struct standstill *window)
{
	copier_destroy(window->copier);
	array_deinit(&window->names);
	mappings_deinit(&window->before);
	plan_deinit(&window->earlier);
	store_deinit(&window->store);
	if (window->spool >= 0)
		close(window->spool);
	tracees_deinit(&window->tracees);
	mappings_deinit(&window->mappings);
	array_deinit(&window->pages);
	plan_deinit(&window->plan);
	array_deinit(&window->parts);
	array_deinit(&window->groups);
	array_deinit(&window->holes);
	error_destroy(window->error);
}

/* ---- before the stop ---- */

static unsigned processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* Decides where the copy goes, from the numbers. */
static struct error *room_find(struct standstill *window)
{
	uint64_t bytes = window->earlier.bytes, memory = available_memory();
	// What is computed from the copy needs memory of its own, and the target may grow until it stands still.
	uint64_t needed = bytes + bytes / 4 + 64 * MIB;

	if (!window->options->force_spool && needed <= memory)
		return NULL;

	const char *directory = window->options->spool_dir;

	if (!directory)
		directory = getenv("TMPDIR");
	if (!directory || !*directory)
		directory = "/tmp";

	uint64_t room;
	bool in_memory;

	if (!available_room(directory, &room, &in_memory))
		return error_os(errno, "the spool directory %s cannot be used", directory);
	needed = bytes + bytes / 64 + 16 * MIB;
	if (needed > room || (in_memory && !window->options->force_spool)) {
		char copy_text[TEXT_NUMBER_MAX], memory_text[TEXT_NUMBER_MAX],
			room_text[TEXT_NUMBER_MAX];
		struct error *error = error_create(
			ERROR_OS,
			"it has %s to copy; %s of memory are available, and %s has %s%s: name a "
			"directory with room (--spool DIR)",
			text_bytes(copy_text, bytes, false), text_bytes(memory_text, memory, false),
			directory, text_bytes(room_text, room, false),
			in_memory ? ", which is memory too" : "");

		error->errnum = ENOSPC;
		return error;
	}
	return spool_open(directory, &window->spool);
}

/* Touches what is swapped out while the target still runs, so that it need not wait for the disk later. */
static void swap_in(const struct standstill *window)
{
	enum { SCRATCH = 1 << 20 };
	_cleanup_free_ uint8_t *scratch = NULL;

	for (size_t i = 0; i < window->earlier.runs.n; i++) {
		const struct page_run *run = &window->earlier.runs.v[i];

		if (!(run->kind & PAGE_SWAPPED))
			continue;
		if (!scratch)
			scratch = xmalloc(SCRATCH);
		for (vaddr at = run->start; at < run->end; at += SCRATCH) {
			uint64_t size = run->end - at < SCRATCH ? run->end - at : SCRATCH;

			// A guard looks like a swapped page and cannot be read.
			if (pread(window->process->memory, scratch, size, (off_t)at) <= 0)
				break;
		}
	}
}

static void names_read(struct standstill *window)
{
	tid_array tids = { 0 };

	if (!proc_threads(window->process->proc, &tids))
		return;
	for (size_t i = 0; i < tids.n; i++) {
		struct named_thread *thread = array_push(&window->names);

		thread->tid = tids.v[i];
		proc_thread_name(window->process->proc, tids.v[i], thread->name);
	}
	array_deinit(&tids);
}

static struct error *prepare(struct standstill *window)
{
	const struct process *process = window->process;
	page_run_array pages = { 0 };
	struct error *error = process_check_program(window->process, window->target);

	if (!error)
		error = process_mappings(process, &window->before);
	if (error)
		return error;
	files_assign(&process->keys, &window->before);
	error = pages_scan(process->pagemap, &window->before, window->target->page_size,
			   window->options->old_pagemap, OLD_PAGEMAP_BEFORE, &pages);
	if (error)
		return error;
	plan_make(window->target, &window->before, &pages, NULL, &window->earlier);
	array_deinit(&pages);

	error = room_find(window);
	if (error)
		return error;
	if (!plan_reserve(&window->earlier, &window->before, window->target->page_size,
			  &window->store))
		return error_os(ENOMEM, "no address space is left for the copy");

	unsigned threads = window->options->copy_threads;

	if (!threads) {
		threads = window->earlier.bytes > COPY_ALONE ? processors() : 1;
		if (threads > COPY_THREADS_MAX)
			threads = COPY_THREADS_MAX;
	}
	window->copier = copier_create(threads);
	if (window->spool < 0) {
		copy_part_array parts = { 0 };

		if (!plan_parts(&window->earlier, &window->store, &parts))
			return error_os(ENOMEM, "no address space is left for the copy");
		// Fewer page faults now and fewer TLB misses when the graph is walked; the copy itself is as fast without.
		for (size_t i = 0; i < parts.n; i++)
			if (parts.v[i].size == COPY_PART_MAX)
				(void)madvise(parts.v[i].to, parts.v[i].size, MADV_HUGEPAGE);
		copier_prefault(window->copier, &parts);
		array_deinit(&parts);
	}
	swap_in(window);
	names_read(window);
	return NULL;
}

/* ---- while the target stands still ---- */

static struct error *mappings_again(struct standstill *window)
{
	mappings_deinit(&window->mappings);

	struct error *error = process_mappings(window->process, &window->mappings);

	if (!error)
		files_assign(&window->process->keys, &window->mappings);
	return error;
}

static struct error *copy(struct standstill *window)
{
	struct error *error = pages_scan(window->process->pagemap, &window->mappings,
					 window->target->page_size, window->options->old_pagemap,
					 OLD_PAGEMAP_STOPPED, &window->pages);

	if (error)
		return error;
	plan_make(window->target, &window->mappings, &window->pages, &window->earlier,
		  &window->plan);
	if (!plan_parts(&window->plan, &window->store, &window->parts))
		return error_os(ENOMEM, "no address space is left for the copy");
	if (window->spool >= 0)
		spool_place(&window->parts, &window->groups);

	uint64_t start = tracees_clock();

	error = copier_copy(window->copier, window->process->memory_tid,
			    window->process->memory, &window->parts, window->target->page_size,
			    window->spool, !window->held, &interrupted,
			    &window->holes);
	window->capture.copy_ns = tracees_clock() - start;
	return error;
}

static struct error *quiesce(struct standstill *window)
{
	struct tracees *tracees = &window->tracees;
	struct stopped stopped = { window->process->memory, tracees, &window->mappings };
	uint64_t start = tracees_clock();

	if (!window->step)
		return NULL;

	struct error *error = window->step(&stopped, window->context);

	window->capture.quiesce_ns = tracees_clock() - start;
	if (!error && tracees->failed) {
		error = tracees->failed;
		tracees->failed = NULL;
	}
	window->capture.steps = tracees->runs;
	for (size_t i = 0; i < tracees->list.n; i++)
		window->capture.threads_stepped += tracees->list.v[i].has_run;
	// A thread that ran may have mapped something.
	return !error && tracees->runs ? mappings_again(window) : error;
}

static struct error *stop_and_copy(struct standstill *window)
{
	struct error *error = tracees_stop(&window->tracees);

	if (!error)
		error = process_check_program(window->process, window->target);
	if (!error)
		error = mappings_again(window);
	if (!error)
		error = quiesce(window);
	if (!error)
		error = copy(window);
	return error;
}

static void *tracer_main(void *argument)
{
	struct standstill *window = argument;

	urgency_trace();
	window->capture.time = (int64_t)time(NULL);
	window->error = stop_and_copy(window);
	urgency_trace();
	tracees_release(&window->tracees);
	if (window->tracees.started)
		window->capture.pause_ns = tracees_clock() - window->tracees.started;
	return NULL;
}

static void remember_signal(int number)
{
	interrupted = number;
}

/* Runs the tracer, with the signals that end us held off until the target runs again. */
static struct error *run_tracer(struct standstill *window)
{
	struct sigaction action = { .sa_handler = remember_signal }, saved[ENDING_SIGNALS];
	pthread_t tracer;

	interrupted = 0;
	for (size_t i = 0; i < ENDING_SIGNALS; i++) {
		sigaction(ending_signals[i], NULL, &saved[i]);
		// What is ignored (nohup) stays so.
		if (saved[i].sa_handler != SIG_IGN)
			sigaction(ending_signals[i], &action, NULL);
	}

	int errnum = pthread_create(&tracer, NULL, tracer_main, window);

	if (!errnum)
		pthread_join(tracer, NULL);
	for (size_t i = 0; i < ENDING_SIGNALS; i++)
		sigaction(ending_signals[i], &saved[i], NULL);
	if (interrupted)
		raise(interrupted);
	if (errnum)
		return error_os(errnum, "a thread cannot be started");
	return NULL;
}

/* What /proc shows of the threads of a process that is held by a debugger. */
static struct error *threads_look(struct standstill *window)
{
	const struct process *process = window->process;
	tid_array tids = { 0 };

	if (!proc_threads(process->proc, &tids))
		return error_os(errno, "its threads cannot be listed");
	for (size_t i = 0; i < tids.n; i++) {
		struct tracee tracee = { .state = TRACEE_STOPPED,
					 .thread = { .tid = tids.v[i], .syscall = -1 } };
		struct thread *thread = &tracee.thread;

		proc_thread_syscall(process->proc, thread->tid, &thread->syscall,
				    &thread->syscall_argument, &thread->sp, &thread->pc);
		array_append(&window->tracees.list, tracee);
	}
	array_deinit(&tids);
	return NULL;
}

/* The window without a stop: a debugger has done that. */
static struct error *look_and_copy(struct standstill *window)
{
	const struct process *process = window->process;
	uint64_t before = 0, after;

	window->capture.time = (int64_t)time(NULL);
	window->capture.held_by_debugger = true;
	interrupted = 0;

	bool held = process_held_switches(process, &before);
	struct error *error = process_check_program(window->process, window->target);

	if (!error)
		error = mappings_again(window);
	if (!error)
		error = threads_look(window);
	if (!error)
		error = copy(window);
	if (!error && (!held || !process_held_switches(process, &after) || before != after))
		error = error_create(
			ERROR_OS, "the debugger let it run while it was being copied; try again");
	return error;
}

struct error *standstill_run(struct standstill *window)
{
	struct error *error = process_check_tracer(window->process, &window->held);

	if (error)
		return error;
	error = process_explain(window->process, prepare(window));
	if (error)
		return error;
	if (window->held) {
		error = look_and_copy(window);
	} else {
		error = run_tracer(window);
		if (!error) {
			error = window->error;
			window->error = NULL;
		}
	}
	copier_destroy(window->copier);
	window->copier = NULL;
	if (!error && window->spool >= 0)
		error = spool_map(window->spool, &window->groups, &window->store);
	return process_explain(window->process, error);
}
