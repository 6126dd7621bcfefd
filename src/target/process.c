/* SPDX-License-Identifier: MIT */
#include "target/process.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"

enum {
	// linux/sched.h: a flag of /proc/PID/stat
	KERNEL_THREAD = 0x00200000,
	// linux/capability.h
	CAPABILITY_PTRACE = 19,
	/** Looks at a traced process, a few ms apart, until it counts as held: a tracer like strace holds it too, but only for moments. */
	HELD_LOOKS = 5,
	HELD_NAP = 4000, // µs
	/** Symbolic user names longer than this are shown as numbers. */
	USER_MAX = 64,
};

#if defined(__x86_64__)
static const unsigned OUR_MACHINE = EM_X86_64;
#elif defined(__aarch64__)
static const unsigned OUR_MACHINE = EM_AARCH64;
#else
#error "heapsnap knows x86-64 and AArch64"
#endif

static bool is_kernel_thread(int proc)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	unsigned flags;

	if (!proc_read(proc, "stat", &text, &length))
		return false;

	// The name in parentheses may hold anything, parentheses too.
	const char *after = strrchr(text, ')');

	return after && sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
	       flags & KERNEL_THREAD;
}

/* A thread of a process whose main thread has exited: the process is a zombie by its own status and runs on. 0 when there is none. */
static pid_t surviving_thread(int proc)
{
	tid_array tids = { 0 };
	pid_t found = 0;

	if (!proc_threads(proc, &tids))
		return 0;
	for (size_t i = 0; i < tids.n && !found; i++) {
		struct proc_status status;
		char path[48];

		snprintf(path, sizeof(path), "task/%d/status", (int)tids.v[i]);
		if (proc_status(proc, path, &status) && status.has_memory)
			found = tids.v[i];
	}
	array_deinit(&tids);
	return found;
}

static struct error *no_such_process(pid_t pid)
{
	if (access("/proc/self/maps", F_OK) < 0)
		return error_os(errno, "process %d cannot be read: there is no /proc here, which tells all about it",
				(int)pid);
	return error_os(ESRCH, "process %d cannot be read", (int)pid);
}

/* An ERROR_OS whose message ends in what helps, not in the system's own words. */
static struct error *refusal(int errnum, char *message)
{
	struct error *error = error_create(ERROR_OS, "%s", message);

	error->errnum = errnum;
	free(message);
	return error;
}

static char *user_name(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user && strlen(user->pw_name) < USER_MAX ? xstrdup(user->pw_name)
							: xasprintf("user %u", (unsigned)uid);
}

static int read_yama(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope;

	return file && fscanf(file, "%d", &scope) == 1 ? scope : 0;
}

struct error *process_refused(const struct process *process, int errnum)
{
	int pid = process->pid;

	if (errnum == ESRCH || errnum == ENOENT)
		return refusal(ESRCH, xasprintf("process %d (%s) has ended", pid, process->name));
	if (errnum != EPERM && errnum != EACCES)
		return error_os(errnum, "process %d (%s) cannot be read", pid, process->name);

	_cleanup_close_ int self = proc_open(getpid());
	struct proc_status its = { 0 }, ours = { 0 };

	if (!proc_status(process->proc, "status", &its) || self < 0 ||
	    !proc_status(self, "status", &ours))
		return error_os(errnum, "process %d (%s) cannot be read", pid, process->name);

	int scope = read_yama();
	bool capable = ours.capabilities >> CAPABILITY_PTRACE & 1;
	bool ours_all = its.uids[0] == ours.uids[1] && its.uids[1] == ours.uids[1] &&
			its.uids[2] == ours.uids[1];

