/* SPDX-License-Identifier: MIT */
#include "target/locate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "target/elf_headers.h"

enum {
	HEAD_COMPARED_MAX = 4096,
	/* Reasons that are told; a debug path can have any number of directories. */
	REASONS_MAX = 6,
};

static const char default_debug_path[] = "/usr/lib/debug";

struct search {
	const struct wanted_file *wanted;
	struct located_file found;
	/** «PATH has another build ID …», in the order of the search. */
	ARRAY(char *) reasons;
};

static unsigned machine_number(enum machine machine)
{
	return machine == MACHINE_X86_64 ? EM_X86_64 : EM_AARCH64;
}

/* Opens a regular file for reading, -1 (errno set) for anything else. With a root, symbolic links stay within it. */
static int regular_open(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = root >= 0 ? RESOLVE_IN_ROOT : 0 };
	_cleanup_close_ int handle = (int)syscall(SYS_openat2, root >= 0 ? root : AT_FDCWD, path, &how, sizeof(how));

	// Linux before 5.6 and some seccomp filters do not know it: links may then lead out of the root, which the build ID shows.
	if (handle < 0 && (errno == ENOSYS || errno == EPERM))
		handle = openat(root >= 0 ? root : AT_FDCWD, root >= 0 ? path + strspn(path, "/") : path, O_PATH | O_CLOEXEC);
	if (handle < 0)
		return -1;

	struct stat status;

	if (fstat(handle, &status) != 0)
		return -1;
	if (!S_ISREG(status.st_mode)) {
		errno = S_ISDIR(status.st_mode) ? EISDIR : ENXIO;
		return -1;
	}

	// An O_PATH descriptor is opened by its name in /proc: no other file can have taken its place meanwhile.
	char name[64];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", handle);
	return open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static void reason_add(struct search *search, char *reason)
{
	if (search->reasons.n < REASONS_MAX)
		array_append(&search->reasons, reason);
	else
		free(reason);
}

