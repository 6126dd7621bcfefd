/* SPDX-License-Identifier: MIT */
#include "target/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
	/** Bytes that are compared when inodes cannot be: ELF header, program headers and as a rule the build ID. */
	COMPARED = 4096,
};

/* Where the search for one file stands. */
struct search {
	int proc;
	pid_t tid;
	const struct mapping *mapping;
	const mapping_array *mappings;
	/** The mapped inode itself, where the kernel lets us have it (map_files). */
	bool exact;
	struct stat status;
};

static bool key_is(const struct file_key *key, const struct mapping *mapping)
{
	return key->inode == mapping->inode && key->dev_major == mapping->dev_major &&
	       key->dev_minor == mapping->dev_minor;
}

/* /dev/zero, pipes and the like have inodes too, but only what has a path can be a module. */
static bool has_file(const struct mapping *mapping)
{
	return mapping->inode && mapping->path && mapping->path[0] == '/';
}

/* A module, by what is mapped: its code, or (data alone, as in libicudata) its name. */
static bool is_module(const struct mapping *mapping)
{
	if (!has_file(mapping))
		return false;
	// A device's own memory, and the pages of huge-page pools: their paths name no file.
	if (strncmp(mapping->path, "/dev/", 5) == 0 ||
	    strncmp(mapping->path, "/anon_hugepage", 14) == 0)
		return false;
	if (mapping->prot & MAPPING_EXEC)
		return true;

	const char *name = strrchr(mapping->path, '/'), *suffix = strstr(name, ".so");

	return suffix && (suffix[3] == '\0' || suffix[3] == '.');
}

static int key_index(const file_key_array *keys, const struct mapping *mapping)
{
	for (size_t i = 0; i < keys->n; i++)
		if (key_is(&keys->v[i], mapping))
			return (int)i;
	return -1;
}

void files_assign(const file_key_array *keys, mapping_array *mappings)
{
	int last = -1;

	for (size_t i = 0; i < mappings->n; i++) {
		struct mapping *mapping = &mappings->v[i];

		mapping->file = -1;
		if (!has_file(mapping))
			continue;
		// The mappings of one file stand together.
		if (last < 0 || !key_is(&keys->v[last], mapping))
			last = key_index(keys, mapping);
		mapping->file = last;
	}
}

/* Opens a name without touching what it names; -1 and errno. A process may map more files than our soft limit allows to hold. */
static int open_path(int directory, const char *name)
{
	int fd = openat(directory, name, O_PATH | O_CLOEXEC);
	struct rlimit limit;

	if (fd >= 0 || errno != EMFILE || getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur == limit.rlim_max)
		return fd;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
		errno = EMFILE;
		return -1;
	}
	return openat(directory, name, O_PATH | O_CLOEXEC);
}