	if (scope == 3)
		return refusal(errnum,
			       xasprintf("process %d (%s) cannot be read: kernel.yama.ptrace_scope "
					 "is 3, so that nothing can be "
					 "attached to until the next boot",
					 pid, process->name));
	if (!capable && !ours_all && its.uids[1] == ours.uids[1])
		return refusal(errnum,
			       xasprintf("process %d (%s) cannot be read: it belongs to the same user "
					 "but has the rights of another one too (setuid); run heapsnap "
					 "as root or with CAP_SYS_PTRACE",
					 pid, process->name));
	if (!capable && !ours_all) {
		_cleanup_free_ char *owner = user_name(its.uids[1]);
		_cleanup_free_ char *we = user_name(ours.uids[1]);

		return refusal(errnum, xasprintf("process %d (%s) belongs to %s and heapsnap runs "
						 "as %s: run it as root or with "
						 "CAP_SYS_PTRACE",
						 pid, process->name, owner, we));
	}
	if (!capable && scope > 0)
		return refusal(errnum,
			       xasprintf("process %d (%s) cannot be read: kernel.yama.ptrace_scope "
					 "is %d (%s): run heapsnap as "
					 "root or with CAP_SYS_PTRACE%s",
					 pid, process->name, scope,
					 scope == 1 ? "only a parent may attach"
						    : "only CAP_SYS_PTRACE may attach",
					 scope == 1 ? ", or set it to 0 with sysctl" : ""));
	if (!capable && ours.uids[1] == 0)
		return refusal(errnum, xasprintf("process %d (%s) cannot be read: root here lacks "
						 "CAP_SYS_PTRACE, as in a container; start "
						 "it with --cap-add SYS_PTRACE (docker) or add "
						 "SYS_PTRACE to securityContext (Kubernetes)",
						 pid, process->name));
	if (!capable)
		return refusal(errnum, xasprintf("process %d (%s) cannot be read though it belongs "
						 "to the same user: it is marked as not "
						 "dumpable (setuid, or file capabilities) or lives "
						 "in another user namespace; run "
						 "heapsnap as root or with CAP_SYS_PTRACE",
						 pid, process->name));
	return refusal(errnum, xasprintf("process %d (%s) cannot be read in spite of "
					 "CAP_SYS_PTRACE: a security module or a seccomp filter "
					 "forbids it, or it lives in a user namespace above ours; "
					 "run heapsnap on the host",
					 pid, process->name));
}

struct error *process_check_executable(const struct process *process, int exe)
{
	unsigned char header[EI_NIDENT + 4];

	if (exe < 0) {
		int errnum = errno;
		_cleanup_close_ int memory = openat(process->proc, "mem", O_RDONLY | O_CLOEXEC);

		if (errnum == EACCES && memory >= 0)
			return refusal(errnum,
				       xasprintf("process %d (%s): its executable may not be read, only "
						 "executed; run heapsnap as root",
						 process->pid, process->name));
		return process_refused(process, errnum);
	}
	if (pread(exe, header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    memcmp(header, ELFMAG, SELFMAG) != 0)
		return error_create(ERROR_UNSUPPORTED,
				    "process %d (%s): its executable is no ELF file", process->pid,
				    process->name);

	unsigned low = header[EI_NIDENT + 2], high = header[EI_NIDENT + 3];
	unsigned machine = header[EI_DATA] == ELFDATA2MSB ? low << 8 | high : high << 8 | low;

	if (header[EI_CLASS] != ELFCLASS64)
		return error_create(
			ERROR_UNSUPPORTED,
			"process %d (%s) is a 32-bit program (%s); heapsnap reads 64-bit ones",
			process->pid, process->name,
			machine == EM_X86_64 ? "x32" : machine_name(machine));
	if (machine != OUR_MACHINE)
		return error_create(ERROR_UNSUPPORTED,
				    "process %d (%s) is a program for %s; this heapsnap reads %s",
				    process->pid, process->name, machine_name(machine),
				    machine_name(OUR_MACHINE));
	return NULL;
}

bool process_held_switches(const struct process *process, uint64_t *ret)
{
	tid_array tids = { 0 };
	uint64_t switches = 0;
	bool held = proc_threads(process->proc, &tids);

	for (size_t i = 0; i < tids.n && held; i++) {
		struct proc_status status;
		char path[48];

		snprintf(path, sizeof(path), "task/%d/status", (int)tids.v[i]);
		if (!proc_status(process->proc, path, &status)) {
			held = false;
		} else if (status.state != 'Z' && status.state != 'X') {
			held = status.state == 't' && status.tracer;
			switches += status.switches;
		}
	}
	array_deinit(&tids);
	if (held)
		*ret = switches;
	return held;
}

struct error *process_check_tracer(const struct process *process, bool *held_ret)
{
	struct proc_status status;
	tid_array tids = { 0 };
	pid_t tracer = 0;

