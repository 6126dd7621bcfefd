/* SPDX-License-Identifier: MIT */
/*
 * Threads at a place in the code, with frames below, for the tests of who is inside malloc: the image of image_builder.h
 * with code mappings and a stack, whose frames are chained by frame pointers (there is no call frame information).
 */
#ifndef TESTS_UNIT_MALLOC_THREADS_H
#define TESTS_UNIT_MALLOC_THREADS_H

#include <sys/syscall.h>

#include "image_builder.h"

/* Code of the program, of libc outside malloc, and of malloc. */
#define PROGRAM_CODE UINT64_C(0x555555554100)
#define LIBC_OTHER (LIBC_CODE - 0x8000)
#define MALLOC_CODE (LIBC_CODE + 0x1000)
#define STACK UINT64_C(0x7ffffffd0000)

enum { STACK_SIZE = 0x10000, FRAME_SIZE = 0x40 };

static inline void map_code(struct image_builder *b, vaddr start, uint64_t size)
{
	builder_map(b, start, size, "/code");
	for (size_t i = 0; i < b->target->mappings.n; i++)
		if (b->target->mappings.v[i].start == start)
			b->target->mappings.v[i].prot = MAPPING_READ | MAPPING_EXEC;
}

/* Code mappings, stacks, and `n` arenas besides the main one (in one heap each). */
static inline void malloc_threads_init(struct image_builder *b, unsigned n)
{
	image_builder_init(b, GLIBC_2_36);
	map_code(b, PROGRAM_CODE & ~UINT64_C(0xfff), 0x1000);
	map_code(b, LIBC_CODE - 0x10000, 0x20000);
	builder_map(b, STACK, STACK_SIZE * TLS_THREADS, "[stack]");
	b->glibc->may_step = true;
	b->glibc->instances.v[0].module_start = LIBC_CODE - 0x10000;
	for (unsigned i = 0; i < n; i++) {
		struct pen pen = pen_thread_arena(b, THREAD_HEAP + i * HEAP_STRIDE, 0x21000);

		pen_top(&pen);
	}
}

static inline vaddr thread_arena(unsigned i)
{
	return THREAD_HEAP + i * HEAP_STRIDE + 0x30;
}

/* Puts a thread to pcs[0], called from pcs[1], and so on. */
static inline void thread_place(struct image_builder *b, struct thread *thread, const vaddr *pcs,
				size_t n)
{
	vaddr sp = STACK + (vaddr)(thread->tid - FIRST_TID) * STACK_SIZE + 0x100;

	thread->has_registers = true;
	thread->pc = pcs[0];
	thread->sp = sp;
	thread->syscall = -1;
	memset(thread->registers, 0, sizeof(thread->registers));
	thread->registers[6] = sp + FRAME_SIZE - 16;
	thread->registers[7] = sp;
	thread->registers[16] = pcs[0];
	for (size_t i = 1; i < n; i++, sp += FRAME_SIZE) {
		builder_put(b, sp + FRAME_SIZE - 16, sp + 2 * FRAME_SIZE - 16);
		builder_put(b, sp + FRAME_SIZE - 8, pcs[i]);
	}
	// The outermost frame has no caller.
	builder_put(b, sp + FRAME_SIZE - 16, 0);
	builder_put(b, sp + FRAME_SIZE - 8, 0);
}

/* Where sp is in the frame of pcs[i]. */
static inline vaddr frame_sp(const struct thread *thread, size_t i)
{
	return thread->sp + i * FRAME_SIZE;
}

#endif
