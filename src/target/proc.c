/* SPDX-License-Identifier: MIT */
#include "target/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

int proc_open(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool proc_read(int proc, const char *name, char **text_ret, size_t *length_ret)
{
	_cleanup_close_ int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	ARRAY(char) text = { 0 };

	if (fd < 0)
		return false;
	for (;;) {
		array_reserve(&text, 16384);

		ssize_t got = read(fd, text.v + text.n, text.capacity - text.n - 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			int errnum = errno;

			array_deinit(&text);
			errno = errnum;
			return false;
		}
		if (!got)
			break;
		text.n += (size_t)got;
	}
	text.v[text.n] = '\0';
	*text_ret = text.v;
	*length_ret = text.n;
	return true;
}

char *proc_link(int proc, const char *name)
{
	char path[4096 + 32];
	ssize_t length = readlinkat(proc, name, path, sizeof(path));

	return length < 0 ? NULL : xstrndup(path, (size_t)length);
}

/* What follows «field:» and blanks at the start of a line; NULL when there is no such line. */
static const char *field(const char *text, const char *name)
{
	size_t length = strlen(name);

	while (text && *text) {
		if (strncmp(text, name, length) == 0 && text[length] == ':')
			return text + length + 1 + strspn(text + length + 1, " \t");
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

static uint64_t field_number(const char *text, const char *name, int base)
{
	const char *value = field(text, name);

	return value ? strtoull(value, NULL, base) : 0;
}

bool proc_status(int proc, const char *name, struct proc_status *ret)
{
	_cleanup_free_ char *text = NULL;
	size_t length;

	if (!proc_read(proc, name, &text, &length))
		return false;

	struct proc_status status = { 0 };
	const char *value = field(text, "Name");

	if (value) {
		// The kernel writes a line feed in it as \n, and a backslash as two.
		for (size_t n = 0; *value && *value != '\n' && n < sizeof(status.name) - 1; value++) {
			bool escaped = *value == '\\' && (value[1] == 'n' || value[1] == '\\');

			value += escaped;
			status.name[n++] = escaped && *value == 'n' ? '\n' : *value;
		}
	}
	value = field(text, "State");
	status.state = value ? *value : '\0';
	status.tgid = (pid_t)field_number(text, "Tgid", 10);
	status.tracer = (pid_t)field_number(text, "TracerPid", 10);
	value = field(text, "Uid");
	for (size_t i = 0; value && i < 4; i++) {
		char *end;

		status.uids[i] = (uid_t)strtoul(value, &end, 10);
		value = end;
	}
	status.has_memory = field(text, "VmSize") != NULL;
	status.switches = field_number(text, "voluntary_ctxt_switches", 10) +
			  field_number(text, "nonvoluntary_ctxt_switches", 10);
	status.capabilities = field_number(text, "CapEff", 16);

	// NSpid: one number for each namespace from ours down to its own.
	value = field(text, "NSpid");
	for (bool inside = false; value && *value && *value != '\n'; value++) {
		if (*value == '\t' || *value == ' ')
			inside = false;
		else if (!inside) {
			inside = true;
			status.namespaces_below++;
		}
	}
	if (status.namespaces_below)
		status.namespaces_below--;
	*ret = status;
	return true;
}

uint64_t proc_start_ticks(int proc)
{
	enum { FIELDS_BETWEEN = 20 };
	_cleanup_free_ char *text = NULL;
	size_t length;

	if (!proc_read(proc, "stat", &text, &length))
		return 0;

	// «4711 (a name) S 1 …»: the name may hold blanks and parentheses, but nothing behind it does. Field 22 is wanted.
	const char *at = strrchr(text, ')');

	for (unsigned i = 0; at && i < FIELDS_BETWEEN; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

char *proc_boot_id(void)
{
	enum { LENGTH = 36 };
	_cleanup_close_ int directory = open("/proc/sys/kernel/random", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t length;

	if (directory < 0 || !proc_read(directory, "boot_id", &text, &length) || length < LENGTH)
		return NULL;
	return xstrndup(text, LENGTH);
}

bool proc_threads(int proc, tid_array *ret)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = openat(proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	if (fd < 0)
		return false;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return false;
	}
	tid_array tids = { 0 };

	while ((errno = 0, entry = readdir(dir)) != NULL) {
		char *end;
		long tid = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && tid > 0)
			array_append(&tids, (pid_t)tid);
	}
	if (errno || !tids.n) {
		int errnum = errno ? errno : ESRCH;

		array_deinit(&tids);
		errno = errnum;
		return false;
	}
	ret->v = tids.v;
	ret->n = tids.n;
	ret->capacity = tids.capacity;
	return true;
}

void proc_thread_name(int proc, pid_t tid, char name[16])
{
	_cleanup_free_ char *text = NULL;
	char path[48];
	size_t length;

	memset(name, 0, 16);
	snprintf(path, sizeof(path), "task/%d/comm", (int)tid);
	if (!proc_read(proc, path, &text, &length))
		return;
	if (length && text[length - 1] == '\n')
		length--;
	memcpy(name, text, length < 15 ? length : 15);
}

bool proc_thread_syscall(int proc, pid_t tid, long *number_ret, uint64_t *argument_ret,
			 uint64_t *sp_ret, uint64_t *pc_ret)
{
	_cleanup_free_ char *text = NULL;
	char path[48];
	size_t length;

	snprintf(path, sizeof(path), "task/%d/syscall", (int)tid);
	if (!proc_read(proc, path, &text, &length) || !length || strncmp(text, "running", 7) == 0)
		return false;

	// «202 0x7f.. 0x80 0x1 0x0 0x0 0x0 SP PC», or «-1 SP PC» outside of any call.
	char *at = text;
	long number = strtol(at, &at, 10);
	uint64_t values[8];
	size_t n = 0, wanted = number < 0 ? 2 : 8;

	for (; n < wanted; n++) {
		char *end;

		values[n] = strtoull(at, &end, 16);
		if (end == at)
			return false;
		at = end;
	}
	*number_ret = number < 0 ? -1 : number;
	*argument_ret = number < 0 ? 0 : values[0];
	*sp_ret = values[wanted - 2];
	*pc_ret = values[wanted - 1];
	return true;
}