	if (!proc_threads(process->proc, &tids))
		return process_refused(process, errno);
	for (size_t i = 0; i < tids.n && !tracer; i++) {
		char path[48];

		snprintf(path, sizeof(path), "task/%d/status", (int)tids.v[i]);
		if (proc_status(process->proc, path, &status))
			tracer = status.tracer;
	}
	array_deinit(&tids);
	if (!tracer) {
		*held_ret = false;
		return NULL;
	}

	uint64_t first, again;
	bool held = process_held_switches(process, &first);

	for (unsigned looks = 1; looks < HELD_LOOKS && held; looks++) {
		usleep(HELD_NAP);
		held = process_held_switches(process, &again) && again == first;
	}
	if (held) {
		*held_ret = true;
		return NULL;
	}

	_cleanup_close_ int tracer_proc = proc_open(tracer);
	_cleanup_free_ char *name = NULL;

	if (tracer_proc >= 0 && proc_status(tracer_proc, "status", &status))
		name = text_escape(status.name, strlen(status.name));
	return refusal(EBUSY, xasprintf("process %d (%s) is traced by %s (process %d), which lets "
					"it run: a process has one tracer; end that "
					"one, or have it hold the process stopped",
					process->pid, process->name,
					name ? name : "another program", (int)tracer));
}

struct error *process_explain(const struct process *process, struct error *error)
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

struct error *process_mappings(const struct process *process, mapping_array *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t length;

	if (!proc_read(process->proc, "maps", &text, &length))
		return error_os(errno, "its mappings cannot be read");
	if (!length)
		return error_os(ESRCH, "it ended");
	return mappings_parse(text, length, ret);
}

struct error *process_check_program(const struct process *process, const struct target *target)
{
	_cleanup_free_ char *bytes = NULL;
	size_t length, known = target->auxv.n * sizeof(uint64_t);

	if (!known)
		return NULL;
	if (!proc_read(process->proc, "auxv", &bytes, &length) || !length)
		return error_os(ESRCH, "it ended");
	if (length >= known && memcmp(bytes, target->auxv.v, known) == 0)
		return NULL;
	return error_create(ERROR_OS,
			    "it has executed another program since it was opened; try again");
}

void process_destroy(void *pointer)
{
	struct process *process = pointer;

	if (!process)
		return;
	if (process->proc >= 0)
		close(process->proc);
	if (process->pagemap >= 0)
		close(process->pagemap);
	if (process->memory >= 0)
		close(process->memory);
	if (process->spool >= 0)
		close(process->spool);
	store_deinit(&process->store);
	array_deinit(&process->keys);
	free(process->name);
	free(process);
}

static void process_destroy_p(struct process **process)
{
	process_destroy(*process);
}
#define _cleanup_process_ _cleanup_(process_destroy_p)

struct error *process_open(pid_t pid, struct process **ret)
{
	if (pid <= 0)
		return error_create(ERROR_USAGE, "%d is no process number", (int)pid);
	if (pid == getpid())
		return error_create(ERROR_USAGE,
				    "process %d is heapsnap itself, which cannot stop itself",
				    (int)pid);

	_cleanup_process_ struct process *process = xcalloc(1, sizeof(*process));
	struct proc_status status;

	process->pid = process->memory_tid = pid;
	process->pagemap = process->memory = process->spool = -1;
	process->proc = proc_open(pid);
	if (process->proc < 0 || !proc_status(process->proc, "status", &status))
		return no_such_process(pid);
	process->name = text_escape(status.name, strlen(status.name));
	if (status.tgid != pid)
		return error_create(ERROR_USAGE,
				    "%d is a thread (%s) of process %d: give that number", (int)pid,
				    process->name, (int)status.tgid);
	if (!status.has_memory) {
		if (is_kernel_thread(process->proc))
			return error_create(
				ERROR_UNSUPPORTED,
				"%d (%s) is a thread of the kernel, which has no memory of its own",
				(int)pid, process->name);

		pid_t survivor = surviving_thread(process->proc);
		int proc = survivor ? proc_open(survivor) : -1;

		if (proc < 0)
			return refusal(ESRCH, xasprintf("process %d (%s) is a zombie: it has "
							"ended, and its parent has not noticed yet",
							(int)pid, process->name));
		close(process->proc);
		process->proc = proc;
		process->memory_tid = survivor;
	}
	process->pagemap = openat(process->proc, "pagemap", O_RDONLY | O_CLOEXEC);
	if (process->pagemap < 0)
		return process_refused(process, errno);
	*ret = take_pointer(process);
	return NULL;
}
