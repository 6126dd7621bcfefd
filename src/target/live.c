/* SPDX-License-Identifier: MIT */
/*
 * The stop window, in the order in which it happens:
 *
 *   before   mappings and pages are read, the plan made, room for the copy reserved and faulted in (or a spool file opened), the copy
 *            threads started
 *   stop     a thread of its own, the tracer, stops all threads of the target; whatever happens to it, its end lets them go
 *            the quiesce step
 *            mappings and pages are read again, the plan made again; nearly all of it has its room already
 *            the copy
 *            the threads are let go
 *   after    files of new modules are opened, the image put together
 *
 * Nothing is taken over into the target structure before all of it has succeeded.
 */
#include "target/live.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "target/available.h"
#include "target/copy.h"
#include "target/files.h"
#include "target/pages.h"
#include "target/plan.h"
#include "target/proc.h"
#include "target/process.h"
#include "target/spool.h"
#include "target/stopped_process.h"
#include "target/store.h"
#include "target/tracees.h"
#include "target/urgency.h"

static const uint64_t MIB = UINT64_C(1) << 20, GIB = UINT64_C(1) << 30;

/* Before Linux 6.7, so much address space is asked about before the stop (3 s) and in it (20 ms). */
#define OLD_PAGEMAP_BEFORE (4096 * GIB)
#define OLD_PAGEMAP_STOPPED (32 * GIB)
/* Below this, waking other threads costs more than they save. */
#define COPY_ALONE (64 * MIB)
#define COPY_THREADS_MAX 4
/* A gap of untouched pages up to this size is not worth a segment of its own. */
#define UNTOUCHED_MIN (64 * 1024)
/* What a module keeps of its file in a writable mapping is filled in from the file up to this size. */
#define FILL_MAX (16 * MIB)

/* The signal that ended the window, 0 for none. There is one window at a time. */
static volatile sig_atomic_t interrupted;

static const int ending_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
enum { ENDING_SIGNALS = sizeof(ending_signals) / sizeof(ending_signals[0]) };

struct named_thread {
	pid_t tid;
	char name[16];
};

struct window {
	const struct target *target;
	struct process *process;
	const struct live_options *options;
	quiesce_step *step;
	void *context;
	/* A debugger holds the process; we only look. */
	bool held;

	/* Before the stop. */
	ARRAY(struct named_thread) names;
	mapping_array before;
	struct plan earlier;
	struct store store;
	int spool;
	struct copier *copier;

	/* The stop. */
	struct tracees tracees;
	mapping_array mappings;
	page_run_array pages;
	struct plan plan;
	copy_part_array parts;
	spool_group_array groups;
	copy_hole_array holes;
	struct capture capture;
	struct error *error;
};

static void window_deinit(struct window *window)
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

/* An execve() keeps the process and replaces everything in it: what was found out about the program is void then. */
static struct error *check_same_program(const struct window *window)
{
	const struct process *process = window->process;
	_cleanup_free_ char *bytes = NULL;
	size_t length, known = window->target->auxv.n * sizeof(uint64_t);

	if (!known)
		return NULL;
	if (!proc_read(process->proc, "auxv", &bytes, &length) || !length)
		return error_os(ESRCH, "it ended");
	if (length >= known && memcmp(bytes, window->target->auxv.v, known) == 0)
		return NULL;
	return error_create(ERROR_OS, "it has executed another program since it was opened; try again");
}

static struct error *mappings_read(const struct process *process, mapping_array *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t length;

	if (!proc_read(process->proc, "maps", &text, &length))
		return error_os(errno, "its mappings cannot be read");
	if (!length)
		return error_os(ESRCH, "it ended");
	return mappings_parse(text, length, ret);
}

static void auxv_read(const struct process *process, struct target *target)
{
	_cleanup_free_ char *bytes = NULL;
	size_t length;

	if (!proc_read(process->proc, "auxv", &bytes, &length))
		return;
	for (size_t at = 0; at + 2 * sizeof(uint64_t) <= length; at += 2 * sizeof(uint64_t)) {
		uint64_t pair[2];

		memcpy(pair, bytes + at, sizeof(pair));
		array_append(&target->auxv, pair[0]);
		array_append(&target->auxv, pair[1]);
		if (pair[0] == AT_NULL)
			break;
	}
}

