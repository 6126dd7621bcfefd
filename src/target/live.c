/* SPDX-License-Identifier: MIT */
#include "target/live.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "target/assemble.h"
#include "target/files.h"
#include "target/pages.h"
#include "target/proc.h"
#include "target/process.h"
#include "target/standstill.h"

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

/* Opens its memory, which takes the same right as stopping it. */
static struct error *memory_open(struct process *process)
{
	process->memory = openat(process->proc, "mem", O_RDONLY | O_CLOEXEC);
	return process->memory < 0 ? process_refused(process, errno) : NULL;
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
	error = process_explain(process, process_mappings(process, &target->mappings));
	if (error)
		return error;
	error = memory_open(process);
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

static void threads_take(struct standstill *window, struct target *target)
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
				      "thread %d could not be stopped: it waits in the kernel "
				      "(system call %ld); its registers are not known",
				      (int)thread->tid, thread->syscall);
		// Both lists are in the order of /proc.
		for (size_t n = 0; n < window->names.n; n++) {
			const struct named_thread *known =
				&window->names.v[(named + n) % window->names.n];

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

static void notices_add(const struct standstill *window, struct target *target)
{
	char bytes[TEXT_NUMBER_MAX];
	uint64_t unknown = 0;

	if (window->plan.shared_left_out)
		target_notice(target,
			      "shared mappings that were not copied: %zu with %s; they are larger "
			      "than the private memory",
			      window->plan.shared_left_out,
			      text_bytes(bytes, window->plan.shared_left_out_bytes, false));
	for (size_t i = 0; i < window->plan.unknown.n; i++)
		unknown += window->plan.unknown.v[i].end - window->plan.unknown.v[i].start;
	if (unknown)
		target_notice(target,
			      "mappings that were not copied: %zu of %s; Linux before 6.7 cannot "
			      "say quickly what is in them",
			      window->plan.unknown.n, text_bytes(bytes, unknown, false));
}

/* Everything has succeeded: the target structure gets it. */
static void commit(struct standstill *window, struct target *target)
{
	struct process *process = window->process;

	files_open(target, process->proc, process->memory_tid, &process->keys, &window->mappings);
	pages_count(&window->pages, &window->mappings);

	image_deinit(&target->image);
	store_deinit(&process->store);
	if (process->spool >= 0)
		close(process->spool);
	image_init(&target->image);
	assemble_image(target, &window->mappings, &window->plan, &window->holes, &window->store,
		       window->spool < 0, &target->image);
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

struct error *live_capture(struct target *target, const struct live_options *options,
			   quiesce_step *step, void *context)
{
	struct standstill standstill;

	standstill_init(&standstill, target, target->backend, options, step, context);

	struct error *error = standstill_run(&standstill);

	if (!error)
		commit(&standstill, target);
	standstill_deinit(&standstill);
	return error;
}
