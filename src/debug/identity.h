/* SPDX-License-Identifier: MIT */
/*
 * What a set of modules is told by: the build ID of each, and which files on this machine were found for it.
 *
 * A build ID alone is the word of whoever made the file, and a container may claim that of another's; so the files are told by device, inode, size and time as well, and what
 * was read of one is never taken for what another says. So is the program that reads.
 */
#ifndef HEAPSNAP_DEBUG_IDENTITY_H
#define HEAPSNAP_DEBUG_IDENTITY_H

struct cache_entry;
struct modules;

/** The identity of all modules, in their order, a line for each; NULL when one of them has code and no build ID. Looks for their debug files. Owner: the caller. */
char *modules_identity(struct modules *modules);

/** Puts what was read of modules with an identity into the cache; when that fails, modules.cache_trouble says why. */
void modules_keep(struct modules *modules, const char *kind, const char *identity, struct cache_entry *entry);

#endif