/* The arguments, each ended by a NUL, as one line. */
static char *command_read(const struct process *process)
{
	char *text;
	size_t length;

	if (!proc_read(process->proc, "cmdline", &text, &length))
		return NULL;
	while (length && text[length - 1] == '\0')
		length--;
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	if (!length) {
		free(text);
		return NULL;
	}
	return text;
}

/* An error about «it», in words about the process. */
static struct error *explain(const struct process *process, struct error *error)
{
	bool held;

	if (!error)
		return NULL;
	if (error->code == ERROR_OS && error->errnum == ESRCH) {
		error_destroy(error);
		return process_refused(process, ESRCH);
	}
	if (error->code == ERROR_OS && (error->errnum == EPERM || error->errnum == EACCES)) {
		// Somebody else may have attached meanwhile.
		struct error *why = process_check_tracer(process, &held);

		if (!why)
			why = process_refused(process, error->errnum);
		error_destroy(error);
		return why;
	}
	return error_context(error, "process %d (%s)", process->pid, process->name);
}

/* Whether its memory may be read at all: what the stop needs, tried before it. Yama and capabilities decide this, not reading /proc. */
static struct error *check_readable(const struct process *process, const mapping_array *mappings)
{
	for (size_t i = 0; i < mappings->n; i++) {
		const struct mapping *mapping = &mappings->v[i];
		uint8_t byte;
		struct iovec local = { &byte, 1 }, remote = { (void *)(uintptr_t)mapping->start, 1 };

		if (mapping->prot & MAPPING_READ && mapping_is_private_anonymous(mapping))
			return process_vm_readv(process->memory_tid, &local, 1, &remote, 1, 0) < 0 && errno != EFAULT ?
				       process_refused(process, errno) :
				       NULL;
	}
	return NULL;
}

struct error *live_open(pid_t pid, struct target **ret)
{
	struct process *process;
	struct error *error = process_open(pid, &process);

	if (error)
		return error;

	_cleanup_target_ struct target *target = target_create(TARGET_LIVE);

	target->backend = process;
	target->backend_destroy = process_destroy;
	target->pid = pid;
	target->page_size = (uint32_t)sysconf(_SC_PAGESIZE);
#if defined(__aarch64__)
	target->machine = MACHINE_AARCH64;
#else
	target->machine = MACHINE_X86_64;
#endif

	_cleanup_close_ int exe = openat(process->proc, "exe", O_RDONLY | O_CLOEXEC);

	error = process_check_executable(process, exe);
	if (error)
		return error;

	bool held;

	error = process_check_tracer(process, &held);
	if (error)
		return error;
	error = explain(process, mappings_read(process, &target->mappings));
	if (error)
		return error;
	error = check_readable(process, &target->mappings);
	if (error)
		return error;

	char name[16];

	proc_thread_name(process->proc, pid, name);
	target->name = xstrdup(name);
	target->command = command_read(process);
	target->start_ticks = proc_start_ticks(process->proc);
	target->boot_id = proc_boot_id();
	auxv_read(process, target);
	files_open(target, process->proc, process->memory_tid, &process->keys, &target->mappings);
	target->exe_file = files_find_open(target, exe);
	target->exe_path = proc_link(process->proc, "exe");
	if (target->exe_path) {
		static const char deleted[] = " (deleted)";
		size_t length = strlen(target->exe_path), suffix = sizeof(deleted) - 1;

		if (length > suffix && strcmp(target->exe_path + length - suffix, deleted) == 0)
			target->exe_path[length - suffix] = '\0';
	}
	*ret = take_pointer(target);
	return NULL;
}

/* ---- before the stop ---- */