/* Opens for reading what an O_PATH descriptor stands for. */
static int reopen(int path_fd)
{
	char name[40];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	return open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Whether the file holds what is mapped: its first page, read from both. */
static bool same_bytes(const struct search *search, int fd)
{
	for (size_t i = 0; i < search->mappings->n; i++) {
		const struct mapping *mapping = &search->mappings->v[i];

		if (mapping->inode != search->mapping->inode ||
		    mapping->dev_major != search->mapping->dev_major ||
		    mapping->dev_minor != search->mapping->dev_minor || mapping->offset ||
		    mapping->shared || !(mapping->prot & MAPPING_READ) ||
		    mapping->prot & MAPPING_WRITE)
			continue;

		uint8_t mapped[COMPARED], stored[COMPARED];
		struct iovec local = { mapped, sizeof(mapped) },
			     remote = { (void *)(uintptr_t)mapping->start, sizeof(mapped) };
		ssize_t n = pread(fd, stored, sizeof(stored), 0);

		// Shorter than a page, the file goes on as zeros in memory: not worth a case of its own.
		return n == COMPARED &&
		       process_vm_readv(search->tid, &local, 1, &remote, 1, 0) == COMPARED &&
		       memcmp(mapped, stored, COMPARED) == 0;
	}
	return false;
}

/* Whether this name leads to the mapped file; then it is open in *fd_ret. `other_ret` tells that it leads to another one. */
static bool try_name(const struct search *search, int directory, const char *name, int *fd_ret,
		     bool *same_inode_ret, bool *other_ret)
{
	_cleanup_close_ int path_fd = open_path(directory, name);
	struct stat status;

	if (path_fd < 0 || fstat(path_fd, &status) < 0)
		return false;
	*other_ret = true;
	if (!S_ISREG(status.st_mode))
		return false;

	bool same_inode, maybe = true;

	if (search->exact) {
		same_inode = status.st_dev == search->status.st_dev &&
			     status.st_ino == search->status.st_ino;
		maybe = same_inode;
	} else {
		// btrfs and overlayfs show another device in stat() than in maps, and some overlays another inode.
		same_inode = status.st_ino == search->mapping->inode &&
			     major(status.st_dev) == search->mapping->dev_major &&
			     minor(status.st_dev) == search->mapping->dev_minor;
	}
	if (!maybe)
		return false;

	_cleanup_close_ int fd = reopen(path_fd);

	if (fd < 0)
		return false;
	if (!same_inode) {
		if (!same_bytes(search, fd))
			return false;
		same_inode = status.st_ino == search->mapping->inode;
	}
	*same_inode_ret = same_inode;
	*fd_ret = take_fd(&fd);
	*other_ret = false;
	return true;
}

static void file_search(struct search *search, struct target_file *file)
{
	const struct mapping *mapping = search->mapping;
	_cleanup_free_ char *in_root = xasprintf("root%s", mapping->path);
	char map_file[64];
	bool same_inode = false, other = false;

	snprintf(map_file, sizeof(map_file), "map_files/%" PRIx64 "-%" PRIx64, mapping->start,
		 mapping->end);

	_cleanup_close_ int mapped = open_path(search->proc, map_file);
	int map_errnum = errno;

	search->exact = mapped >= 0 && fstat(mapped, &search->status) == 0;
	if (search->exact && !S_ISREG(search->status.st_mode)) {
		file->why_absent = xstrdup("is not a regular file");
		return;
	}

	// Its own root first. maps prints paths as seen from *our* root where that holds the target's (chroot), so the bare path is next.
	if (try_name(search, search->proc, in_root, &file->fd, &same_inode, &other)) {
		file->opened_as = xasprintf("/proc/%d/%s", (int)search->tid, in_root);
		file->replaced = !same_inode;
		return;
	}
	if (try_name(search, AT_FDCWD, mapping->path, &file->fd, &same_inode, &other)) {
		file->opened_as = xstrdup(mapping->path);
		file->replaced = !same_inode;
		return;
	}

	// The path leads elsewhere or nowhere: an upgraded package, a deleted binary.
	file->replaced = true;
	if (search->exact) {
		file->fd = reopen(mapped);
		if (file->fd >= 0) {
			file->opened_as = xasprintf("/proc/%d/%s", (int)search->tid, map_file);
			return;
		}
		file->why_absent = xasprintf("cannot be read: %s", strerror(errno));
		return;
	}
	if (try_name(search, search->proc, "exe", &file->fd, &same_inode, &(bool){ false })) {
		file->opened_as = xasprintf("/proc/%d/exe", (int)search->tid);
		return;
	}
	file->why_absent = xasprintf(
		"%s%s", other ? "is another file now" : "is not there any more",
		map_errnum == EPERM || map_errnum == EACCES
			? ", and what is mapped may be opened by root only (CAP_CHECKPOINT_RESTORE)"
			: "");
}

void files_open(struct target *target, int proc, pid_t tid, file_key_array *keys,
		mapping_array *mappings)
{
	for (size_t i = 0; i < mappings->n; i++) {
		const struct mapping *mapping = &mappings->v[i];

		if (!is_module(mapping) || key_index(keys, mapping) >= 0)
			continue;

		struct search search = {
			.proc = proc, .tid = tid, .mapping = mapping, .mappings = mappings
		};
		struct target_file file = { .path = xstrdup(mapping->path), .fd = -1 };

		file_search(&search, &file);
		array_append(keys, (struct file_key){ mapping->dev_major, mapping->dev_minor,
						      mapping->inode });
		array_append(&target->files, file);
	}
	files_assign(keys, mappings);
}

int files_find_open(const struct target *target, int fd)
{
	struct stat wanted, status;

	if (fd < 0 || fstat(fd, &wanted) < 0)
		return -1;
	for (size_t i = 0; i < target->files.n; i++)
		if (target->files.v[i].fd >= 0 && fstat(target->files.v[i].fd, &status) == 0 &&
		    status.st_dev == wanted.st_dev && status.st_ino == wanted.st_ino)
			return (int)i;
	return -1;
}
