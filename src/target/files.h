/* SPDX-License-Identifier: MIT */
/*
 * The files behind a running process's mappings, found and held open.
 *
 * A path says little: the target may live in another mount namespace, and a package may have been upgraded under it. So a file counts as found
 * only when it is the one that is mapped: the same inode, or the same bytes where the kernel does not let us compare inodes. Only modules are opened
 * (files that are mapped executable somewhere, or are named as libraries are), not data; devices and pipes of the target are never opened at all.
 */
#ifndef HEAPSNAP_TARGET_FILES_H
#define HEAPSNAP_TARGET_FILES_H

#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "target/target.h"

/** What /proc/PID/maps knows a file by. */
struct file_key {
	uint32_t dev_major, dev_minor;
	uint64_t inode;
};

typedef ARRAY(struct file_key) file_key_array;

/** Sets `file` of each mapping whose file is among those of the target. */
void files_assign(const file_key_array *keys, mapping_array *mappings);

/** Opens the modules of the mappings that are not among the target's files yet, appends them and their keys, and assigns. What cannot be
    opened is appended too, with the reason. `proc` is the directory of the thread in /proc, `tid` its number. */
void files_open(struct target *target, int proc, pid_t tid, file_key_array *keys,
		mapping_array *mappings);

/** The index in target.files of the file that is open as fd, or -1. */
int files_find_open(const struct target *target, int fd);

#endif