static unsigned processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* Decides where the copy goes, from the numbers. */
static struct error *room_find(struct window *window)
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
		char copy_text[TEXT_NUMBER_MAX], memory_text[TEXT_NUMBER_MAX], room_text[TEXT_NUMBER_MAX];
		struct error *error = error_create(
			ERROR_OS,
			"it has %s to copy; %s of memory are available, and %s has %s%s: name a directory with room (--spool DIR)",
			text_bytes(copy_text, bytes, false), text_bytes(memory_text, memory, false), directory,
			text_bytes(room_text, room, false),
			in_memory ? ", which is memory too" : "");

		error->errnum = ENOSPC;
		return error;
	}
	return spool_open(directory, &window->spool);
}

/* Touches what is swapped out while the target still runs, so that it need not wait for the disk later. */
static void swap_in(const struct window *window)
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
			struct iovec local = { scratch, size }, remote = { (void *)(uintptr_t)at, size };

			// A guard looks like a swapped page and cannot be read.
			if (process_vm_readv(window->process->memory_tid, &local, 1, &remote, 1, 0) < 0)
				break;
		}
	}
}

static void names_read(struct window *window)
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

static struct error *prepare(struct window *window)
{
	const struct process *process = window->process;
	page_run_array pages = { 0 };
	struct error *error = check_same_program(window);

	if (!error)
		error = mappings_read(process, &window->before);
	if (error)
		return error;
	files_assign(&process->keys, &window->before);
	error = pages_scan(process->pagemap, &window->before, window->target->page_size, window->options->old_pagemap, OLD_PAGEMAP_BEFORE,
			   &pages);
	if (error)
		return error;
	plan_make(window->target, &window->before, &pages, NULL, &window->earlier);
	array_deinit(&pages);

	error = room_find(window);
	if (error)
		return error;
	if (!plan_reserve(&window->earlier, &window->before, window->target->page_size, &window->store))
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

static struct error *mappings_again(struct window *window)
{
	mappings_deinit(&window->mappings);

	struct error *error = mappings_read(window->process, &window->mappings);

	if (!error)
		files_assign(&window->process->keys, &window->mappings);
	return error;
}

static struct error *copy(struct window *window)
{
	struct error *error = pages_scan(window->process->pagemap, &window->mappings, window->target->page_size,
					 window->options->old_pagemap, OLD_PAGEMAP_STOPPED, &window->pages);

	if (error)
		return error;
	plan_make(window->target, &window->mappings, &window->pages, &window->earlier, &window->plan);
	if (!plan_parts(&window->plan, &window->store, &window->parts))
		return error_os(ENOMEM, "no address space is left for the copy");
	if (window->spool >= 0)
		spool_place(&window->parts, &window->groups);

	uint64_t start = tracees_clock();

	error = copier_copy(window->copier, window->process->memory_tid, &window->parts, window->target->page_size, window->spool,
			    !window->held, &interrupted, &window->holes);
	window->capture.copy_ns = tracees_clock() - start;
	return error;
}

static struct error *quiesce(struct window *window)
{
	struct tracees *tracees = &window->tracees;
	struct stopped stopped = { window->process->memory_tid, tracees, &window->mappings };
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

static struct error *stop_and_copy(struct window *window)
{
	struct error *error = tracees_stop(&window->tracees);

	if (!error)
		error = check_same_program(window);
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
	struct window *window = argument;

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
static struct error *run_tracer(struct window *window)
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
static struct error *threads_look(struct window *window)
{
	const struct process *process = window->process;
	tid_array tids = { 0 };

	if (!proc_threads(process->proc, &tids))
		return error_os(errno, "its threads cannot be listed");
	for (size_t i = 0; i < tids.n; i++) {
		struct tracee tracee = { .state = TRACEE_STOPPED, .thread = { .tid = tids.v[i], .syscall = -1 } };
		struct thread *thread = &tracee.thread;

		proc_thread_syscall(process->proc, thread->tid, &thread->syscall, &thread->syscall_argument, &thread->sp, &thread->pc);
		array_append(&window->tracees.list, tracee);
	}
	array_deinit(&tids);
	return NULL;
}

/* The window without a stop: a debugger has done that. */
static struct error *look_and_copy(struct window *window)
{
	const struct process *process = window->process;
	uint64_t before = 0, after;

	window->capture.time = (int64_t)time(NULL);
	window->capture.held_by_debugger = true;
	interrupted = 0;

