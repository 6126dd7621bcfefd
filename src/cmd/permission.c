/* SPDX-License-Identifier: MIT */
#include "cmd/permission.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ptrace.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "target/proc.h"

struct access {
	pid_t pid;
	/** Directories in /proc; -1 when not there. */
	int its, ours;
	struct proc_status target, self;
	/** Name of the process, escaped; owned. */
	char *name;
};

static void access_deinit(struct access *access)
{
	if (access->its >= 0)
		close(access->its);
	if (access->ours >= 0)
		close(access->ours);
	free(access->name);
}

static char *user_name(uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	return user ? xasprintf("%s (%u)", user->pw_name, (unsigned)uid)
		    : xasprintf("user %u", (unsigned)uid);
}

/* The number behind «Name:» in /proc/PID/status, the index-th on its line; -1 when it is not there. */
static long status_number(int proc, const char *name, unsigned index)
{
	_cleanup_free_ char *text = NULL;
	size_t length, name_length = strlen(name);

	if (!proc_read(proc, "status", &text, &length))
		return -1;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, name_length) || line[name_length] != ':')
			continue;

		char *at = (char *)(line + name_length + 1);

		for (unsigned i = 0; i < index; i++)
			strtol(at, &at, 10);
		return strtol(at, NULL, 10);
	}
	return -1;
}

static int yama_scope(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope;

	return file && fscanf(file, "%d", &scope) == 1 ? scope : -1;
}

static bool has_ptrace_capability(const struct access *access)
{
	return access->self.capabilities >> CAP_SYS_PTRACE & 1;
}

static bool is_same_user(const struct access *access)
{
	const uid_t *its = access->target.uids;
	uid_t ours = access->self.uids[3];
	long our_group = status_number(access->ours, "Gid", 3);

	if (its[0] != ours || its[1] != ours || its[2] != ours)
		return false;
	for (unsigned i = 0; i < 3; i++)
		if (status_number(access->its, "Gid", i) != our_group)
			return false;
	return true;
}

/* The kernel gives what is in /proc/PID (not the directory itself) to root while the process is not dumpable. */
static bool is_dumpable(const struct access *access)
{
	struct stat status;

	return fstatat(access->its, "mem", &status, 0) || status.st_uid == access->target.uids[1];
}

/* Is the system call itself filtered away? Nobody has PID 0, so where it is not, the answer is ESRCH. */
static bool is_ptrace_filtered(void)
{
	return syscall(SYS_ptrace, PTRACE_SEIZE, 0, 0, 0) != 0 && errno != ESRCH;
}

