/* SPDX-License-Identifier: MIT */
/* Which threads are inside malloc: by pc and frames, system calls and locks. */
#include "glibc/inside.h"

#include "malloc_threads.h"
#include "unit.h"

struct reader {
	const struct image_builder *b;
	size_t reads;
};

static bool read_built(void *context, vaddr address, void *buffer, size_t size)
{
	struct reader *reader = context;
	const struct built_memory *memory = builder_find(reader->b, address);

	reader->reads++;
	if (!memory || size > memory->end - address)
		return false;
	memcpy(buffer, memory->bytes + (address - memory->start), size);
	return true;
}

/* Whether a thread is inside: until where, and whether any frame is. */
static vaddr until(struct image_builder *b, const struct thread *thread, bool *anywhere_ret)
{
	struct reader reader = { b, 0 };
	struct inside inside;

	inside_init(&inside, b->glibc, &b->target->mappings, read_built, &reader);
	vaddr end = inside_until(&inside, thread);

	*anywhere_ret = inside_anywhere(&inside, thread);
	inside_deinit(&inside);
	return end;
}

START_TEST(code_of_malloc)
{
	struct image_builder b;

	malloc_threads_init(&b, 0);
	ck_assert(!inside_code(b.glibc, LIBC_CODE - 1));
	ck_assert(inside_code(b.glibc, LIBC_CODE));
	ck_assert(inside_code(b.glibc, LIBC_CODE + LIBC_CODE_SIZE - 1));
	ck_assert(!inside_code(b.glibc, LIBC_CODE + LIBC_CODE_SIZE));
	ck_assert(!inside_code(b.glibc, 0));
	// Not known: nobody is inside.
	b.glibc->instances.v[0].code_start = b.glibc->instances.v[0].code_end = 0;
	ck_assert(!inside_code(b.glibc, 0));
	ck_assert(!inside_code(b.glibc, LIBC_CODE));
	image_builder_deinit(&b);
}
END_TEST

/* Places of a thread; `inside` is the index of the frame above the outermost one of malloc, 0 for outside. */
static const struct {
	const char *what;
	vaddr pcs[4];
	size_t n;
	long syscall;
	size_t until;
	bool anywhere;
} places[] = {
	{ "in the program", { PROGRAM_CODE, PROGRAM_CODE + 0x20 }, 2, -1, 0, false },
	{ "in malloc", { MALLOC_CODE, PROGRAM_CODE }, 2, -1, 1, true },
	{ "in a function that malloc calls",
	  { LIBC_OTHER, MALLOC_CODE, PROGRAM_CODE },
	  3,
	  -1,
	  2,
	  true },
	{ "in malloc, called by malloc",
	  { MALLOC_CODE, MALLOC_CODE + 0x100, PROGRAM_CODE },
	  3,
	  -1,
	  2,
	  true },
	{ "in mmap, called by malloc",
	  { LIBC_OTHER, MALLOC_CODE, PROGRAM_CODE },
	  3,
	  SYS_mmap,
	  2,
	  true },
	{ "in brk, called by malloc",
	  { LIBC_OTHER, MALLOC_CODE, PROGRAM_CODE },
	  3,
	  SYS_brk,
	  2,
	  true },
	{ "in mmap, called by the program", { LIBC_OTHER, PROGRAM_CODE }, 2, SYS_mmap, 0, false },
	{ "in read, called by libc",
	  { LIBC_OTHER, LIBC_OTHER + 0x40, PROGRAM_CODE },
	  3,
	  SYS_read,
	  0,
	  false },
	{ "right behind malloc's code",
	  { LIBC_CODE + LIBC_CODE_SIZE, PROGRAM_CODE },
	  2,
	  -1,
	  0,
	  false },
	// The return address is the first one behind a call: what counts is the call.
	{ "in the last call of malloc's code",
	  { LIBC_OTHER, LIBC_CODE + LIBC_CODE_SIZE, PROGRAM_CODE },
	  3,
	  -1,
	  2,
	  true },
	{ "called by what lies before malloc",
	  { LIBC_OTHER, LIBC_CODE, PROGRAM_CODE },
	  3,
	  -1,
	  0,
	  false },
	// In the stop window nobody looks there.
	{ "in a handler, as if malloc were below",
	  { PROGRAM_CODE, MALLOC_CODE, PROGRAM_CODE },
	  3,
	  -1,
	  0,
	  true },
	{ "in pause, as if malloc were below",
	  { LIBC_OTHER, MALLOC_CODE, PROGRAM_CODE },
	  3,
	  SYS_pause,
	  0,
	  true },
};

