/* SPDX-License-Identifier: MIT */
#include "target/tracees.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "target/proc.h"

/* What an interrupted system call leaves in the result register until it is restarted: Linux include/linux/errno.h. */
enum {
	RESTART_SYSTEM_CALL = 512,
	RESTART_NO_INTERRUPT = 513,
	RESTART_NO_HANDLER = 514,
	RESTART_BLOCK = 516,
};

enum {
	MILLISECOND = 1000 * 1000,
	/** A thread in uninterruptible sleep is waited for this long: most such sleeps are a page coming from disk. Units: ns. */
	IN_KERNEL_WAIT = 100 * MILLISECOND,
	/** Looks at a thread between which we only yield; after them we sleep. */
	YIELDS = 20,
	/** Units: ns. */
	NAP = 20 * 1000,
	/** The shortest time in which a thread that is let run gets somewhere. Units: µs. */
	RUN_MIN = 20,
};

/** A thread that neither stops nor sleeps in the kernel. Units: ns. */
static const uint64_t STOP_WAIT = UINT64_C(5000) * MILLISECOND;

uint64_t tracees_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 * MILLISECOND + (uint64_t)now.tv_nsec;
}

static void nap(uint64_t nanoseconds)
{
	struct timespec time = { (time_t)(nanoseconds / (1000 * MILLISECOND)),
				 (long)(nanoseconds % (1000 * MILLISECOND)) };

	nanosleep(&time, NULL);
}

/* Whether a result says that the call has not ended but was only interrupted. */
static bool is_interrupted(int64_t result)
{
	return result == -RESTART_SYSTEM_CALL || result == -RESTART_NO_INTERRUPT ||
	       result == -RESTART_NO_HANDLER || result == -RESTART_BLOCK || result == -EINTR;
}

#if defined(__x86_64__)
static bool registers_read(const struct tracees *tracees, struct thread *thread)
{
	struct user_regs_struct user = { 0 };
	struct iovec iov = { &user, sizeof(user) };

	(void)tracees;
	if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)(uintptr_t)NT_PRSTATUS, &iov) < 0 ||
	    iov.iov_len != sizeof(user))
		return false;

	const uint64_t dwarf[] = { user.rax, user.rdx, user.rcx, user.rbx, user.rsi, user.rdi,
				   user.rbp, user.rsp, user.r8,	 user.r9,  user.r10, user.r11,
				   user.r12, user.r13, user.r14, user.r15, user.rip };

	memset(thread->registers, 0, sizeof(thread->registers));
	memcpy(thread->registers, dwarf, sizeof(dwarf));
	thread->pc = user.rip;
	thread->sp = user.rsp;
	thread->tp = user.fs_base;
	thread->syscall = -1;
	thread->syscall_argument = 0;
	if ((int64_t)user.orig_rax >= 0 && is_interrupted((int64_t)user.rax)) {
		thread->syscall = (long)user.orig_rax;
		thread->syscall_argument = user.rdi;
	}
	return true;
}
#elif defined(__aarch64__)
static bool registers_read(const struct tracees *tracees, struct thread *thread)
{
	struct user_regs_struct user = { 0 };
	struct iovec iov = { &user, sizeof(user) };
	uint64_t tls[2] = { 0 };
	struct iovec tls_iov = { tls, sizeof(tls) };

	if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)(uintptr_t)NT_PRSTATUS, &iov) < 0 ||
	    iov.iov_len != sizeof(user))
		return false;
	// One word, or two where the processor has SME.
	if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)(uintptr_t)NT_ARM_TLS, &tls_iov) < 0)
		tls[0] = 0;
	memcpy(thread->registers, user.regs, sizeof(user.regs));
	thread->registers[31] = thread->sp = user.sp;
	thread->registers[32] = thread->pc = user.pc;
	thread->tp = tls[0];
	thread->syscall = -1;
	thread->syscall_argument = 0;

	// The result has taken the place of the first argument, which /proc still knows.
	int number = -1;
	struct iovec number_iov = { &number, sizeof(number) };
	uint64_t sp, pc;

	if (is_interrupted((int64_t)user.regs[0]) &&
	    ptrace(PTRACE_GETREGSET, thread->tid, (void *)(uintptr_t)NT_ARM_SYSTEM_CALL,
		   &number_iov) == 0 &&
	    number >= 0 &&
	    !proc_thread_syscall(tracees->proc, thread->tid, &thread->syscall,
				 &thread->syscall_argument, &sp, &pc))
		thread->syscall = number;
	return true;
}
#else
#error "no registers are known for this architecture"
#endif