static bool is_file(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool is_in_kubernetes(void)
{
	return getenv("KUBERNETES_SERVICE_HOST") != NULL;
}

static bool is_in_container(void)
{
	return is_in_kubernetes() || getenv("container") || is_file("/.dockerenv") ||
	       is_file("/run/.containerenv");
}

static bool is_other_namespace(const struct access *access, const char *name)
{
	_cleanup_free_ char *its = proc_link(access->its, name),
			    *ours = proc_link(access->ours, name);

	// Unreadable means no right at all, which is told elsewhere.
	return its && ours && strcmp(its, ours) != 0;
}

/* What to do, in the words of whatever heapsnap runs in. */
static void container_remedy(struct diagnoses *diagnoses)
{
	if (is_in_kubernetes())
		diagnosis_remedy(
			diagnoses,
			"kubectl debug -it POD --image=IMAGE --target=CONTAINER --profile=general "
			"(an ephemeral container that shares its processes), or add SYS_PTRACE to "
			"securityContext.capabilities.add");
	else
		diagnosis_remedy(diagnoses, "start this container with --cap-add SYS_PTRACE "
					    "(docker, podman); or run heapsnap on the "
					    "host, or in a container of its own: docker run "
					    "--pid=container:NAME --cap-add SYS_PTRACE");
}

static void diagnose_refusal(const struct access *access, int errnum, struct diagnoses *diagnoses)
{
	_cleanup_free_ char *owner = user_name(access->target.uids[1]);
	_cleanup_free_ char *we = user_name(access->self.uids[1]);
	bool root = access->self.uids[1] == 0;
	int scope = yama_scope();

	if (scope == 3) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "permission",
			      "kernel.yama.ptrace_scope is 3: nobody may attach to anything");
		diagnosis_remedy(diagnoses, "only a boot with another setting helps");
	} else if (has_ptrace_capability(access)) {
		_cleanup_free_ char *label = NULL;
		size_t length;

		proc_read(access->its, "attr/current", &label, &length);
		if (label)
			label[strcspn(label, "\n")] = '\0';

		_cleanup_free_ char *escaped = label && *label ? text_escape(label, strlen(label))
							       : xstrdup("none");

		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "permission",
			      "refused in spite of CAP_SYS_PTRACE (%s): it belongs to a user "
			      "namespace above ours, or a security module "
			      "forbids it (its label: %s)",
			      strerror(errnum), escaped);
		diagnosis_remedy(diagnoses,
				 "run heapsnap on the host, outside of containers, as root");
	} else if (is_same_user(access) && !is_dumpable(access)) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "permission",
			      "the process belongs to us but is not dumpable (it changed its user, "
			      "has file capabilities, or asked for it)");
		diagnosis_remedy(diagnoses, "sudo heapsnap -p %d", (int)access->pid);
	} else if (is_same_user(access) && scope > 0) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "permission",
			      "kernel.yama.ptrace_scope is %d: %s", scope,
			      scope == 1 ? "only a parent, or root, may attach"
					 : "only root may attach");
		diagnosis_remedy(diagnoses, "sudo heapsnap -p %d%s", (int)access->pid,
				 scope == 1 ? "; or sudo sysctl kernel.yama.ptrace_scope=0 (until "
					      "the next boot)"
					    : "");
	} else if (root || (is_same_user(access) && is_in_container())) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "permission",
			      "%s here lacks CAP_SYS_PTRACE%s", we,
			      is_in_container() ? ", as containers do" : "");
		container_remedy(diagnoses);
	} else if (is_same_user(access)) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "permission",
			      "refused though the process belongs to us: it has more capabilities, "
			      "or another user namespace");
		diagnosis_remedy(diagnoses, "sudo heapsnap -p %d", (int)access->pid);
	} else if (access->target.uids[1] == access->self.uids[1]) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "permission",
			      "the process belongs to us but has the rights of another user or "
			      "group too (setuid, setgid)");
		diagnosis_remedy(diagnoses, "sudo heapsnap -p %d", (int)access->pid);
	} else {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "permission",
			      "the process belongs to %s, heapsnap runs as %s", owner, we);
		diagnosis_remedy(diagnoses, "sudo heapsnap -p %d", (int)access->pid);
	}
	diagnosis_status(diagnoses, STATUS_UNREADABLE);
}

static void diagnose_right(const struct access *access, struct diagnoses *diagnoses)
{
	int scope = yama_scope();
	const char *why = has_ptrace_capability(access) ? "CAP_SYS_PTRACE"
			  : scope == 1			? "same user; it is a child, or allows us"
							: "same user";

	if (scope >= 0)
		diagnosis_add(diagnoses, DIAGNOSIS_FINE, "permission",
			      "may attach (%s; kernel.yama.ptrace_scope is %d)", why, scope);
	else
		diagnosis_add(diagnoses, DIAGNOSIS_FINE, "permission", "may attach (%s)", why);
	if (!is_ptrace_filtered())
		return;
	diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "seccomp",
		      "a seccomp filter forbids us the system call ptrace");
	if (is_in_kubernetes())
		diagnosis_remedy(diagnoses, "set securityContext.seccompProfile.type to "
					    "Unconfined, or to a profile that allows ptrace");
	else
		diagnosis_remedy(diagnoses, "start this container with --cap-add SYS_PTRACE (its "
					    "profile then allows ptrace), or with "
					    "--security-opt seccomp=unconfined");
	diagnosis_status(diagnoses, STATUS_UNREADABLE);
}