/* Whether the first bytes of the file are those that the core has. */
static bool head_matches(const struct wanted_file *wanted, int fd)
{
	uint8_t head[HEAD_COMPARED_MAX];
	size_t size = wanted->head_size < sizeof(head) ? wanted->head_size : sizeof(head);

	// A file may be shorter than its first page; what is mapped behind its end is zero.
	memset(head, 0, sizeof(head));
	for (size_t done = 0; done < size;) {
		ssize_t got = pread(fd, head + done, size - done, (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return memcmp(head, wanted->head, size) == 0;
}

/* Why an open file is not the wanted one, as the rest of a sentence; NULL when it is (or may be: *verified). */
static char *unfit(const struct wanted_file *wanted, int fd, struct build_id *build_id, bool *verified)
{
	_cleanup_elf_headers_ struct elf_headers headers = { 0 };
	struct stat status;

	if (fstat(fd, &status) != 0)
		return xasprintf("cannot be examined: %s", strerror(errno));
	if (!elf_headers_read(elf_get_file, &fd, &headers))
		return xstrdup("is no 64-bit ELF file");
	if (headers.ehdr.e_machine != machine_number(wanted->machine))
		return xasprintf("is for %s", machine_name(headers.ehdr.e_machine));
	*build_id = elf_headers_build_id(&headers, elf_get_file, &fd, NULL);

	uint64_t size = (uint64_t)status.st_size;

	if (wanted->build_id.size) {
		char text[BUILD_ID_TEXT_MAX];

		if (!build_id->size)
			return xstrdup("has no build ID");
		if (!build_id_equal(&wanted->build_id, build_id))
			return xasprintf("has another build ID: %s", build_id_text(text, build_id));
		*verified = true;
	} else if (wanted->head_size) {
		if (!head_matches(wanted, fd))
			return xstrdup("is another file: its first page differs");
		*verified = false;
	} else {
		*verified = false;
	}
	if (!elf_headers_is_whole(&headers, elf_get_file, &fd, size))
		return xstrdup("has debug information only (or is cut off), not the code and data");
	// The last page may reach behind the end of the file; 64 KiB is the largest page there is.
	if (wanted->needed_size > size + 65535)
		return xstrdup("is shorter than what was mapped");
	return NULL;
}

/* Tries one place; true when it is the file. A place with nothing in it is no reason worth telling. */
static bool try_open(struct search *search, int fd, int errnum, const char *shown)
{
	if (fd < 0) {
		if (errnum != ENOENT && errnum != ENOTDIR)
			reason_add(search, xasprintf("%s %s", shown, errnum == ENXIO ? "is no regular file" :
						     errnum == EISDIR ? "is a directory" : "cannot be opened"));
		return false;
	}

	struct build_id build_id = { 0 };
	bool verified = false;
	char *why = unfit(search->wanted, fd, &build_id, &verified);

	if (why) {
		reason_add(search, xasprintf("%s %s", shown, why));
		free(why);
		close(fd);
		return false;
	}
	search->found.fd = fd;
	search->found.opened_as = xstrdup(shown);
	search->found.verified = verified;
	search->found.build_id = build_id;
	return true;
}

static bool try_path(struct search *search, const char *path)
{
	int fd = regular_open(-1, path);

	return try_open(search, fd, errno, path);
}

static bool try_below(struct search *search, int root, const char *root_path, const char *path)
{
	size_t length = strlen(root_path);

	while (length > 1 && root_path[length - 1] == '/')
		length--;
	path += strspn(path, "/");

	_cleanup_free_ char *shown = xasprintf("%.*s/%s", (int)length, root_path, path);
	_cleanup_free_ char *inside = xasprintf("/%s", path);
	int fd = regular_open(root, inside);

	return try_open(search, fd, errno, shown);
}

/* .build-id/xx/rest, where distributions link the file itself, and rest.debug, which is usually (not always) only its debug information. */
static bool try_build_id(struct search *search, int root, const char *root_path, const char *directory)
{
	static const char *const suffixes[] = { "", ".debug" };
	char text[BUILD_ID_TEXT_MAX];

	if (search->wanted->build_id.size < 2)
		return false;
	build_id_text(text, &search->wanted->build_id);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		_cleanup_free_ char *path =
			xasprintf("%s/.build-id/%.2s/%s%s", directory, text, text + 2, suffixes[i]);

		if (root >= 0 ? try_below(search, root, root_path, path) : try_path(search, path))
			return true;
	}
	return false;
}

static bool try_sysroot(struct search *search, const char *sysroot)
{
	const char *path = search->wanted->path;
	const char *slash = strrchr(path, '/');
	_cleanup_close_ int root = open(sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return false;
	if (path[0] == '/' && try_below(search, root, sysroot, path))
		return true;
	// A folder of collected files without their paths: only a proof of identity makes one of these the right one.
	if ((search->wanted->build_id.size || search->wanted->head_size) && slash && slash > path && slash[1] &&
	    try_below(search, root, sysroot, slash))
		return true;
	return try_build_id(search, root, sysroot, "/usr/lib/debug") || try_build_id(search, root, sysroot, "/usr/lib");
}

static bool try_debug_path(struct search *search, const char *debug_path)
{
	while (*debug_path) {
		size_t length = strcspn(debug_path, ":");

		if (length) {
			_cleanup_free_ char *directory = xstrndup(debug_path, length);

			if (try_build_id(search, -1, NULL, directory))
				return true;
		}
		debug_path += length;
		debug_path += *debug_path == ':';
	}
	return false;
}

/* A bare name, as a DT_SONAME is: where distributions keep libraries. */
static bool try_library(struct search *search)
{
	static const char *const x86_64[] = { "/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib", "/lib" };
	static const char *const aarch64[] = { "/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib", "/lib" };
	const char *const *directories = search->wanted->machine == MACHINE_X86_64 ? x86_64 : aarch64;

	for (size_t i = 0; i < sizeof(x86_64) / sizeof(x86_64[0]); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", directories[i], search->wanted->path);

		if (try_path(search, path))
			return true;
	}
	return false;
}

static bool search_run(struct search *search, const struct locate_options *options)
{
	const struct wanted_file *wanted = search->wanted;

	if (wanted->exe) {
		if (try_path(search, wanted->exe))
			return true;
		if (search->reasons.n)
			search->found.why_not_exe = xstrdup(search->reasons.v[0]);
		else
			search->found.why_not_exe = xasprintf("%s is not there", wanted->exe);
	}
	if (options->sysroot && try_sysroot(search, options->sysroot))
		return true;
	// A relative name would mean something else in our working directory, unless the file proves itself.
	if (wanted->path[0] == '/' || wanted->build_id.size) {
		size_t before = search->reasons.n;

		if (try_path(search, wanted->path))
			return true;
		search->found.replaced = search->reasons.n > before;
	}
	if (wanted->build_id.size && !strchr(wanted->path, '/') && try_library(search))
		return true;
	if (try_debug_path(search, options->debug_path ? options->debug_path : default_debug_path) ||
	    try_build_id(search, -1, NULL, "/usr/lib")) {
		search->found.replaced = true;
		return true;
	}
	return false;
}

/* «is not on this machine (build ID …)», or what was there instead. */
static char *why_absent(const struct search *search)
{
	char text[BUILD_ID_TEXT_MAX];
	char *why = NULL;

	for (size_t i = 0; i < search->reasons.n; i++) {
		char *longer = xasprintf("%s%s%s", why ? why : "", why ? "; " : "", search->reasons.v[i]);

		free(why);
		why = longer;
	}

	char *whole;

	if (search->wanted->build_id.size)
		whole = xasprintf("is not on this machine: wanted is build ID %s%s%s",
				  build_id_text(text, &search->wanted->build_id), why ? "; " : "", why ? why : "");
	else
		whole = xasprintf("is not on this machine%s%s", why ? ": " : "", why ? why : "");
	free(why);
	return whole;
}

void locate_file(const struct locate_options *options, const struct wanted_file *wanted, struct located_file *ret)
{
	struct search search = { .wanted = wanted, .found = { .fd = -1 } };

	if (!search_run(&search, options))
		search.found.why_absent = why_absent(&search);
	for (size_t i = 0; i < search.reasons.n; i++)
		free(search.reasons.v[i]);
	array_deinit(&search.reasons);
	*ret = search.found;
}

void located_file_deinit(struct located_file *located)
{
	if (located->fd >= 0)
		close(located->fd);
	free(located->opened_as);
	free(located->why_absent);
	free(located->why_not_exe);
	*located = (struct located_file){ .fd = -1 };
}