enum look {
	LOOK_RUNNING,
	LOOK_STOPPED,
	LOOK_GONE,
};

/* Looks once at a thread that was asked to stop. */
static enum look look(pid_t tid)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL) < 0)
		return errno == ECHILD ? LOOK_GONE : LOOK_RUNNING;
	if (info.si_pid == 0)
		return LOOK_RUNNING;
	if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED ||
	    info.si_code == CLD_DUMPED) {
		// Its own parent is told separately; this only ends our part in it.
		waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL);
		return LOOK_GONE;
	}

	int event = info.si_status >> 8, signal_number = info.si_status & 0x7f;

	if (event == PTRACE_EVENT_STOP)
		return LOOK_STOPPED;

	// A signal that is about to be delivered. It goes on with it, and the renewed request stops it right behind.
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)(event ? 0 : signal_number));
	return LOOK_RUNNING;
}

/* Nothing is left of a thread but its row in the list. */
static void set_gone(struct tracees *tracees, struct tracee *tracee)
{
	tracee->state = TRACEE_GONE;
	tracees->alive--;
}

static char thread_state(const struct tracees *tracees, pid_t tid)
{
	struct proc_status status;
	char path[48];

	snprintf(path, sizeof(path), "task/%d/status", (int)tid);
	return proc_status(tracees->proc, path, &status) ? status.state : 'X';
}

static struct error *interrupted_error(void)
{
	return error_os(EINTR, "the capture was ended by a signal");
}

/* Waits until a thread stands still, is gone, or sits in the kernel for good. */
static struct error *wait_for(struct tracees *tracees, struct tracee *tracee)
{
	uint64_t start = tracees_clock();

	for (unsigned looks = 0;; looks++) {
		if (*tracees->interrupted)
			return interrupted_error();
		switch (look(tracee->thread.tid)) {
		case LOOK_GONE:
			set_gone(tracees, tracee);
			return NULL;
		case LOOK_STOPPED:
			tracee->thread.has_registers = registers_read(tracees, &tracee->thread);
			if (!tracee->thread.has_registers && errno == ESRCH) {
				// SIGKILL takes a thread even out of a stop.
				set_gone(tracees, tracee);
				return NULL;
			}
			tracee->state = TRACEE_STOPPED;
			return NULL;
		case LOOK_RUNNING:
			break;
		}
		if (looks < YIELDS) {
			sched_yield();
			continue;
		}
		nap(NAP);
		if (looks % 64)
			continue;

		uint64_t waited = tracees_clock() - start;

		if (waited > IN_KERNEL_WAIT && thread_state(tracees, tracee->thread.tid) == 'D') {
			tracee->state = TRACEE_IN_KERNEL;
			tracee->thread.has_registers = false;
			tracee->thread.syscall = -1;
			proc_thread_syscall(tracees->proc, tracee->thread.tid,
					    &tracee->thread.syscall,
					    &tracee->thread.syscall_argument, &tracee->thread.sp,
					    &tracee->thread.pc);
			return NULL;
		}
		if (waited > STOP_WAIT)
			return error_os(ETIMEDOUT, "thread %d (state %c) does not stop",
					(int)tracee->thread.tid,
					thread_state(tracees, tracee->thread.tid));
	}
}

/* The place of a thread in the list, or list.n. /proc lists threads in the order in which we found them, so the search begins behind
   the last one. */
static size_t find(const struct tracees *tracees, pid_t tid, size_t from)
{
	for (size_t i = from; i < tracees->list.n; i++)
		if (tracees->list.v[i].thread.tid == tid)
			return i;
	for (size_t i = 0; i < from; i++)
		if (tracees->list.v[i].thread.tid == tid)
			return i;
	return tracees->list.n;
}

