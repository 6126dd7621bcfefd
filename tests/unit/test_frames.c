/* SPDX-License-Identifier: MIT */
/*
 * Frames of a child process that is stopped: threads in a lock, in poll, in a callback of qsort, in handlers on either kind of
 * stack, far down in a recursion, in the vdso, behind a call of NULL. The child is a fork, so its functions are where ours are.
 */
#include <elf.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "debug/symbols.h"
#include "self_target.h"
#include "target/frames.h"
#include "unit.h"

#define DEEP 200
#define NOINLINE __attribute__((noinline))
/* What comes behind a call, so that it is no tail call. */
#define STAY __asm__ volatile("" ::: "memory")

static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;
static int started[2];

static void tell(void)
{
	// Written on the way into the last call of each thread; the parent waits for all.
	ck_assert_int_eq(write(started[1], "", 1), 1);
}

NOINLINE static void *in_lock(void *argument)
{
	tell();
	pthread_mutex_lock(&taken);
	STAY;
	return argument;
}

NOINLINE static void *in_poll(void *argument)
{
	tell();
	poll(NULL, 0, -1);
	STAY;
	return argument;
}

NOINLINE static int compare_and_wait(const void *a, const void *b)
{
	tell();
	pause();
	STAY;
	return *(const int *)a - *(const int *)b;
}

NOINLINE static void *in_qsort(void *argument)
{
	int numbers[8] = {3, 1, 2};

	qsort(numbers, 8, sizeof(int), compare_and_wait);
	STAY;
	return argument;
}

NOINLINE static void handle(int number)
{
	(void)number;
	tell();
	pause();
	STAY;
}

NOINLINE static void *in_handler(void *argument)
{
	raise(SIGUSR1);
	STAY;
	return argument;
}

NOINLINE static void *in_handler_elsewhere(void *argument)
{
	stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};

	sigaltstack(&stack, NULL);
	raise(SIGUSR2);
	STAY;
	return argument;
}

NOINLINE static int recurse(int depth)
{
	volatile char room[100];

	room[depth % 100] = (char)depth;
	if (depth == 0) {
		tell();
		pause();
		STAY;
		return room[0];
	}
	int below = recurse(depth - 1);
	STAY;
	return below + room[depth % 100];
}

NOINLINE static void *in_recursion(void *argument)
{
	recurse(DEEP);
	STAY;
	return argument;
}

NOINLINE static void *in_vdso(void *argument)
{
	struct timespec now;

	tell();
	for (;;)
		clock_gettime(CLOCK_REALTIME, &now);
	return argument;
}

NOINLINE static void *in_nothing(void *argument)
{
	void (*volatile nothing)(void) = NULL;

	nothing();
	STAY;
	return argument;
}

static void *(*const starts[])(void *) = {in_lock, in_poll, in_qsort, in_handler, in_handler_elsewhere, in_recursion, in_vdso, in_nothing};
enum { N_STARTS = sizeof(starts) / sizeof(starts[0]) };

static void child_run(void)
{
	struct sigaction action = {.sa_handler = handle};
	pthread_t thread;

	alarm(60);
	pthread_mutex_lock(&taken);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR2, &action, NULL);
	for (size_t i = 0; i < N_STARTS; i++)
		pthread_create(&thread, NULL, starts[i], NULL);
	for (;;)
		pause();
}

/* The stopped child. */
struct child {
	pid_t pid;
	struct target *target;
	struct modules modules;
	/** Reads so far, and the one that fails from which on; 0 for none. */
	size_t reads, fail_at;
};

