/* SPDX-License-Identifier: MIT */
/*
 * Which package brings the debug information of a file? Told from the package database below a root directory, by reading it: no program of the
 * target's system is run.
 */
#ifndef HEAPSNAP_CMD_PACKAGE_H
#define HEAPSNAP_CMD_PACKAGE_H

/** The directory below which the system of a process lies, as this one sees it; of a core (pid 0) the sysroot, NULL for none. Owner: the caller. */
char *package_root(int pid, const char *sysroot);

/** What to do to have the debug information of a file: «apt-get install libc6-dbg», or how to ask a debuginfod server, or what to look for. `root` is
    the directory below which the file's system lies («» for our own), `path` the file as that system names it, `build_id` in
    hexadecimal or NULL, `servers` the value of DEBUGINFOD_URLS or NULL. Owner: the caller. Never NULL. */
char *package_remedy(const char *root, const char *path, const char *build_id, const char *servers);

#endif