/* Seizes a thread and asks it to stop. One that has exited is passed over. */
static struct error *ask(struct tracees *tracees, pid_t tid)
{
	struct tracee tracee = { .state = TRACEE_ASKED, .thread = { .tid = tid, .syscall = -1 } };

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0) {
		int errnum = errno;
		char state = errnum == ESRCH ? 'X' : thread_state(tracees, tid);

		// The kernel says EPERM for a thread that has exited, too.
		if (state == 'X' || state == 'Z')
			tracee.state = TRACEE_GONE;
		else
			return error_os(errnum, "thread %d cannot be attached to", (int)tid);
	} else {
		if (!tracees->started)
			tracees->started = tracees_clock();
		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		tracees->alive++;
	}
	array_append(&tracees->list, tracee);
	return NULL;
}

/* Asks those threads that are not known yet; returns how many through ret. */
static struct error *ask_new(struct tracees *tracees, size_t *ret)
{
	tid_array tids = { 0 };
	struct error *error = NULL;
	size_t n = 0, from = 0;

	if (!proc_threads(tracees->proc, &tids))
		return error_os(errno, "its threads cannot be listed");
	for (size_t i = 0; i < tids.n && !error; i++) {
		size_t at = find(tracees, tids.v[i], from);

		if (at < tracees->list.n) {
			from = at + 1;
			continue;
		}
		error = ask(tracees, tids.v[i]);
		n++;
	}
	array_deinit(&tids);
	if (!error)
		*ret = n;
	return error;
}

struct error *tracees_stop(struct tracees *tracees)
{
	// Naps are as short as they say.
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	for (;;) {
		size_t n = 0;
		struct error *error = ask_new(tracees, &n);

		if (error)
			return error;
		if (!n)
			break;
		for (size_t i = 0; i < tracees->list.n; i++) {
			if (tracees->list.v[i].state != TRACEE_ASKED)
				continue;
			error = wait_for(tracees, &tracees->list.v[i]);
			if (error)
				return error;
		}
	}
	for (size_t i = 0; i < tracees->list.n; i++)
		if (tracees->list.v[i].state != TRACEE_GONE)
			return NULL;
	return error_os(ESRCH, "it ended while it was being stopped");
}

/* Whether there may be threads that are not in the list: /proc/PID/task has a link for each thread and two of its own. Cheaper than to
   list them, where there are thousands. */
static bool threads_were_started(const struct tracees *tracees)
{
	struct stat status;

	return fstatat(tracees->proc, "task", &status, 0) < 0 ||
	       status.st_nlink != tracees->alive + 2;
}

bool tracees_run(struct tracees *tracees, size_t index, unsigned microseconds)
{
	struct tracee *tracee = &tracees->list.v[index];
	pid_t tid = tracee->thread.tid;

	if (tracee->state != TRACEE_STOPPED || tracees->failed || *tracees->interrupted)
		return false;
	if (ptrace(PTRACE_CONT, tid, NULL, NULL) < 0) {
		set_gone(tracees, tracee);
		return false;
	}
	tracee->has_run = true;
	tracee->state = TRACEE_ASKED;
	tracees->runs++;
	nap((uint64_t)(microseconds < RUN_MIN ? RUN_MIN : microseconds) * 1000);
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);

	struct error *error = wait_for(tracees, tracee);

	// Threads that it started are not seized by themselves.
	if (!error && threads_were_started(tracees))
		error = tracees_stop(tracees);
	if (error) {
		tracees->failed = error;
		return false;
	}
	return tracees->list.v[index].state == TRACEE_STOPPED;
}

void tracees_release(struct tracees *tracees)
{
	for (size_t i = 0; i < tracees->list.n; i++) {
		struct tracee *tracee = &tracees->list.v[i];

		// One that was only asked may have a signal in hand, which a detach would take from it; the tracer's end does not.
		if (tracee->state == TRACEE_STOPPED)
			ptrace(PTRACE_DETACH, tracee->thread.tid, NULL, NULL);
	}
}

void tracees_deinit(struct tracees *tracees)
{
	array_deinit(&tracees->list);
	error_destroy(tracees->failed);
	tracees->failed = NULL;
}