static bool child_read(void *context, vaddr address, void *buffer, size_t size)
{
	struct child *child = context;
	struct iovec here = {buffer, size}, there = {(void *)(uintptr_t)address, size};

	if (++child->reads >= child->fail_at && child->fail_at)
		return false;
	return process_vm_readv(child->pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

static bool thread_stop(struct thread *thread)
{
	struct user_regs_struct regs;
	struct iovec iov = {&regs, sizeof(regs)};
	int status;

	if (ptrace(PTRACE_SEIZE, thread->tid, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) != 0 ||
	    waitpid(thread->tid, &status, __WALL) != thread->tid || ptrace(PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &iov) != 0)
		return false;
	thread->has_registers = true;
#if defined(__x86_64__)
	const uint64_t registers[] = {regs.rax, regs.rdx, regs.rcx, regs.rbx, regs.rsi, regs.rdi, regs.rbp, regs.rsp, regs.r8,
				      regs.r9,	regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15, regs.rip};
	thread->pc = regs.rip;
	thread->sp = regs.rsp;
#else
	uint64_t registers[33];
	memcpy(registers, regs.regs, sizeof(regs.regs));
	thread->pc = registers[32] = regs.pc;
	thread->sp = registers[31] = regs.sp;
#endif
	memcpy(thread->registers, registers, sizeof(registers));
	return true;
}

/* Starts and stops the child; false where that is not allowed, or where its registers would be valgrind's. */
static bool child_start(struct child *child)
{
	const char *preload = getenv("LD_PRELOAD");
	char path[64];

	*child = (struct child){.pid = -1};
	if (preload && strstr(preload, "vgpreload"))
		return false;
	ck_assert_int_eq(pipe(started), 0);
	child->pid = fork();
	if (child->pid == 0) {
		child_run();
		_exit(0);
	}
	for (size_t i = 0; i < N_STARTS; i++) {
		char byte;
		ck_assert_int_eq(read(started[0], &byte, 1), 1);
	}
	// From the pipe into the call that each is to be found in.
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)child->pid);
	child->target = target_of_maps(path);
	// Threads have the numbers that follow, but not if others are started meanwhile: ask.
	snprintf(path, sizeof(path), "ls /proc/%d/task", (int)child->pid);
	FILE *list = popen(path, "r");
	for (int tid; fscanf(list, "%d", &tid) == 1;)
		array_append(&child->target->threads, (struct thread){.tid = tid, .syscall = -1});
	pclose(list);
	ck_assert_uint_eq(child->target->threads.n, N_STARTS + 1);
	for (size_t i = 0; i < child->target->threads.n; i++) {
		if (!thread_stop(&child->target->threads.v[i]))
			return false;
	}
	modules_init(&child->modules, child->target, NULL);
	return true;
}

static void child_end(struct child *child)
{
	if (child->pid < 0)
		return;
	kill(child->pid, SIGKILL);
	// The process is not gone before each of its traced threads was waited for.
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
	modules_deinit(&child->modules);
	if (child->target)
		target_destroy(child->target);
}

/* Whether a frame is in a function of ours, or, by name, in one of libc's. */
static bool frame_is_in(struct child *child, const frame_array *frames, size_t index, const char *name)
{
	const struct frame *frame = &frames->v[index];
	vaddr place = frame->pc - (index > 0 && !frame->interrupted);
	struct module *module = modules_find(&child->modules, place);
	struct symbol symbol;

	return module && symbol_at(&child->modules, module, place - module->bias, &symbol) && strstr(symbol.name, name);
}

static size_t frames_count(struct child *child, const frame_array *frames, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < frames->n; i++)
		count += frame_is_in(child, frames, i, name);
	return count;
}

/* The thread that runs one of the functions above, by the frame that only it has. */
static frame_array frames_of(struct child *child, struct unwinder *unwinder, const char *name, bool *complete)
{
	for (size_t i = 0; i < child->target->threads.n; i++) {
		frame_array frames;

		unwinder_walk(unwinder, &child->target->threads.v[i], SIZE_MAX, &frames, complete);
		if (frames_count(child, &frames, name) > 0)
			return frames;
		array_deinit(&frames);
	}
	ck_abort_msg("no thread is in %s", name);
	return (frame_array){0};
}

static void assert_bottom(struct child *child, const frame_array *frames)
{
	struct symbol symbol;

	// Where libc has symbols: clone or clone3 of a thread, called by nobody.
	if (!symbol_named(&child->modules, modules_find(&child->modules, (uintptr_t)frames->v[frames->n - 1].pc), "main_arena", &symbol))
		return;
	ck_assert(frame_is_in(child, frames, frames->n - 1, "clone"));
	ck_assert(frame_is_in(child, frames, frames->n - 2, "start_thread"));
}

START_TEST(every_thread_leads_to_its_bottom)
{
	static const struct {
		const char *names[3];
		size_t counts[3], interrupted;
	} expected[] = {
		{{"in_lock"}, {1}, 0},
		{{"in_poll"}, {1}, 0},
		{{"in_qsort", "compare_and_wait"}, {1, 1}, 0},
		{{"in_handler", "handle"}, {1, 2}, 1}, // the name of the first holds that of the second
		{{"in_handler_elsewhere"}, {1}, 1},
		{{"in_recursion", "recurse"}, {1, DEEP + 1}, 0},
		{{"in_vdso"}, {1}, 0},
		{{"in_nothing", "handle"}, {1, 1}, 1},
	};
	struct child child;
	size_t saved = 0;

	if (child_start(&child)) {
		struct unwinder *unwinder = unwinder_create(&child.target->mappings, child_read, &child);

		for (size_t i = 0; i < N_STARTS; i++) {
			bool complete;
			frame_array frames = frames_of(&child, unwinder, expected[i].names[0], &complete);
			size_t interrupted = 0;

			ck_assert_msg(complete, "%s", expected[i].names[0]);
			for (size_t k = 1; k < 3 && expected[i].names[k]; k++)
				ck_assert_uint_eq(frames_count(&child, &frames, expected[i].names[k]), expected[i].counts[k]);
			for (size_t k = 0; k < frames.n; k++) {
				interrupted += frames.v[k].interrupted;
				ck_assert(frames.v[k].known >> 3 & 1 || k > 0);
				for (unsigned reg = 0; reg < THREAD_REGISTERS_MAX; reg++) {
					uint64_t value;

					if (!(frames.v[k].known >> reg & 1) || !frames.v[k].saved_at[reg])
						continue;
					// Nobody has changed it since.
					ck_assert(child_read(&child, frames.v[k].saved_at[reg], &value, sizeof(value)));
					ck_assert_uint_eq(value, frames.v[k].registers[reg]);
					saved++;
				}
			}
			ck_assert_uint_eq(interrupted, expected[i].interrupted);
			assert_bottom(&child, &frames);
			array_deinit(&frames);
		}
		ck_assert_uint_gt(saved, 0);
		unwinder_destroy(unwinder);
	}
	child_end(&child);
}
END_TEST