	bool held = process_held_switches(process, &before);
	struct error *error = check_same_program(window);

	if (!error)
		error = mappings_again(window);
	if (!error)
		error = threads_look(window);
	if (!error)
		error = copy(window);
	if (!error && (!held || !process_held_switches(process, &after) || before != after))
		error = error_create(ERROR_OS, "the debugger let it run while it was being copied; try again");
	return error;
}

/* ---- after it ---- */

/* Adds the planned runs in [start, end) that could be read. */
static void add_copied(struct image *image, const struct store *store, const copy_hole_array *holes, size_t *hole, vaddr start, vaddr end)
{
	while (start < end) {
		while (*hole < holes->n && holes->v[*hole].end <= start)
			++*hole;
		if (*hole < holes->n && holes->v[*hole].start <= start) {
			start = holes->v[*hole].end;
			continue;
		}

		const struct store_span *span = store_find(store, start);
		vaddr until = *hole < holes->n && holes->v[*hole].start < end ? holes->v[*hole].start : end;

		if (until > span->end)
			until = span->end;
		image_add_bytes(image, start, until - start, span->bytes + (start - span->start));
		start = until;
	}
}

/* Adds pages between the copied ones that were never touched: zero, in our memory too where there is room beside the others. */
static void add_untouched(struct image *image, const struct store *store, vaddr start, vaddr end)
{
	while (start < end) {
		const struct store_span *span = store_find(store, start);
		vaddr until = end;

		if (!span) {
			for (size_t i = 0; i < store->spans.n; i++)
				if (store->spans.v[i].start > start && store->spans.v[i].start < until)
					until = store->spans.v[i].start;
			image_add_untouched(image, start, until - start, NULL);
		} else {
			const uint8_t *bytes = span->bytes + (start - span->start);

			if (until > span->end)
				until = span->end;
			if (end - start < UNTOUCHED_MIN)
				image_add_bytes(image, start, until - start, bytes);
			else
				image_add_untouched(image, start, until - start, bytes);
		}
		start = until;
	}
}

/* Reads what lies between the copied pages of a module's data from its file, so that all of it is in memory. Where that fails, the image
   still has the file. */
static void add_filled(struct image *image, const struct store *store, const struct mapping *mapping, int fd, uint32_t page_size,
		       vaddr start, vaddr end)
{
	for (vaddr at = start; at < end;) {
		const struct store_span *span = store_find(store, at);

		if (!span)
			return;

		uint64_t size = (end < span->end ? end : span->end) - at;
		uint8_t *bytes = span->bytes + (at - span->start);
		ssize_t got = pread(fd, bytes, size, (off_t)(mapping->offset + (at - mapping->start)));

		if (got <= 0)
			return;

		// The rest of the page in which the file ends is zero in memory.
		uint64_t whole = ((uint64_t)got + page_size - 1) / page_size * page_size;

		memset(bytes + got, 0, whole - (uint64_t)got);
		image_add_bytes(image, at, whole, bytes);
		if (whole < size)
			return;
		at += size;
	}
}

static void image_build(const struct window *window, const struct target *target, struct image *image)
{
	const struct store *store = &window->store;
	const struct plan *plan = &window->plan;
	size_t at = 0, hole = 0;

	for (size_t i = 0; i < window->mappings.n; i++) {
		const struct mapping *mapping = &window->mappings.v[i];
		enum plan_kind kind = plan->kinds.v[i];
		int fd = mapping->file >= 0 ? target->files.v[mapping->file].fd : -1;
		bool fill = kind == PLAN_FILE && fd >= 0 && window->spool < 0 && mapping->end - mapping->start <= FILL_MAX;
		vaddr done = mapping->start;

		if (fd >= 0 && mapping->prot)
			image_add_file(image, mapping->start, mapping->end - mapping->start, fd, mapping->offset);
		for (;; at++) {
			bool more = at < plan->runs.n && plan->runs.v[at].start < mapping->end;
			vaddr next = more ? plan->runs.v[at].start : mapping->end;

			if (done < next && kind == PLAN_ANONYMOUS)
				add_untouched(image, store, done, next);
			if (done < next && fill)
				add_filled(image, store, mapping, fd, target->page_size, done, next);
			if (!more)
				break;
			done = plan->runs.v[at].end;
			add_copied(image, store, &window->holes, &hole, next, done);
		}
	}
	image_seal(image);
}

static void threads_take(struct window *window, struct target *target)
{
	size_t named = 0;

	target->threads.n = 0;
	for (size_t i = 0; i < window->tracees.list.n; i++) {
		struct tracee *tracee = &window->tracees.list.v[i];
		struct thread *thread = &tracee->thread;

		if (tracee->state == TRACEE_GONE)
			continue;
		if (tracee->state == TRACEE_IN_KERNEL)
			target_notice(target,
				      "thread %d could not be stopped: it waits in the kernel (system call %ld); its registers are not known",
				      (int)thread->tid, thread->syscall);
		// Both lists are in the order of /proc.
		for (size_t n = 0; n < window->names.n; n++) {
			const struct named_thread *known = &window->names.v[(named + n) % window->names.n];

			if (known->tid == thread->tid) {
				memcpy(thread->name, known->name, sizeof(thread->name));
				named += n + 1;
				break;
			}
		}
		if (!thread->name[0])
			proc_thread_name(window->process->proc, thread->tid, thread->name);
		array_append(&target->threads, *thread);
	}
}

static void notices_add(const struct window *window, struct target *target)
{
	char bytes[TEXT_NUMBER_MAX];
	uint64_t unknown = 0;

	if (window->plan.shared_left_out)
		target_notice(target, "%zu shared mappings with %s were not copied: they are larger than the private memory",
			      window->plan.shared_left_out, text_bytes(bytes, window->plan.shared_left_out_bytes, false));
	for (size_t i = 0; i < window->plan.unknown.n; i++)
		unknown += window->plan.unknown.v[i].end - window->plan.unknown.v[i].start;
	if (unknown)
		target_notice(target, "%zu mappings of %s were not copied: Linux before 6.7 cannot say quickly what is in them",
			      window->plan.unknown.n, text_bytes(bytes, unknown, false));
}

/* Everything has succeeded: the target structure gets it. */
static void commit(struct window *window, struct target *target)
{
	struct process *process = window->process;

	files_open(target, process->proc, process->memory_tid, &process->keys, &window->mappings);
	pages_count(&window->pages, &window->mappings);

	image_deinit(&target->image);
	store_deinit(&process->store);
	if (process->spool >= 0)
		close(process->spool);
	image_init(&target->image);
	image_build(window, target, &target->image);
	store_seal(&window->store);

	process->store.spans.v = window->store.spans.v;
	process->store.spans.n = window->store.spans.n;
	process->store.spans.capacity = window->store.spans.capacity;
	memset(&window->store, 0, sizeof(window->store));
	process->spool = take_fd(&window->spool);

	threads_take(window, target);
	notices_add(window, target);
	window->capture.bytes = window->plan.bytes;
	for (size_t i = 0; i < window->holes.n; i++)
		window->capture.bytes -= window->holes.v[i].end - window->holes.v[i].start;
	window->capture.spooled = process->spool >= 0;
	target->capture = window->capture;

	mappings_deinit(&target->mappings);
	target->mappings.v = window->mappings.v;
	target->mappings.n = window->mappings.n;
	target->mappings.capacity = window->mappings.capacity;
	memset(&window->mappings, 0, sizeof(window->mappings));
}

static struct error *capture(struct window *window, struct target *target)
{
	struct error *error = process_check_tracer(window->process, &window->held);

	if (error)
		return error;
	error = explain(window->process, prepare(window));
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
	if (error)
		return explain(window->process, error);
	commit(window, target);
	return NULL;
}

struct error *live_capture(struct target *target, const struct live_options *options, quiesce_step *step, void *context)
{
	struct process *process = target->backend;
	struct window window = {
		.target = target,
		.process = process,
		.options = options,
		.step = step,
		.context = context,
		.spool = -1,
		.tracees = { .pid = process->pid, .proc = process->proc, .interrupted = &interrupted },
	};
	struct error *error = capture(&window, target);

	window_deinit(&window);
	return error;
}