START_TEST(places_of_a_thread)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		struct image_builder b;
		bool anywhere;

		malloc_threads_init(&b, 1);
		struct thread *thread = builder_thread(&b, 0);

		thread_place(&b, thread, places[i].pcs, places[i].n);
		thread->syscall = places[i].syscall;

		vaddr expected = places[i].until ? frame_sp(thread, places[i].until) : 0,
		      got = until(&b, thread, &anywhere);

		ck_assert_msg(got == expected, "%s: until 0x%" PRIx64 ", not 0x%" PRIx64,
			      places[i].what, got, expected);
		ck_assert_msg(anywhere == places[i].anywhere, "%s: anywhere", places[i].what);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(system_calls_that_malloc_makes)
{
	static const long calls[] = { SYS_brk,	  SYS_mmap,	SYS_munmap,
				      SYS_mremap, SYS_mprotect, SYS_madvise };
	static const vaddr pcs[] = { LIBC_OTHER, MALLOC_CODE, PROGRAM_CODE };

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		struct image_builder b;
		bool anywhere;

		malloc_threads_init(&b, 1);
		struct thread *thread = builder_thread(&b, 0);

		thread_place(&b, thread, pcs, 3);
		thread->syscall = calls[i];
		ck_assert_msg(until(&b, thread, &anywhere) == frame_sp(thread, 2), "system call %ld",
			      calls[i]);
		ck_assert(anywhere);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(frames_that_do_not_tell)
{
	struct image_builder b;
	bool anywhere;
	static const vaddr pcs[] = { MALLOC_CODE };

	// Inside, but nothing above it can be unwound.
	malloc_threads_init(&b, 0);
	struct thread *thread = builder_thread(&b, 0);

	thread_place(&b, thread, pcs, 1);
	ck_assert_uint_eq(until(&b, thread, &anywhere), VADDR_NONE);
	ck_assert(anywhere);
	thread->registers[6] = 0x1238;
	ck_assert_uint_eq(until(&b, thread, &anywhere), VADDR_NONE);

	// No registers: nobody can say.
	thread->has_registers = false;
	ck_assert_uint_eq(until(&b, thread, &anywhere), 0);
	ck_assert(!anywhere);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(a_thread_that_cannot_be_inside_is_not_unwound)
{
	struct image_builder b;
	struct inside inside;
	struct reader reader = { &b, 0 };
	static const vaddr pcs[] = { PROGRAM_CODE, PROGRAM_CODE, PROGRAM_CODE };

	malloc_threads_init(&b, 0);
	struct thread *thread = builder_thread(&b, 0);

	thread_place(&b, thread, pcs, 3);
	inside_init(&inside, b.glibc, &b.target->mappings, read_built, &reader);
	reader.reads = 0;
	ck_assert_uint_eq(inside_until(&inside, thread), 0);
	ck_assert_uint_eq(reader.reads, 0);
	inside_deinit(&inside);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(malloc_deep_below)
{
	struct image_builder b;
	bool anywhere;
	vaddr pcs[40];

	malloc_threads_init(&b, 0);
	struct thread *thread = builder_thread(&b, 0);

	for (size_t i = 0; i < 40; i++)
		pcs[i] = i == 30 ? MALLOC_CODE : i < 30 ? LIBC_OTHER + 0x10 * i : PROGRAM_CODE;
	thread_place(&b, thread, pcs, 40);
	// Too deep for the stop window, where its callees are few.
	ck_assert_uint_eq(until(&b, thread, &anywhere), 0);
	ck_assert(anywhere);
	image_builder_deinit(&b);
}
END_TEST

START_TEST(who_waits_for_a_lock_is_outside)
{
	for (unsigned arena = 0; arena < 3; arena++) {
		struct image_builder b;
		bool anywhere;
		static const vaddr pcs[] = { LIBC_OTHER, MALLOC_CODE, PROGRAM_CODE };
		vaddr lock = arena ? thread_arena(arena - 1) : MAIN_ARENA;

		malloc_threads_init(&b, 2);
		struct thread *thread = builder_thread(&b, 0);

		thread_place(&b, thread, pcs, 3);
		thread->syscall = SYS_futex;
		thread->syscall_argument = lock;
		ck_assert_uint_eq(until(&b, thread, &anywhere), 0);
		ck_assert(!anywhere);
		// Another futex: the program's, or one of malloc's that is no arena's.
		thread->syscall_argument = lock + 8;
		ck_assert_uint_eq(until(&b, thread, &anywhere), 0);
		ck_assert(anywhere);

		// About to ask the kernel to let it wait.
		thread->syscall = -1;
		thread->registers[0] = SYS_futex;
		thread->registers[5] = lock;
		builder_bytes(&b, LIBC_OTHER, "\x0f\x05", 2);
		ck_assert_uint_eq(until(&b, thread, &anywhere), 0);
		ck_assert(!anywhere);
		// The registers, but another instruction; the instruction, but another call or lock.
		builder_bytes(&b, LIBC_OTHER, "\x0f\x0b", 2);
		ck_assert_uint_eq(until(&b, thread, &anywhere), frame_sp(thread, 2));
		builder_bytes(&b, LIBC_OTHER, "\x0f\x05", 2);
		thread->registers[5] = lock + 4;
		ck_assert_uint_eq(until(&b, thread, &anywhere), frame_sp(thread, 2));
		thread->registers[5] = lock;
		thread->registers[0] = SYS_write;
		ck_assert_uint_eq(until(&b, thread, &anywhere), frame_sp(thread, 2));
		ck_assert(anywhere);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(locks_that_are_held)
{
	for (unsigned arena = 0; arena < 4; arena++) {
		struct image_builder b;
		struct inside inside;
		struct reader reader = { &b, 0 };

		malloc_threads_init(&b, 2);
		if (arena < 3)
			builder_put_int(&b, arena ? thread_arena(arena - 1) : MAIN_ARENA,
					1 + arena % 2);
		// The flags beside it are no lock.
		builder_put_int(&b, MAIN_ARENA + 4, 2);
		inside_init(&inside, b.glibc, &b.target->mappings, read_built, &reader);
		ck_assert_uint_eq(inside.locks.n, 3);
		ck_assert_int_eq(inside_any_lock_held(&inside), arena < 3);
		inside_deinit(&inside);
		image_builder_deinit(&b);
	}
}
END_TEST

START_TEST(rings_of_arenas_that_are_broken)
{
	struct image_builder b;
	struct inside inside;
	struct reader reader = { &b, 0 };

	// A ring that never comes back to main_arena.
	malloc_threads_init(&b, 2);
	builder_put(&b, thread_arena(0) + builder_layout(&b)->arena.next, thread_arena(1));
	inside_init(&inside, b.glibc, &b.target->mappings, read_built, &reader);
	ck_assert_uint_ge(inside.locks.n, 3);
	ck_assert_uint_le(inside.locks.n, 100000);
	ck_assert(!inside_any_lock_held(&inside));
	inside_deinit(&inside);

	// One that leads nowhere, and one that is not aligned.
	for (unsigned what = 0; what < 2; what++) {
		builder_put(&b, MAIN_ARENA + builder_layout(&b)->arena.next,
			    what ? thread_arena(0) + 8 : 0x1000);
		inside_init(&inside, b.glibc, &b.target->mappings, read_built, &reader);
		ck_assert(!inside_any_lock_held(&inside));
		builder_put_int(&b, MAIN_ARENA, 1);
		ck_assert(inside_any_lock_held(&inside));
		builder_put_int(&b, MAIN_ARENA, 0);
		inside_deinit(&inside);
	}
	image_builder_deinit(&b);
}
END_TEST

UNIT_SUITE("inside", code_of_malloc, places_of_a_thread, system_calls_that_malloc_makes, frames_that_do_not_tell,
	   a_thread_that_cannot_be_inside_is_not_unwound, malloc_deep_below,
	   who_waits_for_a_lock_is_outside, locks_that_are_held, rings_of_arenas_that_are_broken)