START_TEST(the_pc_behind_a_call_of_null_is_null)
{
	struct child child;
	bool complete, found = false;

	if (child_start(&child)) {
		struct unwinder *unwinder = unwinder_create(&child.target->mappings, child_read, &child);
		frame_array frames = frames_of(&child, unwinder, "in_nothing", &complete);

		for (size_t i = 0; i + 1 < frames.n; i++) {
			if (frames.v[i].interrupted && frames.v[i].pc == 0) {
				found = true;
				ck_assert(frame_is_in(&child, &frames, i + 1, "in_nothing"));
			}
		}
		ck_assert(found);
		array_deinit(&frames);
		unwinder_destroy(unwinder);
	}
	child_end(&child);
}
END_TEST

START_TEST(a_limit_is_kept)
{
	struct child child;

	if (child_start(&child)) {
		struct unwinder *unwinder = unwinder_create(&child.target->mappings, child_read, &child);
		struct thread none = {.tid = 1};

		for (size_t maximum = 0; maximum < 4; maximum++) {
			frame_array frames;
			bool complete;

			unwinder_walk(unwinder, &child.target->threads.v[0], maximum, &frames, &complete);
			ck_assert_uint_eq(frames.n, maximum);
			ck_assert(!complete);
			array_deinit(&frames);
		}
		frame_array frames;
		bool complete = true;
		unwinder_walk(unwinder, &none, 10, &frames, &complete);
		ck_assert_uint_eq(frames.n, 0);
		ck_assert(!complete);
		unwinder_destroy(unwinder);
	}
	child_end(&child);
}
END_TEST

START_TEST(reads_that_fail_shorten_the_walk)
{
	struct child child;

	if (child_start(&child)) {
		size_t reads = 0;

		for (size_t fail_at = 0; fail_at < 400; fail_at++) {
			struct unwinder *unwinder = unwinder_create(&child.target->mappings, child_read, &child);

			child.reads = 0;
			child.fail_at = fail_at;
			for (size_t i = 0; i < child.target->threads.n; i++) {
				frame_array frames;
				bool complete;

				unwinder_walk(unwinder, &child.target->threads.v[i], 1000, &frames, &complete);
				ck_assert_uint_ge(frames.n, 1);
				ck_assert(complete || fail_at);
				array_deinit(&frames);
			}
			unwinder_destroy(unwinder);
			if (fail_at == 0)
				reads = child.reads;
			// What is kept of a module's tables is read once, not for each frame.
			ck_assert_uint_lt(reads, 400);
		}
	}
	child_end(&child);
}
END_TEST

START_TEST(stacks_of_noise_end_somewhere)
{
	struct child child;
	uint32_t seed = 1;

	if (child_start(&child)) {
		struct unwinder *unwinder = unwinder_create(&child.target->mappings, child_read, &child);
		const mapping_array *mappings = &child.target->mappings;

		// Registers that point anywhere: into code, stacks, between.
		for (int round = 0; round < unit_rounds(20000); round++) {
			struct thread thread = {.has_registers = true};
			frame_array frames;
			bool complete;

			for (size_t i = 0; i < 17; i++) {
				const struct mapping *mapping = &mappings->v[(seed = seed * 1103515245 + 12345) / 65536 % mappings->n];

				seed = seed * 1103515245 + 12345;
				thread.registers[i] = mapping->start + (seed >> 8) % (mapping->end - mapping->start);
			}
			thread.sp = thread.registers[7] &= ~UINT64_C(7);
			thread.pc = thread.registers[16];
			unwinder_walk(unwinder, &thread, 500, &frames, &complete);
			for (size_t i = 1; i < frames.n; i++)
				ck_assert(frames.v[i].interrupted || frames.v[i].sp >= frames.v[i - 1].sp);
			array_deinit(&frames);
		}
		unwinder_destroy(unwinder);
	}
	child_end(&child);
}
END_TEST

UNIT_SUITE("frames", every_thread_leads_to_its_bottom, the_pc_behind_a_call_of_null_is_null, a_limit_is_kept, reads_that_fail_shorten_the_walk,
	   stacks_of_noise_end_somewhere)
