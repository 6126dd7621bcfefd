/* SPDX-License-Identifier: MIT */
#include "glibc/inside.h"

#include <stdlib.h>
#include <sys/syscall.h>

#include "heap/chunks.h"

enum {
	/** Arenas that are looked at; more than any machine's default limit (8 per core). */
	ARENAS_MAX = 4096,
	/** Frames from the top in which malloc is looked for: its deepest callees are three or four below it. */
	FRAMES_MAX = 12,
	/** Frames in all that are looked at where time does not matter. */
	ALL_FRAMES_MAX = 4096,
};

bool inside_code(const struct glibc *glibc, vaddr pc)
{
	for (size_t i = 0; i < glibc->instances.n; i++) {
		const struct instance *instance = &glibc->instances.v[i];

		if (pc - instance->code_start < instance->code_end - instance->code_start)
			return true;
	}
	return false;
}

static bool in_module(const struct glibc *glibc, vaddr pc)
{
	for (size_t i = 0; i < glibc->instances.n; i++) {
		const struct instance *instance = &glibc->instances.v[i];

		if (pc - instance->module_start < instance->module_end - instance->module_start)
			return true;
	}
	return false;
}

/* The arenas' locks, by following `next` from each main_arena. */
static void locks_collect(struct inside *inside)
{
	for (size_t i = 0; i < inside->glibc->instances.n; i++) {
		const struct instance *instance = &inside->glibc->instances.v[i];
		vaddr arena = instance->main_arena;

		for (size_t n = 0; n < ARENAS_MAX; n++) {
			array_append(&inside->locks, arena + instance->layout.arena.mutex);
			if (!inside->read(inside->context, arena + instance->layout.arena.next, &arena, sizeof(arena)) ||
			    arena == instance->main_arena || arena % CHUNK_ALIGN)
				break;
		}
	}
}

void inside_init(struct inside *inside, const struct glibc *glibc, const mapping_array *mappings, frames_read *read, void *context)
{
	*inside = (struct inside){ .glibc = glibc, .read = read, .context = context };
	inside->unwinder = unwinder_create(mappings, read, context);
	locks_collect(inside);
}

void inside_deinit(struct inside *inside)
{
	unwinder_destroy(inside->unwinder);
	array_deinit(&inside->locks);
}

bool inside_any_lock_held(const struct inside *inside)
{
	for (size_t i = 0; i < inside->locks.n; i++) {
		uint32_t value;

		if (inside->read(inside->context, inside->locks.v[i], &value, sizeof(value)) && value)
			return true;
	}
	return false;
}

static bool is_lock(const struct inside *inside, vaddr address)
{
	for (size_t i = 0; i < inside->locks.n; i++)
		if (inside->locks.v[i] == address)
			return true;
	return false;
}

bool inside_waits(const struct inside *inside, const struct thread *thread)
{
	if (thread->syscall == SYS_futex)
		return is_lock(inside, thread->syscall_argument);
#if defined(__x86_64__)
	enum { RAX = 0, RDI = 5 };
	uint8_t code[2];

	return thread->registers[RAX] == SYS_futex && is_lock(inside, thread->registers[RDI]) &&
	       inside->read(inside->context, thread->pc, code, sizeof(code)) && code[0] == 0x0f && code[1] == 0x05;
#else
	uint32_t code;

	return thread->registers[8] == SYS_futex && is_lock(inside, thread->registers[0]) &&
	       inside->read(inside->context, thread->pc, &code, sizeof(code)) && code == 0xd4000001; // svc #0
#endif
}

/* System calls that malloc makes with its books open: only below these can a thread in the kernel be inside it. (It also reads some settings,
   once, before it has any books; asking every thread that waits in read() would cost pause for nothing.) */
static bool malloc_calls(long syscall)
{
	switch (syscall) {
	case SYS_brk:
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mremap:
	case SYS_madvise:
	case SYS_mprotect:
	case SYS_futex:
		return true;
	default:
		return false;
	}
}

/* The stack pointer above the outermost malloc frame of a thread; 0 when it has no such frame, VADDR_NONE when it has one but nothing above
   it could be unwound. */
static vaddr malloc_frame_end(const struct inside *inside, const struct thread *thread)
{
	frame_array frames = { 0 };
	bool complete;
	vaddr end = 0;

	unwinder_walk(inside->unwinder, thread, FRAMES_MAX, &frames, &complete);
	for (size_t i = 0; i < frames.n; i++)
		if (inside_code(inside->glibc, frames.v[i].pc - (i && !frames.v[i].interrupted)))
			end = i + 1 < frames.n ? frames.v[i + 1].sp : VADDR_NONE;
	array_deinit(&frames);
	if (!end && inside_code(inside->glibc, thread->pc))
		end = VADDR_NONE;
	return end;
}

vaddr inside_until(const struct inside *inside, const struct thread *thread)
{
	if (!thread->has_registers)
		return 0;
	if (!inside_code(inside->glibc, thread->pc)) {
		// No unwinding for threads that cannot be inside: malloc calls nothing outside its own module but the kernel.
		if (!in_module(inside->glibc, thread->pc) || (thread->syscall >= 0 && !malloc_calls(thread->syscall)))
			return 0;
		if (thread->syscall == SYS_futex && !is_lock(inside, thread->syscall_argument))
			return 0;
	}
	return inside_waits(inside, thread) ? 0 : malloc_frame_end(inside, thread);
}

bool inside_anywhere(const struct inside *inside, const struct thread *thread)
{
	frame_array frames = { 0 };
	bool complete, found = false;

	if (!thread->has_registers || inside_waits(inside, thread))
		return false;
	unwinder_walk(inside->unwinder, thread, ALL_FRAMES_MAX, &frames, &complete);
	for (size_t i = 0; i < frames.n && !found; i++)
		found = inside_code(inside->glibc, frames.v[i].pc - (i && !frames.v[i].interrupted));
	array_deinit(&frames);
	return found || inside_code(inside->glibc, thread->pc);
}