static void diagnose_namespaces(const struct access *access, struct diagnoses *diagnoses)
{
	bool other_root = is_other_namespace(access, "ns/mnt");

	if (access->target.namespaces_below || other_root)
		diagnosis_add(diagnoses, DIAGNOSIS_FINE, "container",
			      "the process lives in other namespaces (%s%s%s); its files are read "
			      "through /proc/%d/root",
			      access->target.namespaces_below ? "pid" : "",
			      access->target.namespaces_below && other_root ? ", " : "",
			      other_root ? "mount" : "", (int)access->pid);
}

static bool diagnose_tracer(const struct access *access, struct diagnoses *diagnoses)
{
	if (!access->target.tracer)
		return true;

	_cleanup_close_ int proc = proc_open(access->target.tracer);
	struct proc_status tracer;
	_cleanup_free_ char *name = NULL;

	if (proc >= 0 && proc_status(proc, "status", &tracer))
		name = text_escape(tracer.name, strlen(tracer.name));
	if (access->target.state == 't') {
		diagnosis_add(diagnoses, DIAGNOSIS_FINE, "tracer",
			      "%s (pid %d) holds it stopped; it is read without attaching",
			      name ? name : "another program", (int)access->target.tracer);
		return true;
	}
	diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "tracer",
		      "%s (pid %d) traces it and lets it run; a process has one tracer",
		      name ? name : "another program", (int)access->target.tracer);
	diagnosis_remedy(diagnoses,
			 "end that one, or have it stop the process (interrupt, in a debugger)");
	diagnosis_status(diagnoses, STATUS_UNREADABLE);
	return false;
}

static const char *state_words(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "in an uninterruptible wait";
	case 'T':
		return "stopped by a signal, and will stay so";
	case 't':
		return "held by a tracer";
	case 'Z':
		return "a zombie";
	}
	return "in an unusual state";
}

static bool diagnose_access(const struct access *access, struct diagnoses *diagnoses)
{
	_cleanup_free_ char *owner = user_name(access->target.uids[1]);

	diagnosis_add(diagnoses, DIAGNOSIS_FINE, "process", "%s, pid %d, of %s, %s", access->name,
		      (int)access->pid, owner, state_words(access->target.state));
	if (access->target.state == 'D') {
		diagnoses->v.v[diagnoses->v.n - 1].result = DIAGNOSIS_NOTE;
		diagnosis_remedy(diagnoses,
				 "a stop waits until the system call that it is in returns");
	}

	_cleanup_close_ int memory = openat(access->its, "mem", O_RDONLY | O_CLOEXEC);

	if (memory < 0) {
		diagnose_refusal(access, errno, diagnoses);
		return false;
	}

	size_t before = diagnoses->v.n;

	diagnose_right(access, diagnoses);
	diagnose_namespaces(access, diagnoses);
	if (!diagnose_tracer(access, diagnoses))
		return false;
	for (size_t i = before; i < diagnoses->v.n; i++)
		if (diagnoses->v.v[i].result == DIAGNOSIS_PROBLEM)
			return false;
	return true;
}

bool permission_diagnose(pid_t pid, struct diagnoses *diagnoses)
{
	struct access access = { .pid = pid, .its = proc_open(pid), .ours = proc_open(getpid()) };
	bool granted = false;

	if (access.its < 0 || !proc_status(access.its, "status", &access.target)) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "process",
			      "there is no process %d here", (int)pid);
		if (is_in_container())
			container_remedy(diagnoses);
		else
			diagnosis_remedy(diagnoses, "pidof NAME, or ps, tells its number; of a "
						    "container, take the number the host has");
		diagnosis_status(diagnoses, STATUS_UNREADABLE);
	} else if (access.ours < 0 || !proc_status(access.ours, "status", &access.self)) {
		diagnosis_add(diagnoses, DIAGNOSIS_PROBLEM, "process",
			      "/proc does not show heapsnap itself");
		diagnosis_remedy(diagnoses, "mount -t proc proc /proc");
		diagnosis_status(diagnoses, STATUS_UNREADABLE);
	} else {
		access.name = text_escape(access.target.name, strlen(access.target.name));
		granted = diagnose_access(&access, diagnoses);
	}
	access_deinit(&access);
	return granted;
}
